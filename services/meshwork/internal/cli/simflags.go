package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"meshwork.dev/pkg/service"
	"meshwork.dev/services/meshwork/feed"
	"meshwork.dev/services/meshwork/feed/faults"
	"meshwork.dev/services/meshwork/internal/replay"
	"meshwork.dev/services/meshwork/shop"
)

// simFlags choose what the simulated shop does.
type simFlags struct {
	Rate      string   `placeholder:"N|max" help:"Shop: messages per second. Default: 20; as fast as the mesh takes them with --start or --days."`
	Count     int64    `default:"0" help:"Shop: messages to make; 0: without end."`
	Seed      uint64   `default:"1" help:"Shop: the same seed, the same shop."`
	Customers int      `default:"2000" help:"Shop: customers that register in its first year."`
	Products  int      `default:"300" help:"Shop: size of the catalogue at the start."`
	Strangers int      `default:"1000" help:"Shop: people without a name, in thousandths of the usual; 0: whoever comes is a customer."`
	Start     string   `placeholder:"TIME" help:"Shop: live in a time of its own from then on (a date, or RFC 3339), instead of by the clock."`
	Faults    []string `placeholder:"NAME[=N]" help:"Shop: put faults on top, N in ten thousand messages: duplicates (100), out-of-order (200), late (50), poison (5), drift (100: written under a newer version of the contract)."`
	Days      int      `help:"Shop: stop after so many days of its own time; without --start they begin on 2026-01-05."`
}

// liveRate is how many messages a second the shop makes when nothing else is said.
const liveRate = 20

// sim is a simulated shop as the flags want it.
type sim struct {
	config shop.Config
	live   bool          // by the clock
	rate   float64       // messages per second; 0 is no limit
	speed  float64       // times the shop's own time; 0 is no limit
	until  time.Time     // zero: without end
	path   string        // of the position
	gap    time.Duration // between two messages of a live shop
	faults faults.Config
}

// byTheClock says whether the shop lives by the clock on the wall.
func (f simFlags) byTheClock() bool { return f.Start == "" && f.Days == 0 && f.Rate != "max" }

// sim checks the flags. emit says which messages to make, speed is how much faster than its own time a shop lives that
// has one, path where its position is kept.
func (f simFlags) sim(emit shop.Parts, speed, path string) (*sim, error) {
	s := &sim{path: path}
	switch f.Rate {
	case "", "max":
	default:
		v, err := strconv.ParseFloat(f.Rate, 64)
		if err != nil || v <= 0 {
			return nil, usagef("--rate %q: want max, or how many messages per second", f.Rate)
		}
		s.rate = v
	}
	var err error
	if s.speed, err = parseSpeed(speed); err != nil {
		return nil, err
	}
	if f.Customers <= 0 || f.Customers > shop.MaxCustomers || f.Products <= 0 || f.Products > shop.MaxProducts {
		return nil, usagef("--customers %d --products %d: want 1 to %d and 1 to %d", f.Customers, f.Products, shop.MaxCustomers, shop.MaxProducts)
	}
	if f.Strangers < 0 || f.Strangers > 1000 {
		return nil, usagef("--strangers %d: want 0 to 1000", f.Strangers)
	}
	if f.Days < 0 || f.Count < 0 {
		return nil, usagef("--days %d --count %d: want 0 or more", f.Days, f.Count)
	}
	if s.faults, err = parseFaults(f.Faults, f.Seed); err != nil {
		return nil, err
	}
	s.config = shop.Config{
		Seed: f.Seed, Customers: f.Customers, Products: f.Products, Count: f.Count, Emit: emit, Strangers: f.Strangers,
	}
	if f.Strangers == 0 {
		s.config.Strangers = -1
	}
	s.live = f.byTheClock()
	if s.live {
		s.rate = cmp.Or(s.rate, liveRate)
		s.gap = time.Duration(float64(time.Second) / s.rate)
		return s, nil
	}
	s.config.Start = time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)
	if f.Start != "" {
		if s.config.Start, err = parseDay(f.Start); err != nil {
			return nil, err
		}
	}
	if f.Days > 0 {
		s.until = s.config.Start.AddDate(0, 0, f.Days)
	}
	return s, nil
}

