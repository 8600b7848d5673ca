// Package orderprocessing is the order domain: it takes in orders and carries them through their life.
//
// Read it in this order: the contracts in schemas/orderproc; dataproduct.go, the declaration; lifecycle.go, which
// moves are possible; check.go, which commands are valid; orders.go, the reactions; order.go, from commands to orders
// to events; enrich.go, what other domains add; hourly.go, figures per hour; ledger.go, match.go and cancellation.go,
// the sales that credit notes take back; partner.go, orders of partners; service.go, the wiring; api.go, the REST API
// at the edge; testdata, scripts of commands in and orders out.
//
// The reactions are plain functions of the order and the command. They know no clock but the event's and touch no
// Kafka: the engine (pkg/stream) owns state, timers and delivery, and calls them once per command, exactly once in
// effect. A command that cannot be taken becomes a refusal with a reason, kept with the order; one that names no
// order becomes a dead letter. Asking for the same order twice is one order, and nothing is published twice.
//
// The REST API answers 202 only after the broker has acknowledged the command; a crash afterwards loses nothing.
package orderprocessing
