package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Product is the metrics of one data product.
type Product struct {
	watermark prometheus.Gauge
	e2e       prometheus.Observer
}

// Product binds the data product's name. Nil-safe.
func (m *Metrics) Product(name string) *Product {
	if m == nil {
		return nil
	}
	return &Product{watermark: m.Watermark.WithLabelValues(name), e2e: m.E2ELatency.WithLabelValues(name)}
}

// SetWatermark sets the event time up to which the product is complete.
func (p *Product) SetWatermark(t time.Time) {
	if p != nil {
		p.watermark.Set(seconds(t))
	}
}

// ObserveE2E records the time from an event's creation to the confirmed
// publication of what it changed. Negative times (clock skew) count as zero.
func (p *Product) ObserveE2E(d time.Duration) {
	if p != nil {
		p.e2e.Observe(max(d, 0).Seconds())
	}
}

// Output is the metrics of one output topic of a data product.
type Output struct {
	records [numKinds]prometheus.Counter
	bytes   [numKinds]prometheus.Counter
	last    prometheus.Gauge
}

// Output binds a data product and one of its output topics. Nil-safe.
func (m *Metrics) Output(product, topic string) *Output {
	if m == nil {
		return nil
	}
	o := &Output{last: m.LastPublished.WithLabelValues(product, topic)}
	for k := range numKinds {
		o.records[k] = m.RecordsPublished.WithLabelValues(product, topic, k.String())
		o.bytes[k] = m.BytesPublished.WithLabelValues(product, topic, k.String())
	}
	return o
}

// Published counts records confirmed at now, with their key and value bytes
// before compression.
func (o *Output) Published(k Kind, records int, bytes int64, now time.Time) {
	if o == nil || records == 0 || k >= numKinds {
		return
	}
	o.records[k].Add(float64(records))
	o.bytes[k].Add(float64(bytes))
	o.last.Set(seconds(now))
}

// Processor is the metrics of a product's reactions to one input topic.
type Processor struct {
	records  [numOutcomes]prometheus.Counter
	duration prometheus.Observer
}

// Processor binds a service, a data product and one input topic. Nil-safe.
func (m *Metrics) Processor(service, product, topic string) *Processor {
	if m == nil {
		return nil
	}
	p := &Processor{duration: m.ProcessorDuration.WithLabelValues(service, product, topic)}
	for o := range numOutcomes {
		p.records[o] = m.ProcessorRecords.WithLabelValues(service, product, topic, o.String())
	}
	return p
}

// Handled counts n records with outcome o. Call it after their offsets have
// been committed.
func (p *Processor) Handled(o Outcome, n int) {
	if p != nil && n > 0 && o < numOutcomes {
		p.records[o].Add(float64(n))
	}
}

// Observe records how long the reactions of one batch took.
func (p *Processor) Observe(d time.Duration) {
	if p != nil {
		p.duration.Observe(d.Seconds())
	}
}

// DeadLetters is the dead-letter counters of one input topic.
type DeadLetters struct {
	m              *Metrics
	service, topic string
}

// DeadLetters binds a service and an input topic. Nil-safe.
func (m *Metrics) DeadLetters(service, topic string) *DeadLetters {
	if m == nil {
		return nil
	}
	return &DeadLetters{m, service, topic}
}

// Count counts n dead letters. The series of a reason appears with its first
// record, because most reasons never occur.
func (d *DeadLetters) Count(r Reason, n int) {
	if d != nil && n > 0 {
		d.m.DeadLetterRecords.WithLabelValues(d.service, d.topic, r.String()).Add(float64(n))
	}
}
