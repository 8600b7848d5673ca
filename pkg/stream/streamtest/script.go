package streamtest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/stream"
)

// Run runs text scripts: one file, or every file of a folder. Each file starts
// with a new driver. A step is a command, its input, a line of four dashes and
// what came of it; "go test -rewrite" writes the last part anew.
//
//	send TOPIC [at=TIME] [key=KEY]     the input is one JSON document per record
//	tombstone TOPIC key=KEY            a record without value
//	raw TOPIC key=KEY                  the input is the value, as it is
//	at TIME                            moves the clock, RFC 3339 or a date
//	advance DURATION                   lets time pass, such as 24h; timers fire
//	restart                            rebuilds all state from the changelogs
//	table TOPIC                        the newest row of every key
//	events TOPIC                       every record, in order
//	dlq [TOPIC]                        dead letters: topic, key, reason, error
//	late [TOPIC]                       those whose reason is late
//
// TOPIC is the short name, "order-completed"; where several topics have it,
// "order.state"; or the whole name. at=+2h counts from the clock. send,
// tombstone, raw, advance and restart print what the products published
// because of them: topic, key and value, by topic and then in order.
func Run(t *testing.T, path string, newDriver func(t *testing.T) *Driver) {
	t.Helper()
	datadriven.Walk(t, path, func(t *testing.T, file string) {
		d := newDriver(t)
		d.shown()
		datadriven.RunTest(t, file, func(t *testing.T, td *datadriven.TestData) string {
			d.t = t
			out, err := d.command(td)
			if err != nil {
				td.Fatalf(t, "%v", err)
			}
			return out
		})
	})
}

func (d *Driver) command(td *datadriven.TestData) (string, error) {
	arg := func(name string) (string, bool) {
		for _, a := range td.CmdArgs {
			if a.Key == name && len(a.Vals) > 0 {
				return strings.Join(a.Vals, ","), true
			}
		}
		return "", false
	}
	first := func() (string, error) {
		for _, a := range td.CmdArgs {
			if len(a.Vals) == 0 {
				return a.Key, nil
			}
		}
		return "", fmt.Errorf("%s needs an argument", td.Cmd)
	}
	switch td.Cmd {
	case "send", "tombstone", "raw":
		name, err := first()
		if err != nil {
			return "", err
		}
		t, err := d.find(name)
		if err != nil {
			return "", err
		}
		at := d.now
		if s, ok := arg("at"); ok {
			if at, err = d.parseTime(s); err != nil {
				return "", err
			}
		}
		key, keyed := arg("key")
		if err := d.sendScript(td, t, key, keyed, at); err != nil {
			return "", err
		}
		return d.news(), nil
	case "at":
		s, err := first()
		if err != nil {
			return "", err
		}
		at, err := d.parseTime(s)
		if err != nil {
			return "", err
		}
		d.now = at
		return "", nil
	case "advance":
		s, err := first()
		if err != nil {
			return "", err
		}
		by, err := time.ParseDuration(s)
		if err != nil {
			return "", fmt.Errorf("advance: %w", err)
		}
		d.Advance(by)
		return d.news(), nil
	case "restart":
		d.Restart()
		return d.news(), nil
	case "table", "events":
		name, err := first()
		if err != nil {
			return "", err
		}
		t, err := d.find(name)
		if err != nil {
			return "", err
		}
		return d.dump(t, td.Cmd == "table"), nil
	case "dlq", "late":
		name, _ := first()
		return d.letters(name, td.Cmd == "late")
	default:
		return "", fmt.Errorf("no command %q", td.Cmd)
	}
}

