// Package evaluate measures the models of churn on public data sets, by the protocols of the published results, and
// puts ours beside the published numbers.
//
// CDNOW reads purchases of an online music shop (identifiers, date, discs, dollars; the full file or the sample of one in
// ten); OnlineRetail reads invoice lines of a gift wholesaler. Both take any file of the same format. Labels are always
// "bought within the horizon after the cut", and features end at the cut: nothing after it is known to any score.
//
// Both work in the caller's goroutine, hold the customers' purchase days in memory, and stop between steps when their
// context ends.
package evaluate
