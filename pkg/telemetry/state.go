package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Store is the metrics of one product's state in this process, summed over
// the partitions that it owns.
type Store struct {
	remaining, keys, bytes, changelogLag prometheus.Gauge
	restored, failures                   prometheus.Counter
	restore, snapshot                    prometheus.Observer
}

// Store binds a service and a store (the product's name). Nil-safe.
func (m *Metrics) Store(service, store string) *Store {
	if m == nil {
		return nil
	}
	return &Store{
		remaining:    m.RestoreRemaining.WithLabelValues(service, store),
		keys:         m.StateKeys.WithLabelValues(service, store),
		bytes:        m.StateBytes.WithLabelValues(service, store),
		changelogLag: m.ChangelogLag.WithLabelValues(service, store),
		restored:     m.RestoreRecords.WithLabelValues(service, store),
		failures:     m.SnapshotFailures.WithLabelValues(service, store),
		restore:      m.RestoreDuration.WithLabelValues(service, store),
		snapshot:     m.SnapshotDuration.WithLabelValues(service, store),
	}
}

// SetRestoreRemaining sets the changelog records still to be read.
func (s *Store) SetRestoreRemaining(n int64) {
	if s != nil {
		s.remaining.Set(float64(max(n, 0)))
	}
}

// AddRestored counts changelog records read during a restore.
func (s *Store) AddRestored(n int) {
	if s != nil && n > 0 {
		s.restored.Add(float64(n))
	}
}

// Restored records how long a restore took.
func (s *Store) Restored(d time.Duration) {
	if s != nil {
		s.restore.Observe(d.Seconds())
	}
}

// SetSize sets the number of keys and the bytes they take.
func (s *Store) SetSize(keys int, bytes int64) {
	if s != nil {
		s.keys.Set(float64(keys))
		s.bytes.Set(float64(bytes))
	}
}

// SetChangelogLag sets how many changelog records a restart would re-read.
func (s *Store) SetChangelogLag(records int64) {
	if s != nil {
		s.changelogLag.Set(float64(max(records, 0)))
	}
}

// Snapshotted records one attempt to write a local snapshot.
func (s *Store) Snapshotted(d time.Duration, err error) {
	if s == nil {
		return
	}
	if err != nil {
		s.failures.Inc()
		return
	}
	s.snapshot.Observe(d.Seconds())
}