func (d *Driver) sendScript(td *datadriven.TestData, t *topic, key string, keyed bool, at time.Time) error {
	switch td.Cmd {
	case "tombstone":
		d.send(t, []byte(key), nil, at)
		return nil
	case "raw":
		d.send(t, []byte(key), []byte(td.Input), at)
		return nil
	}
	docs, err := splitJSON(td.Input)
	if err != nil {
		return err
	}
	for _, doc := range docs {
		k, value, err := d.encodeJSON(t, doc)
		if err != nil {
			return err
		}
		if keyed {
			k = []byte(key)
		}
		if at.After(d.now) {
			d.now = at
		}
		t.append(kafka.Partition(k, len(t.parts)), record{ts: at.UnixMilli(), key: k, value: value})
		d.seen[t.info.Name] = len(t.order) // what the script sends is no news
		d.Pump()
	}
	return nil
}

func (d *Driver) parseTime(s string) (time.Time, error) {
	if by, ok := strings.CutPrefix(s, "+"); ok {
		dur, err := time.ParseDuration(by)
		if err != nil {
			return time.Time{}, fmt.Errorf("at=%s: %w", s, err)
		}
		return d.now.Add(dur), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04", time.DateOnly} {
		if at, err := time.Parse(layout, s); err == nil {
			return at.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("time %q: use 2006-01-02T15:04:05Z, 2006-01-02T15:04, 2006-01-02 or +2h", s)
}

// shown marks everything as told.
func (d *Driver) shown() {
	for name, t := range d.topics {
		d.seen[name] = len(t.order)
	}
}

// public are the topics that a reader of a script wants to see: what products
// publish, without re-keyed records and changelogs.
func (d *Driver) public() []*topic {
	kinds := map[string]string{}
	for _, p := range d.products {
		for _, o := range p.outs {
			kinds[o.Info.Name] = o.Kind
		}
	}
	var all []*topic
	for name, t := range d.topics {
		if k := kinds[name]; k != "" && k != "re-keyed" && k != "changelog" && d.showing(name, k) {
			all = append(all, t)
		}
	}
	slices.SortFunc(all, func(a, b *topic) int { return strings.Compare(a.info.Name, b.info.Name) })
	return all
}

func (d *Driver) news() string {
	var b strings.Builder
	for _, t := range d.public() {
		for _, p := range t.order[d.seen[t.info.Name]:] {
			b.WriteString(d.line(t, t.parts[p.part][p.n]))
		}
	}
	d.shown()
	return b.String()
}

func (d *Driver) line(t *topic, r record) string {
	if t.ref == nil { // a dead letter
		h := headers(r.headers, r.count)
		text, _, _ := strings.Cut(h[stream.DLQError], "\n")
		return fmt.Sprintf("dead letter of %s  %s  %s: %s\n", h[stream.DLQTopic], r.key, h[stream.DLQReason], text)
	}
	return fmt.Sprintf("%s  %s  %s\n", shortName(t.info), r.key, d.decodeJSON(t, r.value))
}

func (d *Driver) dump(t *topic, table bool) string {
	var lines []string
	if !table {
		for _, p := range t.order {
			lines = append(lines, d.line(t, t.parts[p.part][p.n]))
		}
		return strings.Join(lines, "")
	}
	rows := map[string]string{}
	for _, p := range t.order {
		r := t.parts[p.part][p.n]
		if rows[string(r.key)] = fmt.Sprintf("%s  %s\n", r.key, d.decodeJSON(t, r.value)); r.value == nil {
			delete(rows, string(r.key))
		}
	}
	for _, l := range rows {
		lines = append(lines, l)
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

func (d *Driver) letters(name string, late bool) (string, error) {
	var b strings.Builder
	want := ""
	if name != "" {
		t, err := d.find(name)
		if err != nil {
			return "", err
		}
		want = stream.DeadLetterTopic(t.info.Name)
	}
	for _, t := range d.public() {
		if t.ref != nil || want != "" && t.info.Name != want {
			continue
		}
		for _, p := range t.order {
			r := t.parts[p.part][p.n]
			if late && headers(r.headers, r.count)[stream.DLQReason] != "late" {
				continue
			}
			b.WriteString(d.line(t, r))
		}
	}
	return b.String(), nil
}
