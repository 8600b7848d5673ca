package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Namespace is the prefix of every metric of the backbone.
const Namespace = "meshwork"

// Metrics holds every metric vector of the backbone. The zero value is not
// usable, nil is: every helper on a nil *Metrics does nothing.
type Metrics struct {
	// Data products.
	Watermark        *prometheus.GaugeVec     // data_product; event time up to which the product is complete
	E2ELatency       *prometheus.HistogramVec // data_product; event creation to confirmed publication
	RecordsPublished *prometheus.CounterVec   // data_product, topic, kind
	BytesPublished   *prometheus.CounterVec   // data_product, topic, kind
	LastPublished    *prometheus.GaugeVec     // data_product, topic

	// Processors: the reactions of a product to one input topic.
	ProcessorRecords  *prometheus.CounterVec   // service, data_product, topic, outcome
	ProcessorDuration *prometheus.HistogramVec // service, data_product, topic; one bounded batch of records

	// Consumers.
	LagRecords        *prometheus.GaugeVec     // group, topic, partition
	LagSeconds        *prometheus.GaugeVec     // group, topic, partition
	LSOLag            *prometheus.GaugeVec     // topic, partition; high watermark minus last stable offset
	Rebalances        *prometheus.CounterVec   // group, reason
	AssignedParts     *prometheus.GaugeVec     // group
	CommitDuration    *prometheus.HistogramVec // group
	Commits           *prometheus.CounterVec   // group, result
	LastCommit        *prometheus.GaugeVec     // group
	LastPoll          *prometheus.GaugeVec     // group
	ProducerAck       *prometheus.HistogramVec // topic
	ProducerErrors    *prometheus.CounterVec   // topic, reason
	ProducerRetries   *prometheus.CounterVec   // topic
	ProducerBatch     *prometheus.HistogramVec // topic
	ProducerBuffered  *prometheus.GaugeVec     // topic; records accepted and not acknowledged yet
	Txns              *prometheus.CounterVec   // service, transactional_id_kind, result
	TxnDuration       *prometheus.HistogramVec // service, transactional_id_kind
	TxnRecords        *prometheus.HistogramVec // service, transactional_id_kind
	TxnReinits        *prometheus.CounterVec   // service, transactional_id_kind, cause
	RestoreRemaining  *prometheus.GaugeVec     // service, store
	RestoreRecords    *prometheus.CounterVec   // service, store
	RestoreDuration   *prometheus.HistogramVec // service, store
	StateKeys         *prometheus.GaugeVec     // service, store
	StateBytes        *prometheus.GaugeVec     // service, store
	ChangelogLag      *prometheus.GaugeVec     // service, store
	SnapshotDuration  *prometheus.HistogramVec // service, store
	SnapshotFailures  *prometheus.CounterVec   // service, store
	DeadLetterRecords *prometheus.CounterVec   // service, topic, reason

	// Schema registry: client and server (side).
	SchemaRequests *prometheus.CounterVec   // side, op, code
	SchemaDuration *prometheus.HistogramVec // side, op
	SchemaCache    *prometheus.GaugeVec     // side; schemas held in memory
	SchemaLookups  *prometheus.CounterVec   // side, result: hit or miss

	// Brokers.
	BrokerConnects      *prometheus.CounterVec // broker
	BrokerConnectErrors *prometheus.CounterVec // broker, reason
	BrokerDisconnects   *prometheus.CounterVec // broker
	BrokerThrottle      *prometheus.CounterVec // broker; seconds

	// The process.
	BuildInfo *prometheus.GaugeVec // service, version, revision, goversion; always 1
	Ready     *prometheus.GaugeVec // service; 1 ready, 0 not
	Degraded  *prometheus.GaugeVec // service, reason; 1 degraded, 0 not
}

