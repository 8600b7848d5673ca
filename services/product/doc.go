// Package product is the product domain: the Product state and Product Sales.
//
// Read it in this order: the contracts in schemas/product; dataproduct.go, the declarations; catalogue.go, and sales.go
// with prices.go, the folds of the two products; service.go, the wiring; testdata, scripts of events in and rows out.
//
// The folds are plain functions of state and event. They keep nothing of their own, know no clock but the event's,
// and touch no Kafka: the engine (pkg/stream) owns state, delivery and time, and calls them once per event,
// exactly once in effect. What they cannot book (another currency than the reporting one) they reject, and the
// engine moves the event to the dead letters with the reason.
package product
