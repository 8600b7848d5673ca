// Package churn is the churn domain: VIPs who were just disappointed, and for every customer the probability of buying
// again.
//
// Read it in this order: the contracts in schemas/churndetect; dataproduct.go, the declarations; then one file per step:
// watch.go (the watch over VIPs), activity.go (histories), account.go (several accounts of one customer), fits.go (the
// schedule of fits), again.go (fits that late orders made wrong), scores.go (scores); rules.go, what an operator may
// choose; packages btyd and model, the statistics; package evaluate, how good they are.
//
// # How it flows
//
//	interaction-made ─────────────► watch ──► vip-negative-sentiment-detected
//	order-completed ──► purchase ───────┐
//	complaint-history ► complaint-noted ┤        ┌── history-shared ──┐
//	interaction-made ───────────────────┼► activity (12 partitions) ◄─┘──► score ──► churn-score, churn-score-history
//	customer-role ──────────────────────┘     │ fit-update                ▲
//	                                          ▼                           │ score-refresh
//	                                      fits (1 partition) ─────────────┘──► churn-model
//
// A fit needs everybody, so the product of fits has one partition and holds a copy of all histories; nothing else needs
// it, so scoring goes on beside a fit.
//
// # Time and determinism
//
// Time is event time. Periods of Rules.RefitDays days, in the calendar of Europe/London, end in cuts. A period in which
// something happened is fitted when event time is Rules.Grace past its cut, with the purchase days before the cut and no
// others; periods without any event are not fitted. What comes later than that (completion of an order counts as
// lateness: a purchase counts on the day it was placed, and is known when the goods left) counts in scores at once, and
// has the fits that looked at its day made again, together with a later cut: see again.go. So in the end a fit depends on
// what happened and not on when it was processed. That holds for the latest 26 cuts: what is later than half a year
// leaves older fits as they are. So does what moves between accounts when it becomes known whose they are. A replay of
// history at full speed mixes event time, because partitions are read some hundred records at a time, which in a sparse
// history are weeks: it makes each fit two or three times, and ends with those of a batch.
//
// A customer's score is a function of the history, of the fit the customer was last told of, and of asOf, the latest of
// the two times. Customers are told of a fit by records in their own partition, never by the time of day, so a replay
// ends in the same scores.
//
// # What counts
//
// A purchase day is a day on which a customer placed a sale that was completed, with a line of goods against money.
//
// An order or interaction that is repeated counts once, told by its id among the customer's latest ones (1,024 orders,
// 256 interactions); nothing else about a repetition matters, neither its time nor its order.
//
// A credit note takes no purchase day back: the customer did come, which is what the models are about. A withdrawn order
// never completed and never counts. Adjustments, write-offs, anonymous orders and orders given away are no purchases.
//
// When the customer domain says that an account is gone, its history goes, with the score; what was published before
// stays in the score history and in fits. An account that turns out to be a further one of a customer keeps its history
// and shares it: the customer is scored with all that was done under any of its accounts, before and after that was
// known, and the account has no score of its own. Should it stand for itself again, it takes its history with it. See
// account.go. Two things do not move: what the watch counted under the account, and whether a complaint that was
// raised under it is open.
//
// Open complaints stand beside the probability and are no part of it: no public data says what one is worth.
//
// # Ownership, blocking, crashes
//
// Folds keep nothing of their own and know no clock but the event's; the engine owns state and delivery. A fit holds up
// the product of fits, and nobody else, for a few seconds at most: it looks at a sample of bounded size, and tells
// customers of it in portions. Transactions are committed between these, and between several fits that are due. A crash
// loses nothing that was committed; a fit that was not is made again with the same result.
package churn
