// Package stream is the engine: a data product is a keyed table with typed
// reactions, declared as one Go value by [Define].
//
// (contract text follows)
package stream
