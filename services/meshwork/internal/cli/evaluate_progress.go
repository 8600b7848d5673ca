package cli

import (
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"

	"meshwork.dev/pkg/telemetry"
)

// progress shows how far a long computation is: a bar on a terminal, a line now and then elsewhere. It belongs to one
// goroutine.
type progress struct {
	w        io.Writer
	name     string
	terminal bool
	bar      *progressbar.ProgressBar
	what     string
	total    int
	printed  time.Time
}

func newProgress(w io.Writer, name string) *progress {
	return &progress{w: w, name: name, terminal: telemetry.IsTerminal(w)}
}

// progressEvery is the time between two lines where there is no terminal.
const progressEvery = 5 * time.Second

// step is a report.Progress.
func (p *progress) step(what string, done, total int) {
	if p.terminal {
		if p.bar == nil || what != p.what || total != p.total {
			p.finish()
			most := int64(total)
			if most <= 0 {
				most = -1 // a spinner
			}
			p.bar = progressbar.NewOptions64(most, progressbar.OptionSetWriter(p.w), progressbar.OptionSetDescription(p.name+": "+what),
				progressbar.OptionSetElapsedTime(true), progressbar.OptionSetPredictTime(total > 0), progressbar.OptionSetWidth(30),
				progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
		}
		_ = p.bar.Set(done)
	} else if now := time.Now(); now.Sub(p.printed) >= progressEvery {
		p.printed = now
		if total > 0 {
			fmt.Fprintf(p.w, "%s: %s %d of %d\n", p.name, what, done, total)
		} else {
			fmt.Fprintf(p.w, "%s: %s\n", p.name, what)
		}
	}
	p.what, p.total = what, total
}

// finish takes the bar away.
func (p *progress) finish() {
	if p.bar != nil {
		_ = p.bar.Finish()
		p.bar = nil
	}
}
