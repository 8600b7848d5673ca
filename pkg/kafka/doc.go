// Package kafka is the mesh's only door to Kafka: a client for Apache Kafka 3.9 and later that
// reads committed records without copying them and writes them exactly once.
//
// # What it promises
//
//   - A [Fetcher] delivers every record of its partitions once and in order from the asked offset,
//     read-committed unless told otherwise: records of aborted transactions and control records are
//     never delivered. Records alias the fetch buffer until their [Chunk] is released.
//   - Every request is sent in a version both sides speak; when there is none the error is
//     [ErrUnsupported], final, and names the API and the versions of the broker.
//   - Errors say which API, broker, topic and partition, what the code means and what to do. The
//     ones worth retrying answer true to [IsRetriable].
//   - Hostile or damaged bytes give [ErrCorrupt], never a panic and never a large allocation.
//   - A [Client] is safe for concurrent use. Close ends every goroutine and connection it started.
//
// # How it is built
//
// segmentio/kafka-go dials, authenticates and pools connections; this package owns every byte that
// crosses them, through kafka-go's protocol.RawExchanger hook (request.go). Neither kafka-go's
// Reader, Writer nor ConsumerGroup is used: they deliver aborted records, are not idempotent and
// read unstable offsets.
package kafka