// Histogram buckets in seconds. A service level is only measurable at a bucket
// edge, so the edges hold the objectives in use (5 s end to end).
var (
	latencyBuckets = []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300}
	handleBuckets  = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5}
	ackBuckets     = prometheus.ExponentialBuckets(.001, 2, 12) // 1 ms to 2.048 s
	restoreBuckets = []float64{.1, .5, 1, 5, 10, 30, 60, 300, 900, 3600}
	sizeBuckets    = prometheus.ExponentialBuckets(1<<10, 4, 8) // 1 KiB to 16 MiB
	countBuckets   = prometheus.ExponentialBuckets(1, 4, 9)     // 1 to 65,536
)

// factory builds vectors under one registerer and namespace.
type factory struct{ promauto.Factory }

func (f factory) gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	return f.NewGaugeVec(prometheus.GaugeOpts{Namespace: Namespace, Name: name, Help: help}, labels)
}

func (f factory) counter(name, help string, labels ...string) *prometheus.CounterVec {
	return f.NewCounterVec(prometheus.CounterOpts{Namespace: Namespace, Name: name, Help: help}, labels)
}

// histogram makes a classic histogram, on which rules run everywhere, that is
// a native one too where the scraper asks for it.
func (f factory) histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return f.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: Namespace, Name: name, Help: help, Buckets: buckets,
		NativeHistogramBucketFactor:     1.1,
		NativeHistogramMaxBucketNumber:  100,
		NativeHistogramMinResetDuration: time.Hour,
	}, labels)
}

