package streamtest

import (
	"context"
	"encoding/json"
	"time"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/kafka"
	"meshwork.dev/schemas"
)

// Row is a key and its value.
type Row[K, V any] struct {
	Key   K
	Value V
}

// Send writes a value to a topic now, under the key that belongs to it, and
// runs the products.
func Send[K, V any](d *Driver, t *schemas.Topic[K, V], v V) {
	d.t.Helper()
	SendAt(d, t, t.KeyOf(&v), v, d.now)
}

// SendAt writes a value with a key and an event time. The clock follows if it
// is behind.
func SendAt[K, V any](d *Driver, t *schemas.Topic[K, V], key K, v V, at time.Time) {
	d.t.Helper()
	tp := d.topic(&t.Info, t)
	value := t.Values.Append(avro.AppendHeader(nil, d.ids[t.Info.Name]), &v)
	d.send(tp, t.Keys.Append(nil, key), value, at)
}

// SendTombstone writes a record without value.
func SendTombstone[K, V any](d *Driver, t *schemas.Topic[K, V], key K) {
	d.t.Helper()
	d.send(d.topic(&t.Info, t), t.Keys.Append(nil, key), nil, d.now)
}

// SendBytes writes a record as it is, for what is not as it should be.
func SendBytes[K, V any](d *Driver, t *schemas.Topic[K, V], key, value []byte) {
	d.t.Helper()
	d.send(d.topic(&t.Info, t), key, value, d.now)
}

func (d *Driver) send(t *topic, key, value []byte, at time.Time) {
	d.t.Helper()
	if at.After(d.now) {
		d.now = at.UTC()
	}
	t.append(kafka.Partition(key, len(t.parts)), record{ts: at.UnixMilli(), key: key, value: value})
	d.Pump()
}

// Events returns the values of a topic in the order they were written,
// tombstones left out.
func Events[K, V any](d *Driver, t *schemas.Topic[K, V]) []Row[K, V] {
	d.t.Helper()
	var all []Row[K, V]
	tp := d.topic(&t.Info, t)
	dec, err := avro.NewTopicDecoder(t, d)
	if err != nil {
		d.t.Fatalf("%v", err)
	}
	for _, p := range tp.order {
		r := tp.parts[p.part][p.n]
		if r.value == nil {
			continue
		}
		var row Row[K, V]
		if row.Key, err = t.Keys.Parse(r.key); err == nil {
			err = dec.DecodeRecord(context.Background(), &row.Value, r.value, nil)
		}
		if err != nil {
			d.t.Fatalf("%s: %v", t.Info.Name, err)
		}
		all = append(all, row)
	}
	return all
}

// Table is the newest value of every key of a topic.
func Table[K comparable, V any](d *Driver, t *schemas.Topic[K, V]) map[K]V {
	d.t.Helper()
	rows := map[K]V{}
	for _, r := range Events(d, t) {
		rows[r.Key] = r.Value
	}
	tp := d.topic(&t.Info, t)
	for _, part := range tp.parts {
		for _, r := range part {
			if k, err := t.Keys.Parse(r.key); err == nil && r.value == nil {
				if _, ok := (view{tp}).Get(nil, r.key); !ok {
					delete(rows, k)
				}
			}
		}
	}
	return rows
}

// ExpectRow fails the test unless the newest value of key is want.
func ExpectRow[K comparable, V any](d *Driver, t *schemas.Topic[K, V], key K, want V) {
	d.t.Helper()
	got, ok := Table(d, t)[key]
	if !ok {
		d.t.Errorf("%s: no row %v", t.Info.Name, key)
		return
	}
	if g, w := text(got), text(want); g != w {
		d.t.Errorf("%s, row %v:\n got %s\nwant %s", t.Info.Name, key, g, w)
	}
}

// ExpectNoRow fails the test if there is a row.
func ExpectNoRow[K comparable, V any](d *Driver, t *schemas.Topic[K, V], key K) {
	d.t.Helper()
	if got, ok := Table(d, t)[key]; ok {
		d.t.Errorf("%s: row %v is %s, want none", t.Info.Name, key, text(got))
	}
}

// ExpectEvents fails the test unless these and only these values were written
// to the topic, in this order.
func ExpectEvents[K, V any](d *Driver, t *schemas.Topic[K, V], want ...V) {
	d.t.Helper()
	got := Events(d, t)
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			d.t.Errorf("%s: no event %d, want %s", t.Info.Name, i, text(want[i]))
		case i >= len(want):
			d.t.Errorf("%s: event %d is %s, want none", t.Info.Name, i, text(got[i].Value))
		case text(got[i].Value) != text(want[i]):
			d.t.Errorf("%s, event %d:\n got %s\nwant %s", t.Info.Name, i, text(got[i].Value), text(want[i]))
		}
	}
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}
