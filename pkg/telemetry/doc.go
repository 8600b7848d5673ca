// Package telemetry holds what every Meshwork process says about itself:
// metrics, logs and health.
//
// Metrics is one value with every Prometheus vector of the backbone. Callers
// bind the labels once (Metrics.Product, Metrics.Processor, Metrics.Partition,
// ...) and keep the handle; a handle's methods neither allocate nor look labels
// up. All helpers are safe on a nil *Metrics and on a nil handle, so a package
// takes a *Metrics and need not ask whether there is one.
//
// Labels are bounded by construction: names of services, products, topics,
// groups and stores, and closed enumerations (Outcome, Kind, Reason, ...).
// Nothing a record contains becomes a label. Only the gauges of a Partition
// carry a partition number, and they disappear with Partition.Delete when the
// partition is revoked, so that sums of lag never count ghosts.
//
// A record counts as handled only after the transaction that holds its offset
// has been confirmed; callers keep to that, or restarts would inflate rates.
//
// Logging is zap, injected, never global. NewLogger masks fields whose name
// says that they hold a secret or personal data; Secret is a string that
// prints, logs and marshals as "[redacted]".
//
// Nothing here starts a goroutine or blocks.
package telemetry
