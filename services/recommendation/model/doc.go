// Package model is how recommendations are made: plain values in, lists out. It knows no topics; the service and the
// evaluation use the same functions, so what is measured is what is served.
//
// # What is remembered
//
// Of a shopper (Shopper rows, folded by Remember): the latest looks, the cart. Of a customer (PurchaseHistory rows,
// folded by Bought): products bought with the days of the latest orders. Of a product: what stands close to it in orders
// (ItemNeighbours rows, folded by Basket), what is looked at after it (ItemNextViews rows, folded by Viewed), its orders
// in all, and in periods of five days (ItemPopularity rows, folded by Sold). All of it is bounded; the constants say by
// how much and what is forgotten first.
//
// All folds but forgetting are sums, maxima and sets, so the order of events within the bounds does not matter: a
// stream that comes out of order ends in the same rows as a batch.
//
// # How lists are made
//
// A [Scorer] reads the shopper and the rows of products through [Items]. Repeat purchase is personal frequency in
// which an order weighs less with age, times how well the product sells at present. New items come from the neighbours
// of what was bought last, by closeness over the orders of both, times the same; cart completion from the neighbours of
// the last products of the cart, by closeness too; next view from the steps of earlier visitors after the last three
// products looked at. Where nothing is known, it is what is popular. Products that are not available are in no list.
// Equal scores are ordered by product id, so results are the same everywhere.
//
// A Scorer keeps what it has read of products until it is told to forget it, so that lists which are made one after the
// other do not decode the same rows. It is used by one goroutine at a time. Nothing here blocks, starts goroutines or
// keeps files.
package model
