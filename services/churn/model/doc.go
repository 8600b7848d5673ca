// Package model turns histories of customers into fits that tell who will buy again, judges them, and explains them.
//
// A Family is a kind of model: those of package btyd, and a logistic regression on recency, frequency, value and
// sentiment. Train fits all of them as of a cut, each with a holdout of its own: a fit of the same kind made one horizon
// earlier, judged by what its customers did since. It flags fits that are degenerate and selects the best of the others;
// it never repairs one. Nothing later than a cut is known to anything that is fitted or scored as of it.
//
// A Fitted is all that is needed to score: Score gives the probability of a purchase within the horizon, and drivers
// that add up to its distance from the average customer. Everything is a pure function of its arguments: the same
// customers in the same order give the same result to the last bit, and nothing is kept.
//
// Cost: fits look at no more than Options.Sample customers, chosen evenly by their order; with the default of five
// thousand a Train takes a few seconds of one core whatever the number of customers.
package model
