// Package report is how an evaluation of a model tells what it measured: tables of text, and progress while it works.
// Domain packages make reports, the command prints them; neither knows the other.
//
// A Table is a plain value. Cells are finished text, so that a number is rounded once, by the package that knows what
// its digits mean. A Progress is called from one goroutine at a time and must not block for long; nil means nobody
// watches.
package report
