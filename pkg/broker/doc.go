// Package broker runs an embedded Kafka broker inside the process, for `make run` and for tests.
//
// It is the kfake broker of franz-go behind a small lifecycle: [Start] takes exclusive possession of a data folder,
// repairs what an unclean stop left behind, listens on a fixed address and stops cleanly on [Broker.Close]. It is
// not Apache Kafka: one goroutine serves all requests, there is no replication, and nothing here is meant to carry
// production traffic. Whatever Meshwork promises is promised on Apache Kafka too and tested there.
//
// # Data folder
//
// With [Config.Dir] set, topics, records, groups and transactions live in that folder and survive a restart. The
// folder is locked while a broker uses it; a second broker gets an [InUseError] that names the holder's process id.
// Close writes a marker file; a start that does not find it treats the last stop as unclean. Records are in the
// page cache of the operating system once acknowledged: a killed process loses nothing, a power failure may lose the
// last moments unless [Config.SyncWrites] is set.
//
// Without Dir everything is in memory and gone on Close. Memory then grows with the log, so it is for tests only.
//
// # Known limits of kfake that callers meet
//
//   - When the request-level byte limit of a fetch truncates the answer, the list of aborted transactions is
//     missing and read-committed consumers receive aborted records. A client must keep the request limit far above
//     the sum of its partition limits; pkg/kafka does.
//   - After an unclean stop kfake forgets to write abort markers for the transactions that were open, and later
//     committed records of the same transactional id stay invisible. Start lays those markers and fences the
//     transactional ids concerned; see repair.go.
//   - Retention and compaction run once per log.cleaner.backoff.ms (an hour unless [Config.Settings] says otherwise)
//     and only when some topic sets a retention or compaction option explicitly. [Broker.Compact] runs them now.
//   - The log start offset moved by DeleteRecords is forgotten after an unclean stop; such records may reappear.
//   - A new epoch is given to any transactional producer that names an epoch that was ever given out (KIP-360 allows the
//     newest), so of two with one id the one that asked last stays.
//   - The offsets of a log that was emptied, by retention or DeleteRecords, are known after a clean stop only; see
//     refill.go. After an unclean one the partition may begin at an older offset than it had.
//   - Quotas are stored and not enforced. There are no delegation tokens.
package broker
