package state

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// Ranges of any width, taken while the table grows, visit each key that was
// there throughout exactly once.
func TestIndexVisitsOnce(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 0))
		m, err := newMemory(nil)
		require.NoError(t, err)
		n := 1 + rng.IntN(5000)
		for i := range n {
			require.NoError(t, m.put(fixedKey(nil, i), nil))
		}
		seen := map[string]int{}
		added := n
		for from, first := uint64(0), true; first || from != 0; first = false {
			width := uint64(0)
			if cut := rng.IntN(20); cut > 0 {
				// As snapshots do: never wider than the segment, and aligned.
				shift := 64 - int(m.index.segments[m.index.segmentOf(from)].depth) - cut%6
				if shift < 64 && from%(1<<shift) == 0 {
					width = 1 << shift
				}
			}
			next, all := m.index.visit(from, width, func(r ref) bool {
				seen[string(m.arena.key(r))]++
				return true
			})
			require.True(t, all)
			from = next
			for range rng.IntN(300) { // the table grows meanwhile
				require.NoError(t, m.put(fixedKey(nil, added), nil))
				added++
			}
		}
		for i := range n {
			require.Equal(t, 1, seen[string(fixedKey(nil, i))])
		}
		for k, times := range seen {
			require.Equal(t, 1, times, "%q", k)
		}
		m.unmap()
	}
}

// Every word of every chunk belongs to exactly one record, and the books agree.
func TestArenaBooks(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	m, err := newMemory(nil)
	require.NoError(t, err)
	defer m.unmap()
	value := make([]byte, 300_000)
	for round := range 60 {
		for range 2000 {
			k := fixedKey(nil, rng.IntN(30_000))
			if rng.IntN(3) == 0 {
				m.delete(k)
				continue
			}
			size := rng.IntN(400)
			if rng.IntN(300) == 0 {
				size = rng.IntN(len(value))
			}
			require.NoError(t, m.put(k, value[:size]))
		}
		require.NoError(t, m.maintain(int64(rng.IntN(400_000))))
		if round%10 == 9 {
			checkArena(t, m)
		}
	}
	for i := range 30_000 {
		m.delete(fixedKey(nil, i))
	}
	for range 1000 {
		require.NoError(t, m.maintain(1<<20))
	}
	checkArena(t, m)
	require.Zero(t, m.live)
	require.LessOrEqual(t, m.arena.mapped, int64(6*chunkBytes), "memory is given back")
}

func checkArena(t *testing.T, m *memory) {
	t.Helper()
	a := m.arena
	linked := map[ref]bool{}
	for c := range a.heads {
		head := a.heads[c]
		prev := ref(0)
		for r := head; r != 0; r = getRef(a.at(r)[2:]) {
			words := binary.LittleEndian.Uint16(a.at(r))
			require.NotZero(t, words&freeFlag)
			require.Equal(t, c, class(uint32(words&^freeFlag)))
			require.Equal(t, prev, getRef(a.at(r)[7:]))
			require.False(t, linked[r])
			linked[r], prev = true, r
		}
	}
	var free, mapped, keys, live int64
	for id, c := range a.chunks {
		mapped += int64(len(c.data))
		if c.data == nil {
			continue
		}
		inChunk := uint32(0)
		end := a.words(uint32(id))
		if uint32(id) == a.current {
			end = a.next
		}
		for at := uint32(0); at < end; {
			r := ref(id)<<chunkShift | ref(at)
			head := binary.LittleEndian.Uint16(a.at(r))
			words := uint32(head &^ freeFlag)
			if head&freeFlag != 0 {
				inChunk += words * wordBytes
				require.Equal(t, words >= minWords && !a.victim.passed(r), linked[r])
				at += words
				continue
			}
			key, value := a.record(r)
			keys++
			live += int64(len(key) + len(value))
			slot := m.index.find(key, m.index.hash(key))
			require.NotNil(t, slot)
			require.Equal(t, r, ref(*slot&refMask))
			if words == 0 {
				break
			}
			at += words
		}
		require.Equal(t, inChunk, c.free)
		free += int64(c.free)
	}
	mapped += int64(len(a.spare))
	require.Equal(t, free, a.free)
	require.Equal(t, mapped, a.mapped)
	require.Equal(t, keys, m.keys)
	require.Equal(t, live, m.live)
}

func TestSizeClasses(t *testing.T) {
	sizes := map[int]int{}
	require.Equal(t, minWords, roundWords(1))
	for words := minWords; words <= maxSmallWords; words++ {
		r := roundWords(words)
		require.GreaterOrEqual(t, r, words)
		require.LessOrEqual(t, r-words, max(1, words/16))
		require.Equal(t, r, roundWords(r))
		require.Equal(t, uint32(r), floorWords(uint32(r)))
		require.LessOrEqual(t, floorWords(uint32(words)), uint32(words))
		c := class(uint32(r))
		require.Less(t, c, numClasses)
		size, known := sizes[c]
		require.True(t, !known || size == r, "a class holds one size")
		sizes[c] = r
	}
}

func TestChangeEncoding(t *testing.T) {
	long := bytes.Repeat([]byte("k"), 1000)
	var b Batch
	b.Put(nil, nil)
	b.Delete(nil)
	b.Put(long, long)
	b.Delete(long)
	for cut := range len(b.buf) {
		n := 0
		for rest := b.buf[:cut]; ; n++ {
			_, m := parseChange(rest)
			if m == 0 {
				break
			}
			rest = rest[m:]
		}
		require.Less(t, n, 4)
	}
}
