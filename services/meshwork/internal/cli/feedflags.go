package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"meshwork.dev/services/meshwork/internal/replay"
	"meshwork.dev/services/meshwork/retail"
	"meshwork.dev/services/meshwork/shopgen"
)

// parseSpeed reads max (0) or a factor of real time.
func parseSpeed(s string) (float64, error) {
	if s == "max" {
		return 0, nil
	}
	v, err := strconv.ParseFloat(strings.TrimSuffix(s, "x"), 64)
	if err != nil || v <= 0 {
		return 0, usagef("--speed %q: want max, or how many times faster than real time, such as 3600", s)
	}
	return v, nil
}

// fileFeed replays an Online Retail file.
type fileFeed struct {
	path    string
	speed   float64
	rejects *replay.Rejects
	file    *retail.File
}

// openFile opens the file; lines that cannot be used go to rejects.
func openFile(path, speed, rejects string, rows int) (*fileFeed, error) {
	v, err := parseSpeed(speed)
	if err != nil {
		return nil, err
	}
	f := &fileFeed{path: path, speed: v, rejects: replay.NewRejects(rejects)}
	if f.file, err = retail.Open(path, retail.Options{Reject: f.rejects.Add, MaxRows: rows}); err != nil {
		if os.IsNotExist(err) {
			return nil, &notFound{"replay file: " + err.Error()}
		}
		return nil, fmt.Errorf("replay file: %w", err)
	}
	return f, nil
}

// run replays the file, with a progress display on w.
func (f *fileFeed) run(ctx context.Context, s replay.Sink, w io.Writer, c *replay.Counts) (err error) {
	shown := make(chan struct{})
	show, stop := context.WithCancel(ctx)
	var position replay.Position
	source := position.Track(f.file)
	go func() {
		defer close(shown)
		replay.Progress(show, w, c, &position)
	}()
	err = replay.Run(ctx, replay.Options{Source: source, Sink: s, Speed: f.speed}, c)
	stop()
	<-shown
	if cerr := f.rejects.Close(); err == nil {
		err = cerr
	}
	return err
}

// summary says what became of the file.
func (f *fileFeed) summary(c *replay.Counts, took time.Duration) string {
	s := fmt.Sprintf("replayed %s: %d rows in %d orders, %d product changes, %s, %.0f rows/s",
		filepath.Base(f.path), c.Lines.Load(), c.Orders.Load(), c.Changes.Load(), took.Round(10*time.Millisecond), float64(c.Lines.Load())/took.Seconds())
	if n := f.rejects.Count(); n > 0 {
		s += fmt.Sprintf("; %d lines rejected, see %s", n, f.rejects.Path())
	}
	return s
}

// genFeed makes orders with the seeded generator. Its position is kept in a
// file, so that a later run goes on where this one stopped; after a crash some
// orders are sent again and recognised as repeats.
type genFeed struct {
	path  string // of the position
	rate  float64
	count int
	gen   *shopgen.Generator
	seed  uint64
}

// catalogue is the number of products of the generated shop, sent before the
// first order.
const catalogue = 300

// genPosition is the file.
type genPosition struct {
	Seed uint64 `json:"seed"`
	Next int    `json:"next"`
}

func openGenerator(path string, seed uint64, rate float64, count int, now time.Time) (*genFeed, error) {
	if rate <= 0 {
		return nil, usagef("--rate %g: want more than 0 orders per second", rate)
	}
	var at genPosition
	if b, err := os.ReadFile(path); err == nil { //nolint:gosec // the folder is the user's choice
		if err := json.Unmarshal(b, &at); err != nil || at.Seed != seed {
			at = genPosition{}
		}
	}
	gap := time.Duration(float64(time.Second) / rate)
	start := now
	if n := at.Next - catalogue; n > 0 { // go on at the next message: it is due now
		start = now.Add(-time.Duration(n) * gap)
	}
	return &genFeed{
		path: path, rate: rate, count: count, seed: seed,
		gen: shopgen.New(shopgen.Config{
			Seed: seed, Products: catalogue, Start: start, Gap: gap, First: at.Next, Count: count,
		}),
	}, nil
}

func (g *genFeed) run(ctx context.Context, s replay.Sink, c *replay.Counts) error {
	err := replay.Run(ctx, replay.Options{Source: g.gen, Sink: s, Live: true}, c)
	b, merr := json.Marshal(genPosition{g.seed, g.gen.Position()})
	if merr == nil {
		merr = os.WriteFile(g.path, append(b, '\n'), 0o600)
	}
	if err == nil && merr != nil {
		err = fmt.Errorf("keeping the generator's position: %w", merr)
	}
	return err
}
