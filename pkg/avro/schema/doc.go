// Package schema reads Avro schemas: names and namespaces, aliases, docs, logical types and defaults, checked as
// the Avro 1.12 specification asks; and writes their canonical form and fingerprints.
//
// A parsed *Schema is a graph: a named type that is referred to several times, or by itself, is one *Schema.
// Callers treat it as immutable; it may be shared by any number of goroutines. Parsing is safe on hostile text: it
// returns an error that names the path to the fault and never panics.
//
// What the specification says to ignore is ignored but not lost: an unknown or unusable logicalType leaves Logical
// empty and stays visible in Props["logicalType"], so that linters and generators can refuse it.
package schema
