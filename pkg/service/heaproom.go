package service

import (
	"bytes"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"sync"
	"time"
)

// fewProducts have so little on its way that two fifths of the memory are plenty:
// their process stays small rather than collect less.
const fewProducts = 8

// heapRoomEvery is how often a heap is given its room anew. What else grows (state
// being restored, Pebble's cache) takes seconds to fill the part that is left free.
const heapRoomEvery = 500 * time.Millisecond

// heapRoom moves the soft limit of the Go heap with what the rest of the process
// takes: where stores are small, a heap that is collected again and again stands
// beside memory that nobody uses. One goroutine owns the limit until close.
type heapRoom struct {
	stop func()
	done chan struct{}
}

func openHeapRoom(budget int64) *heapRoom {
	ended := make(chan struct{})
	r := &heapRoom{stop: sync.OnceFunc(func() { close(ended) }), done: make(chan struct{})}
	go func() {
		defer close(r.done)
		tick := time.NewTicker(heapRoomEvery)
		defer tick.Stop()
		for {
			if others, ok := besideHeap(); ok {
				debug.SetMemoryLimit(heapLimit(budget, others))
			}
			select {
			case <-ended:
				return
			case <-tick.C:
			}
		}
	}()
	return r
}

// close returns when the limit is no longer touched.
func (r *heapRoom) close() {
	r.stop()
	<-r.done
}

// heapLimit is what the Go runtime may hold of a budget when the rest of the process
// holds so much: three twentieths of the budget stay free, and the heap has at least
// two fifths of it, at most seven tenths.
func heapLimit(budget, others int64) int64 {
	return min(max(budget*17/20-others, budget*2/5), budget*7/10)
}

// besideHeap is how much resident memory of this process the Go runtime does not
// count. It reports false where the operating system does not tell: the limit
// then stays where it is.
func besideHeap() (int64, bool) {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, false
	}
	fields := bytes.Fields(b)
	if len(fields) < 2 {
		return 0, false
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	if err != nil {
		return 0, false
	}
	held := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(held)
	for _, s := range held {
		if s.Value.Kind() != metrics.KindUint64 {
			return 0, false
		}
	}
	goes := int64(held[0].Value.Uint64() - held[1].Value.Uint64())
	return max(pages*int64(os.Getpagesize())-goes, 0), true
}
