// Package wire holds what generated codecs share: functions that append Avro binary, and a Reader that takes it
// apart. Standard library only.
//
// Appending never fails. Reading never panics and never trusts a length: a Reader keeps its first error, after
// which every read gives zero values, and Finish reports it. Whatever counts and lengths a
// message claims, what it makes a generated decoder allocate is at most its own length times a constant of the type:
// the size of the type's Go values over that of their shortest encodings.
//
// Values read do not alias the message: all strings of one message are slices of one private copy of it, made at
// its first non-empty string, so a kept string keeps that copy alive. Strings are not checked to be UTF-8.
//
// A Reader belongs to one goroutine.
package wire
