package telemetry

import (
	"fmt"
	"sort"
	"sync"
	"time"
)

// Health is what a process answers on /livez and /readyz. Components report
// conditions; nothing is polled. Safe for concurrent use; nil-safe.
//
// Liveness is the heartbeat of event loops only: a broker that is away must
// not restart every consumer, so it never makes a process dead, only unready.
type Health struct {
	mu    sync.Mutex
	now   func() time.Time
	waits map[string]string // condition -> why it does not hold
	beats map[string]*beat
}

type beat struct {
	last time.Time
	max  time.Duration
}

// NewHealth returns a health without conditions: ready and alive.
func NewHealth() *Health {
	return &Health{now: time.Now, waits: map[string]string{}, beats: map[string]*beat{}}
}

// Wait says that condition does not hold yet (or no longer) and why. The
// process is unready until Hold is called for it.
func (h *Health) Wait(condition, why string) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.waits[condition] = why
}

// Hold says that condition holds.
func (h *Health) Hold(condition string) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.waits, condition)
}

// Beat records a sign of life of an event loop that promises one at least
// every max.
func (h *Health) Beat(loop string, every time.Duration) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.beats[loop] = &beat{h.now(), every}
}

// Rest ends an event loop's promise.
func (h *Health) Rest(loop string) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.beats, loop)
}

// Unready lists the conditions that do not hold, sorted, as "name: reason".
// Empty means ready.
func (h *Health) Unready() []string {
	if h == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []string
	for name, why := range h.waits {
		out = append(out, name+": "+why)
	}
	sort.Strings(out)
	return out
}

// Stuck lists the event loops that have broken their promise, sorted. Empty
// means alive.
func (h *Health) Stuck() []string {
	if h == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []string
	for name, b := range h.beats {
		if silent := h.now().Sub(b.last); silent > b.max {
			out = append(out, fmt.Sprintf("%s: no sign of life for %s", name, silent.Round(time.Second)))
		}
	}
	sort.Strings(out)
	return out
}
