// Package shopgen makes the orders of a shop that does not exist, for runs without a data set: products, customers
// with habits, baskets, credit notes, withdrawals, price changes.
//
// Promises. Everything is a pure function of the Config and a number: the same Config gives the same messages, and a
// generator that starts at message n (Config.First) makes the same ones as another that reached n. Nothing is real:
// names are made of word lists, ids begin with Config.Prefix. A Generator belongs to one goroutine, starts none,
// blocks on nothing and keeps nothing but its position.
package shopgen