// parseFaults reads names with or without numbers.
func parseFaults(list []string, seed uint64) (faults.Config, error) {
	c := faults.Config{Seed: seed}
	known := map[string]struct {
		into  *int
		usual int
	}{
		"duplicates": {&c.Duplicates, 100}, "out-of-order": {&c.Reordered, 200}, "late": {&c.Late, 50},
		"poison": {&c.Poison, 5}, "drift": {&c.Newer, 100},
	}
	for _, text := range list {
		name, number, given := strings.Cut(text, "=")
		k, ok := known[name]
		if !ok {
			return c, usagef("--faults %s: there are %s", text, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
		*k.into = k.usual
		if !given {
			continue
		}
		n, err := strconv.Atoi(number)
		if err != nil || n < 0 || n > 10_000 {
			return c, usagef("--faults %s: want a number from 0 to 10000", text)
		}
		*k.into = n
	}
	return c, nil
}

// parseDay reads a date or a time.
func parseDay(s string) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, usagef("--start %q: want a date such as 2026-01-05, or a time such as 2026-01-05T08:00:00Z", s)
}

// ends says whether the shop comes to an end by itself.
func (s *sim) ends() bool { return s.config.Count > 0 || !s.until.IsZero() }

// position is the file that lets a later run go on where this one stopped. After a crash some messages are sent again
// and recognised as repeats.
type position struct {
	Seed      uint64    `json:"seed"`
	Customers int       `json:"customers"`
	Products  int       `json:"products"`
	Emit      uint16    `json:"emit"`
	Strangers int       `json:"strangers,omitempty"` // where they are not the usual thousandths
	Start     time.Time `json:"start"`               // zero for a shop by the clock
	Next      int64     `json:"next"`
}

func (s *sim) position(next int64) position {
	p := position{
		Seed: s.config.Seed, Customers: s.config.Customers, Products: s.config.Products, Emit: uint16(s.config.Emit),
		Start: s.config.Start, Next: next,
	}
	if s.config.Strangers != 1000 {
		p.Strangers = s.config.Strangers
	}
	return p
}

// open makes the simulator, at its position of the last run.
func (s *sim) open(now time.Time) *shop.Simulator {
	var at position
	if b, err := os.ReadFile(s.path); err == nil {
		if json.Unmarshal(b, &at) != nil || at != s.position(at.Next) {
			at = position{} // of another shop: begin at the beginning
		}
	}
	c := s.config
	if c.Count > 0 {
		c.Count += at.Next
	}
	if s.live {
		// The catalogue is due at once, and so is what comes next when the shop goes on.
		c.Gap, c.Start = s.gap, now.Add(-time.Duration(max(at.Next, int64(c.Products)))*s.gap)
	}
	simulator := shop.New(c)
	simulator.Skip(at.Next)
	return simulator
}

// run makes messages until ctx ends or the shop does.
func (s *sim) run(ctx context.Context, sink replay.Sink, c *replay.Counts, hold func(context.Context) error) error {
	simulator := s.open(time.Now())
	source, end := feed.Source(simulator), &endsAt{Simulator: simulator, end: s.until}
	if !s.until.IsZero() {
		source = end
	}
	if s.faults != (faults.Config{Seed: s.faults.Seed}) {
		source = faults.New(source, s.faults)
	}
	o := replay.Options{Source: source, Sink: sink, Live: s.live, Speed: s.speed, Hold: hold}
	if !s.live {
		o.Rate = s.rate
	}
	err := replay.Run(ctx, o, c)
	made := simulator.Position()
	if end.over {
		made-- // the first message behind the end is for the next run
	}
	p := s.position(made)
	if s.live {
		p.Start = time.Time{}
	}
	b, merr := json.Marshal(p)
	if merr == nil {
		merr = os.WriteFile(s.path, append(b, '\n'), 0o600)
	}
	if err == nil && merr != nil {
		err = fmt.Errorf("keeping the position of the shop: %w", merr)
	}
	return err
}

// endsAt is a simulator that stops at a time.
type endsAt struct {
	*shop.Simulator
	end  time.Time
	over bool
}

// Next returns the next message before the end.
func (e *endsAt) Next() (feed.Message, error) {
	m, err := e.Simulator.Next()
	if err == nil && !m.At.Before(e.end) {
		e.over = true
		return feed.Message{}, io.EOF
	}
	return m, err
}

// emit is what a mesh of these services takes in.
func emit(services []service.Definition) (shop.Parts, error) {
	var names []string
	for _, s := range services {
		if s.Products == nil {
			continue
		}
		products, err := s.Products(&service.Config{})
		if err != nil {
			return 0, fmt.Errorf("service %s: %w", s.Name, err)
		}
		if len(products) > 0 {
			names = append(names, s.Name)
		}
	}
	parts := shop.Only(names...)
	if parts == 0 {
		return 0, usagef("nothing to simulate for %s: they read what other services publish; use --idle", strings.Join(names, ", "))
	}
	return parts, nil
}
