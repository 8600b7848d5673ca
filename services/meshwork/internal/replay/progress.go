package replay

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"

	"meshwork.dev/pkg/telemetry"
	"meshwork.dev/services/meshwork/feed"
)

// Position is how far a file has been read. It is written by the goroutine
// that reads the file and read by others.
type Position struct{ read, size atomic.Int64 }

// file is a feed that knows how far it is.
type file interface {
	feed.Source
	Progress() (read, size int64)
}

type tracked struct {
	file
	p *Position
}

// Track returns f as a source that keeps p up to date.
func (p *Position) Track(f file) feed.Source {
	_, size := f.Progress()
	p.size.Store(size)
	return tracked{f, p}
}

// Next returns the next message of the file.
func (t tracked) Next() (feed.Message, error) {
	m, err := t.file.Next()
	read, _ := t.Progress()
	t.p.read.Store(read)
	return m, err
}

// Progress shows how far a replay is, until ctx ends: a bar on a terminal, a
// plain line every few seconds elsewhere.
func Progress(ctx context.Context, w io.Writer, c *Counts, p *Position) {
	bar, every := (*progressbar.ProgressBar)(nil), 5*time.Second
	size := p.size.Load()
	if telemetry.IsTerminal(w) {
		every = 200 * time.Millisecond
		bar = progressbar.NewOptions64(max(size, 1), progressbar.OptionSetWriter(w), progressbar.OptionSetDescription("replay"),
			progressbar.OptionShowBytes(false), progressbar.OptionSetElapsedTime(true), progressbar.OptionSetPredictTime(true),
			progressbar.OptionSetWidth(30), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	began, last, lastLines := time.Now(), time.Now(), int64(0)
	for {
		select {
		case <-ctx.Done():
			if bar != nil {
				_ = bar.Finish()
			}
			return
		case <-tick.C:
		}
		read := p.read.Load()
		lines, now := c.Lines.Load(), time.Now()
		rate := float64(lines-lastLines) / now.Sub(last).Seconds()
		if bar == nil {
			lastLines, last = lines, now
			fmt.Fprintf(w, "replay %3.0f%%  %d rows  %d orders  %.0f rows/s  up to %s  %s\n", 100*float64(read)/float64(max(size, 1)),
				lines, c.Orders.Load(), rate, time.UnixMilli(c.At.Load()).UTC().Format("2006-01-02 15:04"), now.Sub(began).Round(time.Second))
			continue
		}
		bar.Describe(fmt.Sprintf("replay %d rows, %.0f/s, up to %s", lines, float64(lines)/now.Sub(began).Seconds(),
			time.UnixMilli(c.At.Load()).UTC().Format("2006-01-02")))
		_ = bar.Set64(min(read, max(size, 1)))
	}
}
