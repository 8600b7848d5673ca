// Package stream is the engine of the mesh: a data product is a keyed table
// with typed reactions under a contract. [Define] declares one as a Go value;
// a [Runner] runs any number of them against Kafka, exactly once; package
// streamtest runs them without a broker; [Describe] tells their structure.
//
//	var prices = stream.Join(product.ProductState)
//
//	var Sales = stream.Define(product.ProductSalesState, stream.Spec{
//		OnError: stream.Retry(3, 200*time.Millisecond).ThenDeadLetter(),
//		Uses:    []stream.Dep{prices},
//	},
//		stream.On(stream.KeyBy(product.SaleLineEvent, stream.From(orderproc.OrderCompletedEvent, saleLines)), sold),
//	)
//
//	func sold(c *stream.Ctx[product.ProductSalesKey, product.ProductSales], l product.SaleLine) error {
//		c.State.Units += l.Units
//		return nil
//	}
//
// # What is promised
//
// A record of an input has its effect exactly once on everything the product
// publishes: its rows, emitted events, re-keyed records, dead letters and the
// changelog, whatever crashes, restarts, moves between members or is answered
// late. Records of one key take effect in the order of their partition; inputs
// of one task are merged by timestamp, and of records of one millisecond those
// come first whose reaction is declared first, after joined tables. The merge
// waits for what brokers have said is there, not for what is on its way: of two
// records sent to two topics a moment apart the later may come first. Who needs
// an order across topics makes it one topic. Every update of a row is one
// record, unless Spec.Emit says otherwise; an update that changes nothing is
// none.
//
// A reaction that fails leaves no trace: neither state nor emitted records. A
// panic is a failure. What follows is Spec.OnError: repetitions, then a dead
// letter with the original bytes, or a stop. Undecodable records are not
// repeated; an unreachable registry is waited for and never the record's fault.
// What a topic refuses because of its max.message.bytes is the failure of the
// record that led to it.
//
// Reactions may be run again for the same record, so they must depend on the
// record, the state and their tables alone. [Ctx.ID] gives the same identities
// again; [Ctx.Now] does not give the same time.
//
// # Tasks
//
// The task p of a product owns partition p of all its inputs, and with it the
// state of those keys. A process owns task p when its group member is assigned
// partition p of the lead topic: the input with most partitions, the first by
// name among equals. Members subscribe to all inputs, so that their offsets are
// kept, and read partition p of each. Topics that reactions consume or join
// must have the output's partition count; sources of [KeyBy] may have others.
// What a product has re-keyed for itself it deletes once it has read it, so a
// topic of KeyBy needs no retention and should have none: its records keep
// their event time, and retention goes by that.
//
// One goroutine per product owns all of its tasks here. Fetching, committing
// and restoring run beside it and report to it over channels.
//
// # A transaction
//
// Records are processed against an overlay over the store until the commit
// interval has passed (the longer catch-up interval while more records wait than
// were taken) or the transaction is large enough. Then outputs,
// changelog, dead letters and input offsets are committed in one Kafka
// transaction, while the next one is already being processed against a second
// overlay. Only when the outcome is known to be "committed" is the overlay
// applied to the local store, together with the position. So the local store
// is behind Kafka or level with it, never ahead, and no crash makes it wrong.
// When the outcome is "aborted" or cannot be known, both overlays are dropped
// and the tasks start again from the stable committed offsets and the
// changelog, which were part of the transaction and tell the truth. Nothing is
// sent while nothing happens.
//
// # State
//
// The changelog of rows is the product's own output topic, unless it has
// windows. Timers, windows, seen ids and the event clock are in a side
// changelog, priv.<mesh>.<context>.<name>-changelog.state.<version>. A task
// that is taken over waits for the previous owner's transaction to end (stable
// offsets), opens the local store, reads the changelog from the store's
// position to the end, joined topics up to the group's offset, and goes on. A
// store that cannot be continued (damaged, too old, its topic is another one)
// is rebuilt from the beginning, loudly.
//
// A reaction changes the row of one key. What needs all keys at once (quantiles,
// the fit of a model) reads them by [Ctx.Range]: the rows of the task, which are
// the whole table where the output and its KeyBy topic have one partition. Such
// a product emits its result to a topic of any number of partitions.
//
// # Time
//
// Event time is the record timestamp. The clock of a task is the highest event
// time of the records processed by reactions; because inputs are merged by
// timestamp, it follows the slowest input that has records; one at its end holds
// no other back.
//
// When every input of the task (and every source of its re-keyed topics) has
// been at its end for IdleAfter, and the newest record was about now when it was
// processed, the clock follows the time of day, IdleAfter behind it: timers fire
// and windows close in quiet times. Where the newest record was old, as in a
// replay of history, a pause says nothing about what is still to come. There the
// timers that are due by the time of day fire after HistoryIdle, thirty times as
// long, or when [Runner.EndHistory] says that the replay is over; and the clock
// stops at the last of them, so that only what they have closed is late. Raise
// HistoryIdle for replays that pause for longer, or switch it off.
//
// A record further ahead of the time of day than MaxAhead does not move the
// clock, nor does it wait in the merge for what is right: one wrong timestamp
// would make everything after it late. The reaction sees it like any other,
// unless Spec.Ahead sends it to the dead letters.
//
// Re-keyed records arrive one commit later than their source is read; tasks
// that share a process stay within some hundred records of each other in event
// time, processes among themselves do not: grace covers that too.
//
// A record is late for a window whose end and grace the clock has passed. It
// goes to [OnLate], or to the dead letters with the reason "late"; it is never
// dropped in silence.
//
// # Ownership
//
// Definitions and tables ([Join], [Lookup]) are immutable values, declared once
// in package variables and shared. A [Task] belongs to one goroutine. A Runner
// runs once; Status, Ready and CaughtUp may be called from any goroutine.
package stream
