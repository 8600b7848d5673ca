// Package shop simulates a shop with its customers: what they look at, put into their baskets, buy, give back and
// complain about, and why they stay away one day. It feeds the mesh where no data set does.
//
// # What it promises
//
// Everything is a pure function of the [Config]: the same configuration makes the same messages, on any machine. No
// clock is read, and no floating-point number decides anything, since processors may round those differently. A
// simulator continues from a [Simulator.Checkpoint], or from a number of messages with [Simulator.Skip], exactly as
// one that never stopped. Message times never go back.
//
// # The people
//
// Customers follow the "buy till you die" model of Fader, Hardie and Lee: each has a purchase rate (gamma over the
// customers, shape 0.243 and scale 4.414 per week as CDNOW's) and, after every purchase, a chance of leaving for good
// (beta, 0.793 and 2.426). Who has left, and when, is known: [Simulator.GroundTruth]. Leaving shows in what they write
// before. Names and addresses are made of word lists, e-mail addresses lie in the domains reserved for examples.
//
// # The visits
//
// The length of a visit in page views follows the e-shop clickstream of UCI 553 (mean 6.8, median 4), 15.5 % of the
// visits end in a purchase as in UCI 468, and most visitors come back. Every product has neighbours that are looked at
// and bought with it, and every customer has favourites, so that recommendations have something to find. Hours,
// weekdays and seasons follow a calendar.
//
// # Ownership
//
// A Simulator belongs to one goroutine, starts none and blocks on nothing. It keeps 24 bytes per customer, 8 per
// product besides their texts, and the visits of the moment. A message belongs to the caller.
package shop
