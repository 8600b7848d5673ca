// Package query lets an API answer from a state topic: Open keeps a full copy of the topic in this process and Get
// reads one row of it.
//
// Promises. A row read is one that was committed; rows appear a moment after they are published, in the order of
// their partition. Every instance has the whole table, so any of them can answer. Nothing is read before the copy is
// asked for the first time: a process whose API nobody calls pays nothing. Until the copy is as complete as the topic
// was when it was started, Get returns ErrNotReady.
//
// One goroutine follows the topic and owns the writing; Get may be called by any number of goroutines and does not
// block on Kafka. The copy is in memory and needs about the size of the encoded rows; WithPages bounds that, and leaves
// the rest to a scratch file. A crash loses nothing: the copy is read again. Close ends the goroutine and waits for it.
package query
