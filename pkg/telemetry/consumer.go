package telemetry

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Group is the metrics of this process's membership of one consumer group.
type Group struct {
	rebalances [numRebalanceReasons]prometheus.Counter
	assigned   prometheus.Gauge
	duration   prometheus.Observer
	ok, failed prometheus.Counter
	lastCommit prometheus.Gauge
	lastPoll   prometheus.Gauge
}

// Group binds a consumer group. Nil-safe.
func (m *Metrics) Group(group string) *Group {
	if m == nil {
		return nil
	}
	g := &Group{
		assigned:   m.AssignedParts.WithLabelValues(group),
		duration:   m.CommitDuration.WithLabelValues(group),
		ok:         m.Commits.WithLabelValues(group, "ok"),
		failed:     m.Commits.WithLabelValues(group, "failed"),
		lastCommit: m.LastCommit.WithLabelValues(group),
		lastPoll:   m.LastPoll.WithLabelValues(group),
	}
	for r := range numRebalanceReasons {
		g.rebalances[r] = m.Rebalances.WithLabelValues(group, r.String())
	}
	return g
}

// Rebalanced counts a change of assignment and sets the number of partitions
// owned after it.
func (g *Group) Rebalanced(r RebalanceReason, owned int) {
	if g != nil && r < numRebalanceReasons {
		g.rebalances[r].Inc()
		g.assigned.Set(float64(owned))
	}
}

// Committed records one offset commit that took d and ended with err.
func (g *Group) Committed(d time.Duration, err error, now time.Time) {
	if g == nil {
		return
	}
	g.duration.Observe(d.Seconds())
	if err != nil {
		g.failed.Inc()
		return
	}
	g.ok.Inc()
	g.lastCommit.Set(seconds(now))
}

// Polled records that a fetch was answered at now.
func (g *Group) Polled(now time.Time) {
	if g != nil {
		g.lastPoll.Set(seconds(now))
	}
}

// Partition is the lag of one partition of a group. Its owner calls Delete
// when the partition is revoked.
type Partition struct {
	m                       *Metrics
	group, topic, partition string
	lag, lagSeconds, lso    prometheus.Gauge
}

// Partition binds one partition of a group. Nil-safe.
func (m *Metrics) Partition(group, topic string, partition int32) *Partition {
	if m == nil {
		return nil
	}
	n := strconv.Itoa(int(partition))
	return &Partition{
		m: m, group: group, topic: topic, partition: n,
		lag:        m.LagRecords.WithLabelValues(group, topic, n),
		lagSeconds: m.LagSeconds.WithLabelValues(group, topic, n),
		lso:        m.LSOLag.WithLabelValues(topic, n),
	}
}

// SetLag sets the records between the position and the read-committed end,
// and the age of the next unread record (0 when there is none).
func (p *Partition) SetLag(records int64, age time.Duration) {
	if p == nil {
		return
	}
	if records <= 0 {
		records, age = 0, 0
	}
	p.lag.Set(float64(records))
	p.lagSeconds.Set(max(age, 0).Seconds())
}

// SetLSOLag sets high watermark minus last stable offset.
func (p *Partition) SetLSOLag(records int64) {
	if p != nil {
		p.lso.Set(float64(max(records, 0)))
	}
}

// Delete removes the partition's series, so that sums do not count a lag that
// is another member's now. The handle must not be used afterwards.
func (p *Partition) Delete() {
	if p == nil {
		return
	}
	p.m.LagRecords.DeleteLabelValues(p.group, p.topic, p.partition)
	p.m.LagSeconds.DeleteLabelValues(p.group, p.topic, p.partition)
	p.m.LSOLag.DeleteLabelValues(p.topic, p.partition)
}
