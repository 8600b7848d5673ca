// Package retail reads the Online Retail data set and turns it into what the mesh takes in: one create-order command
// per invoice, and the product feed. docs/online-retail.md explains every choice.
//
// Promises. Every data row ends in exactly one place: as a line of one order, or as a Reject with its line number,
// the reason and the original text; the rest of the file goes on. The result is a pure function of the file: the
// same bytes give the same messages with the same ids, so reading a file twice sends every order under the same
// idempotenceId. Memory is bounded by the invoices that are open at the same time (minutes of file time), plus the
// set of invoice numbers and product names seen.
//
// A Reader belongs to one goroutine. It starts none, and blocks only in the reader below it.
package retail