// NewMetrics registers every vector with reg. A nil reg gives working metrics
// that nobody exposes, which suits tests. It panics, as prometheus does, when
// reg already holds a Metrics: make one per process and share it.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	f := factory{promauto.With(reg)}
	return &Metrics{
		Watermark:        f.gauge("dataproduct_watermark_timestamp_seconds", "Event time up to which the data product is complete.", "data_product"),
		E2ELatency:       f.histogram("dataproduct_e2e_latency_seconds", "Time from the creation of an event to the confirmed publication of what it changed.", latencyBuckets, "data_product"),
		RecordsPublished: f.counter("dataproduct_records_published_total", "Records published in confirmed transactions; tombstones apart.", "data_product", "topic", "kind"),
		BytesPublished:   f.counter("dataproduct_bytes_published_total", "Key and value bytes published in confirmed transactions, before compression.", "data_product", "topic", "kind"),
		LastPublished:    f.gauge("dataproduct_last_published_timestamp_seconds", "Wall-clock time of the last confirmed publication.", "data_product", "topic"),

		ProcessorRecords:  f.counter("processor_records_total", "Input records handled, by what became of them; counted once their offset is committed.", "service", "data_product", "topic", "outcome"),
		ProcessorDuration: f.histogram("processor_duration_seconds", "Time to run the reactions of one batch of records.", handleBuckets, "service", "data_product", "topic"),

		LagRecords:    f.gauge("consumer_lag_records", "Records between the position and the end of the partition as a read-committed reader sees it.", "group", "topic", "partition"),
		LagSeconds:    f.gauge("consumer_lag_seconds", "Age of the next unread record; 0 when there is none.", "group", "topic", "partition"),
		LSOLag:        f.gauge("consumer_lso_lag_records", "High watermark minus last stable offset: what pending transactions hold back.", "topic", "partition"),
		Rebalances:    f.counter("consumer_rebalances_total", "Changes of assignment, by reason.", "group", "reason"),
		AssignedParts: f.gauge("consumer_assigned_partitions", "Partitions this process owns.", "group"),

		CommitDuration: f.histogram("consumer_commit_duration_seconds", "Time to commit offsets, including the transaction that carries them.", ackBuckets, "group"),
		Commits:        f.counter("consumer_commits_total", "Offset commits, by result.", "group", "result"),
		LastCommit:     f.gauge("consumer_last_commit_timestamp_seconds", "Wall-clock time of the last successful offset commit.", "group"),
		LastPoll:       f.gauge("consumer_last_poll_timestamp_seconds", "Wall-clock time of the last answered fetch.", "group"),

		ProducerAck:      f.histogram("producer_ack_duration_seconds", "Time from sending a batch to its acknowledgement.", ackBuckets, "topic"),
		ProducerErrors:   f.counter("producer_errors_total", "Batches given up, by reason.", "topic", "reason"),
		ProducerRetries:  f.counter("producer_retries_total", "Batches sent again.", "topic"),
		ProducerBatch:    f.histogram("producer_batch_bytes", "Size of acknowledged batches, compressed.", sizeBuckets, "topic"),
		ProducerBuffered: f.gauge("producer_buffered_records", "Records accepted by the producer and not acknowledged yet.", "topic"),

		Txns:        f.counter("txn_total", "Transactions by outcome; unconfirmed is counted before recovery starts.", "service", "transactional_id_kind", "result"),
		TxnDuration: f.histogram("txn_duration_seconds", "Time from sending the first batch of a transaction to its known outcome.", ackBuckets, "service", "transactional_id_kind"),
		TxnRecords:  f.histogram("txn_records", "Records in a committed transaction.", countBuckets, "service", "transactional_id_kind"),
		TxnReinits:  f.counter("txn_reinit_total", "Re-initialisations of a transactional producer, by cause.", "service", "transactional_id_kind", "cause"),

		RestoreRemaining: f.gauge("state_restore_remaining_records", "Changelog records still to be read before the store is current.", "service", "store"),
		RestoreRecords:   f.counter("state_restore_records_total", "Changelog records read to bring local state up to date; after a restart only the tail.", "service", "store"),
		RestoreDuration:  f.histogram("state_restore_duration_seconds", "Time to bring local state up to date.", restoreBuckets, "service", "store"),
		StateKeys:        f.gauge("state_keys", "Keys in the store.", "service", "store"),
		StateBytes:       f.gauge("state_bytes", "Memory or disk taken by the store.", "service", "store"),
		ChangelogLag:     f.gauge("state_changelog_lag_records", "Changelog records not yet in the local snapshot: what a restart would re-read.", "service", "store"),
		SnapshotDuration: f.histogram("state_snapshot_duration_seconds", "Time to write one local snapshot.", handleBuckets, "service", "store"),
		SnapshotFailures: f.counter("state_snapshot_failures_total", "Local snapshots that could not be written.", "service", "store"),

		DeadLetterRecords: f.counter("dlq_records_total", "Records sent to the dead-letter topic of the input topic, by reason.", "service", "topic", "reason"),

		SchemaRequests: f.counter("schema_requests_total", "Schema registry requests by operation and HTTP status (0: no answer); side is client or server.", "side", "op", "code"),
		SchemaDuration: f.histogram("schema_request_duration_seconds", "Time to answer a schema registry request.", ackBuckets, "side", "op"),
		SchemaCache:    f.gauge("schema_cache_entries", "Schemas held in memory.", "side"),
		SchemaLookups:  f.counter("schema_cache_lookups_total", "Questions for schemas that do not change, answered from memory (hit) or by asking the registry (miss).", "side", "result"),

		BrokerConnects:      f.counter("broker_connects_total", "Connections opened.", "broker"),
		BrokerConnectErrors: f.counter("broker_connect_errors_total", "Connections that could not be opened, by reason.", "broker", "reason"),
		BrokerDisconnects:   f.counter("broker_disconnects_total", "Connections lost or closed.", "broker"),
		BrokerThrottle:      f.counter("broker_throttle_seconds_total", "Time the broker asked this client to wait.", "broker"),

		BuildInfo: f.gauge("build_info", "Build of the running program; always 1.", "service", "version", "revision", "goversion"),
		Ready:     f.gauge("ready", "1 when the service may receive work.", "service"),
		Degraded:  f.gauge("degraded", "1 while the service works with a restriction.", "service", "reason"),
	}
}

// seconds is t as Prometheus writes timestamps.
func seconds(t time.Time) float64 { return float64(t.UnixNano()) / 1e9 }
