// Package eshop is the shop's domain: it takes in what visitors do, and materialises Shopping Cart, Page Navigation
// and User Information.
//
// Read it in this order: the contracts in schemas/shop; dataproduct.go, the declarations; visitor.go, the way of an
// action; check.go and clean.go, what is garbage and what is tidied; visits.go, cart.go and users.go, the folds;
// api.go, the ingest API; service.go, the wiring; testdata, scripts of actions in and events out.
//
// Ordering: the actions of one visitor take effect in the order of their records. The cart is the fold of its actions
// in that order; visits and the figures of pages are made by the time the actions happened, whatever their order, as
// long as an action comes before its visit is closed. Ownership: the engine owns state, delivery and time; folds are
// plain functions of a visitor's row and an action. Loss: what the API answered 202 for is with the brokers; what a
// crash interrupts before that was promised to nobody. From there on every action takes effect exactly once, and an
// action sent twice under one idempotenceId takes effect once while it is among the last 256 of its visitor or
// younger than a day.
//
// The choices that a reader may wonder about:
//
//   - A product nobody knows, or that was deleted, passes without name, category and price. The price the visitor was
//     shown is taken instead where the action carries one.
//   - A price of 0 is a price: the piece is free, in the cart and in the order. Lines without any price stay in the
//     cart, count as nothing in its total, and are left out of the order.
//   - A line keeps the name and price of the last time pieces were added, also when the product is deleted after
//     that; order processing has the last word.
//   - Taking out more than there is takes out what there is (requested tells what was asked for); taking out what is
//     not there at all, and checking out nothing, are dead letters.
//   - Only customers order: a visitor nobody knows checks out without an order.
//   - An action that comes after its visit was closed is published with late set, and is in no visit and no figure.
package eshop
