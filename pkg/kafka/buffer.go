package kafka

import (
	"math/bits"
	"sync"
	"sync/atomic"
)

// buffer is a pooled byte slice shared by reference count: it goes back to the pool with the last release.
type buffer struct {
	b     []byte
	refs  atomic.Int32
	class int
}

const (
	minClass = 12 // 4 KiB
	maxClass = 26 // 64 MiB; larger buffers are left to the collector
)

// bufferPools hold spare buffers by power of two. They are caches without meaning, hence shared by all clients.
var bufferPools [maxClass + 1]sync.Pool

func classOf(n int) int { return max(minClass, bits.Len(uint(max(n, 1)-1))) }

// getBuffer is an empty buffer with room for n bytes and one reference.
func getBuffer(n int) *buffer {
	class := classOf(n)
	var b *buffer
	if class <= maxClass {
		b, _ = bufferPools[class].Get().(*buffer)
	}
	if b == nil {
		size := n
		if class <= maxClass {
			size = 1 << class
		}
		b = &buffer{b: make([]byte, 0, size), class: class}
	}
	b.refs.Store(1)
	return b
}

func (b *buffer) retain() { b.refs.Add(1) }

func (b *buffer) release() {
	if b.refs.Add(-1) != 0 {
		return
	}
	// The slice may have been grown or swapped meanwhile: file it under what it can hold.
	class := bits.Len(uint(cap(b.b))) - 1
	if class < minClass || class > maxClass {
		return
	}
	b.class = class
	b.b = b.b[:0]
	bufferPools[class].Put(b)
}

// grow makes the buffer n bytes long and keeps its bytes.
func (b *buffer) grow(n int) {
	if n > cap(b.b) {
		nb := make([]byte, n)
		copy(nb, b.b)
		b.b = nb
		return
	}
	b.b = b.b[:n]
}
