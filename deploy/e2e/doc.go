// Package e2e is the integration suite: the conformance suites of the backbone on real Apache Kafka, the whole mesh as
// separate processes under faults, and foreign clients on the other end. It is what `make test-kafka` runs.
//
// Nothing here is skipped silently. Where a broker cannot be started the suite fails and says what is missing; a
// foreign client that is not there is named in the reason of the one test that needs it.
package e2e
