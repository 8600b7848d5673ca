package registry

import (
	"context"
	"slices"
	"sync"
)

// Memory is a journal in memory for tests and tools: several servers of one process can share it. The zero value is
// an empty one. It is lost with the process.
type Memory struct {
	mu      sync.Mutex
	records []record
	epoch   int // of the last Acquire
	moved   chan struct{}
}

// memoryHandle is one instance's access to a Memory.
type memoryHandle struct {
	m     *Memory
	epoch int // only the write path uses it, one write at a time
}

func (h *memoryHandle) End(context.Context) (int64, error) {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	return int64(len(h.m.records)), nil
}

func (h *memoryHandle) Tip(ctx context.Context) (int64, error) { return h.End(ctx) }

func (h *memoryHandle) Read(ctx context.Context, position int64) ([]record, int64, error) {
	for {
		h.m.mu.Lock()
		if h.m.moved == nil {
			h.m.moved = make(chan struct{})
		}
		moved := h.m.moved
		rest := slices.Clone(h.m.records[min(position, int64(len(h.m.records))):])
		h.m.mu.Unlock()
		if len(rest) > 0 {
			return rest, position + int64(len(rest)), nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return nil, position, ctx.Err()
		}
	}
}

func (h *memoryHandle) Acquire(context.Context) error {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	h.m.epoch++
	h.epoch = h.m.epoch
	return nil
}

func (h *memoryHandle) Append(_ context.Context, records ...record) error {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	if h.epoch == 0 || h.epoch != h.m.epoch {
		return errNotWriter
	}
	for _, r := range records {
		r.offset = int64(len(h.m.records))
		h.m.records = append(h.m.records, r)
	}
	if h.m.moved != nil {
		close(h.m.moved)
		h.m.moved = nil
	}
	return nil
}

func (h *memoryHandle) Close() error { return nil }
