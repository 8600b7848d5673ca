package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"meshwork.dev/services/meshwork/glue"
	"meshwork.dev/services/meshwork/internal/replay"
	"meshwork.dev/services/meshwork/retail"
	"meshwork.dev/services/meshwork/shop"
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
	glue    *glue.Glue // nil without
	parts   shop.Parts // the kinds of messages that come of it
}

// openFile opens the file; lines that cannot be used go to rejects.
func openFile(path, speed, rejects string, rows int) (*fileFeed, error) {
	v, err := parseSpeed(speed)
	if err != nil {
		return nil, err
	}
	f := &fileFeed{path: path, speed: v, rejects: replay.NewRejects(rejects), parts: retailParts}
	if f.file, err = retail.Open(path, retail.Options{Reject: f.rejects.Add, MaxRows: rows}); err != nil {
		if os.IsNotExist(err) {
			return nil, &notFound{"replay file: " + err.Error()}
		}
		return nil, fmt.Errorf("replay file: %w", err)
	}
	return f, nil
}

// stick glues the data sets of a folder to the orders, as far as parts are wanted.
func (f *fileFeed) stick(dir string, rows int, parts shop.Parts, w io.Writer) (err error) {
	if dir == "" {
		return nil
	}
	if f.glue, err = glue.Open(dir, f.path, glue.Options{Rows: rows}); err != nil {
		return fmt.Errorf("--glue %s: %w", dir, err)
	}
	f.parts |= glue.Parts & parts
	for _, name := range f.glue.Missing() {
		fmt.Fprintf(w, "--glue %s: there is no %s; the replay goes on without it\n", dir, name)
	}
	return nil
}

// run replays the file, with a progress display on w.
func (f *fileFeed) run(ctx context.Context, s replay.Sink, w io.Writer, c *replay.Counts, hold func(context.Context) error) (err error) {
	shown := make(chan struct{})
	show, stop := context.WithCancel(ctx)
	var position replay.Position
	source := position.Track(f.file)
	if f.glue != nil {
		source = f.glue.Wrap(source, f.parts)
	}
	go func() {
		defer close(shown)
		replay.Progress(show, w, c, &position)
	}()
	err = replay.Run(ctx, replay.Options{Source: source, Sink: s, Speed: f.speed, Hold: hold}, c)
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
