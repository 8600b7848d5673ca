package load

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// Meter measures the warm part of a run: from the first tenth of the records to the last. Not safe for concurrent
// use.
type Meter struct {
	total, warm, seen int
	wall              time.Time
	cpu               float64
	result            Result
}

// Result is what a run achieved in its warm part.
type Result struct {
	Records int     `json:"records"`
	Seconds float64 `json:"seconds"`       // wall clock
	CPU     float64 `json:"cpu"`           // seconds of the client process, user and system
	RSS     int64   `json:"rss,omitempty"` // largest resident size in bytes, where known
}

// PerCPU is records per CPU-second.
func (r Result) PerCPU() float64 { return float64(r.Records) / r.CPU }

// PerSecond is records per second of wall clock.
func (r Result) PerSecond() float64 { return float64(r.Records) / r.Seconds }

// NewMeter expects total records.
func NewMeter(total int) *Meter { return &Meter{total: total, warm: total / 10} }

// Add counts n records more and reports whether that was the last.
func (m *Meter) Add(n int) bool {
	before := m.seen
	m.seen += n
	if before < m.warm && m.seen >= m.warm {
		m.warm = m.seen
		m.wall, m.cpu = time.Now(), cpuSeconds()
	}
	if m.seen < m.total {
		return false
	}
	if m.result.Records == 0 {
		m.Stop()
	}
	return true
}

// Stop ends the measured part now; Add stops it by itself with the last record.
func (m *Meter) Stop() {
	m.result = Result{
		Records: m.seen - m.warm,
		Seconds: time.Since(m.wall).Seconds(),
		CPU:     cpuSeconds() - m.cpu,
		RSS:     maxRSS(),
	}
}

// Print writes the result as one JSON line.
func (m *Meter) Print(w io.Writer) error {
	line, err := json.Marshal(m.result)
	if err == nil {
		_, err = fmt.Fprintf(w, "%s\n", line)
	}
	return err
}
