// Package evaluate measures the models of the customer domain on public data sets, by the protocols of the published
// results where there are some.
//
// Tweets compares sentiment scores with what people thought of 4,200 tweets. Reviews fits the thresholds that turn
// scores into classes on reviews with stars, and says how much they are worth. RFM ranks the customers of a file of
// invoice lines. All take any file of the same format.
//
// They work in the caller's goroutine, hold the data in memory, and stop between steps when their context ends.
package evaluate
