// Package schemas holds what every contract of the mesh shares: the typed topic value, its codecs, and the few
// value types that Avro has and Go lacks (optional, exact decimal).
//
// The contracts themselves live in one folder per bounded context (orderproc, product, customer, …): Avro schemas
// (*.avsc), data contracts (*.odcs.yaml, ODCS 3.1), product descriptors (*.odps.yaml, Bitol ODPS 1.0) and the Go
// generated from them. Generated Go needs this module and the standard library only, so that any program can
// import the contracts without the backbone.
//
// Everything here is an immutable value: topic values are declared once by generated code and may be shared by
// any number of goroutines. Nothing blocks, nothing is kept, nothing can be lost.
package schemas
