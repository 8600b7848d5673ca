// Package sample has small contracts for the tests of the engine: two streams
// of hits, a table of counts, a table of names and a stream of alerts.
//
// Values are immutable and nothing is kept; a Topics value may be shared.
package sample
