package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Producer is the metrics of producing to one topic.
type Producer struct {
	m        *Metrics
	topic    string
	ack      prometheus.Observer
	batch    prometheus.Observer
	retries  prometheus.Counter
	buffered prometheus.Gauge
}

// Producer binds a topic. Nil-safe.
func (m *Metrics) Producer(topic string) *Producer {
	if m == nil {
		return nil
	}
	return &Producer{
		m: m, topic: topic,
		ack:      m.ProducerAck.WithLabelValues(topic),
		batch:    m.ProducerBatch.WithLabelValues(topic),
		retries:  m.ProducerRetries.WithLabelValues(topic),
		buffered: m.ProducerBuffered.WithLabelValues(topic),
	}
}

// Acked records one acknowledged batch: the time since it was sent and its
// size on the wire.
func (p *Producer) Acked(d time.Duration, bytes int) {
	if p != nil {
		p.ack.Observe(d.Seconds())
		p.batch.Observe(float64(bytes))
	}
}

// Retried counts a batch that is sent again.
func (p *Producer) Retried() {
	if p != nil {
		p.retries.Inc()
	}
}

// Failed counts a batch that was given up.
func (p *Producer) Failed(c ErrorClass) {
	if p != nil {
		p.m.ProducerErrors.WithLabelValues(p.topic, c.String()).Inc()
	}
}

// AddBuffered changes the number of records waiting for an acknowledgement.
func (p *Producer) AddBuffered(delta int) {
	if p != nil {
		p.buffered.Add(float64(delta))
	}
}

// Txn is the metrics of one kind of transactional producer.
type Txn struct {
	m             *Metrics
	service, kind string
	results       [numTxnResults]prometheus.Counter
	duration      prometheus.Observer
	records       prometheus.Observer
}

// Txn binds a service and the kind of transactional id (for example "task" or
// "edge"; never the id itself, which is unbounded). Nil-safe.
func (m *Metrics) Txn(service, kind string) *Txn {
	if m == nil {
		return nil
	}
	t := &Txn{
		m: m, service: service, kind: kind,
		duration: m.TxnDuration.WithLabelValues(service, kind),
		records:  m.TxnRecords.WithLabelValues(service, kind),
	}
	for r := range numTxnResults {
		t.results[r] = m.Txns.WithLabelValues(service, kind, r.String())
	}
	return t
}

// Ended counts a transaction that ended with r after d and held records.
func (t *Txn) Ended(r TxnResult, d time.Duration, records int) {
	if t == nil || r >= numTxnResults {
		return
	}
	t.results[r].Inc()
	t.duration.Observe(d.Seconds())
	if r == TxnCommitted {
		t.records.Observe(float64(records))
	}
}

// Reinitialised counts a re-initialisation of the producer.
func (t *Txn) Reinitialised(cause ErrorClass) {
	if t != nil {
		t.m.TxnReinits.WithLabelValues(t.service, t.kind, cause.String()).Inc()
	}
}
