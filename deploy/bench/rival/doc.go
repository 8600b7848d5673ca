// Package rival holds the workloads as users of other Go clients would write and tune them: segmentio/kafka-go's
// Reader and Writer, and franz-go with its transactional group session. Each function processes a given number of
// records and reports progress to a Meter; none retries beyond what its client does by itself.
package rival
