// Package customer is the customer domain: Customer Data, Customer Segmentation and Customer Interactions.
//
// Read it in this order: the contracts in schemas/customer and schemas/customerint; dataproduct.go, the declarations;
// then a file per step:
//
//   - account.go cleanses what is known of an account (cleanse.go, address.go, country.go) and publishes customers;
//     person.go finds out which accounts are one person.
//   - purchase.go gathers completed sales, ranking.go ranks all customers once a day, segment.go names segments.
//   - interaction.go normalises, attaches and scores interactions (package sentiment); complaint.go keeps the history
//     of complaints. api.go takes interactions by HTTP.
//
// service.go wires it, config.go holds what an operator chooses, testdata has scripts of events in and rows out.
//
// The folds are plain functions of state and event: no clock but the event's, no Kafka, no state of their own. The
// engine (pkg/stream) owns state, delivery and time, and calls them once per event, exactly once in effect. What they
// cannot take they reject, and the engine moves it to the dead letters with the reason.
//
// Order. Customer Data is a function of the latest change of every account, so neither late nor shuffled nor repeated
// changes alter what it ends with. Segments of a day are a function of the sales that completed before the day and
// arrived within Rules.RankGrace after it began; later ones count in the next ranking. Interactions are scored one by
// one, and complaints list theirs by the time they happened.
package customer
