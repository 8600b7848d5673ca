package stream

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/state"
	"meshwork.dev/pkg/stream/internal/sample"
)

// arrival is a record of Hits: one that deletes where n is negative.
type arrival struct {
	at  time.Time
	key string
	n   int64
}

// publishes runs a product over arrivals and returns the table that it has
// published, by key. After each arrival ends says whether the transaction ends,
// and anew whether another process goes on with the store.
func publishes(t *testing.T, spec Spec, list []arrival, ends, anew func() bool) map[string]sample.Count {
	t.Helper()
	s := sample.New(1, 1)
	def := Define(s.Counts, spec, On(s.Hits, func(c *Ctx[string, sample.Count], h sample.Hit) error {
		if h.N < 0 {
			c.Delete()
			return nil
		}
		return addTo(c, h)
	}), OnMerge(func(c *Ctx[string, sample.Count], later sample.Count) error {
		c.State.Hits += later.Hits
		c.State.Sum += later.Sum
		return nil
	}))
	store, err := state.OpenMemory("", state.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, store.Close()) }()
	open := func() *Task {
		task, err := NewTask(def, TaskConfig{
			Store: store, Schemas: &registryFake{text: []string{s.Hits.Info.Schema, s.Counts.Info.Schema}}, SchemaID: func(string) int32 { return 2 },
			Partitions: func(string) int { return 1 }, View: func(string, Dep) View { return nil }, Now: time.Now,
		})
		require.NoError(t, err)
		return task
	}
	task, sink := open(), &logs{}
	commit := func() {
		require.NoError(t, task.Seal(sink))
		_, err := task.Committed([]byte{1})
		require.NoError(t, err)
	}
	for i, a := range list {
		h := hit(a.key, a.n)
		r := kafka.Record{Offset: int64(i), Timestamp: a.at.UnixMilli(), Key: []byte(a.key), Value: sample.AppendHit(avro.AppendHeader(nil, 1), &h)}
		out, err := task.Process(0, &r, sink)
		require.NoError(t, err)
		require.Equal(t, Done, out)
		if ends() {
			commit()
			if anew() {
				task = open()
			}
		}
	}
	commit()
	rows := map[string]sample.Count{}
	for _, r := range sink.recs {
		if r.out != 0 {
			continue
		}
		if r.value == nil {
			delete(rows, r.key)
			continue
		}
		var c sample.Count
		require.NoError(t, s.Counts.Values.Decode(&c, r.value[avro.HeaderLen:]))
		rows[r.key] = c
	}
	return rows
}

func always() bool { return true }
func never() bool  { return false }

// TestMergedSessionsLeaveOneRow merges sessions whose rows were published by
// earlier commits, one of them of another process.
func TestMergedSessionsLeaveOneRow(t *testing.T) {
	at := func(m int) time.Time { return past.Add(time.Duration(m) * time.Minute) }
	list := []arrival{{at(0), "a", 1}, {at(50), "a", 2}, {at(100), "a", 4}, {at(25), "a", 8}, {at(75), "a", 16}}
	for name, ends := range map[string]func() bool{"each in a transaction": always, "all in one": never} {
		rows := publishes(t, Spec{Window: Session(30 * time.Minute).Grace(3 * time.Hour), Emit: OnCommit}, list, ends, always)
		require.Equal(t, map[string]sample.Count{"a|2011-12-09T12:50:00Z": {Key: "a", Hits: 5, Sum: 31}}, rows, name)
	}
}

// TestWhatIsPublishedDoesNotDependOnTheMode compares the tables of OnCommit with
// those of EveryUpdate, for random arrivals, deletions, commits and restarts:
// also windows that open and close within a transaction have their rows.
func TestWhatIsPublishedDoesNotDependOnTheMode(t *testing.T) {
	for name, window := range map[string]Windows{
		"session": Session(10 * time.Minute).Grace(15 * time.Minute), "hopping": Hopping(20*time.Minute, 10*time.Minute).Grace(5 * time.Minute), "none": {},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(volume(60, 10)) {
				rng := rand.New(rand.NewPCG(seed, 7))
				var list []arrival
				now := past
				for range 120 {
					now = now.Add(time.Duration(rng.IntN(6)) * time.Minute)
					a := arrival{now.Add(-time.Duration(rng.IntN(30)) * time.Minute), fmt.Sprint("k", rng.IntN(2)), int64(rng.IntN(100))}
					if rng.IntN(12) == 0 {
						a.n = -1
					}
					list = append(list, a)
				}
				want := publishes(t, Spec{Window: window}, list, always, never)
				got := publishes(t, Spec{Window: window, Emit: OnCommit}, list, func() bool { return rng.IntN(8) == 0 }, func() bool { return rng.IntN(3) == 0 })
				require.Equal(t, want, got, "seed %d", seed)
			}
		})
	}
}
