package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"meshwork.dev/pkg/service"
	"meshwork.dev/services/meshwork/internal/replay"
	"meshwork.dev/services/meshwork/retail"
)

type simulateCmd struct {
	kafkaFlags
	registryFlags
	output
	simFlags
	Speed    string   `default:"max" help:"Of a shop with --start or --days: max, or how many times faster than real time."`
	Only     []string `placeholder:"NAME" help:"Make only what these services take in; default: all."`
	Position string   `default:"simulate.json" placeholder:"FILE" help:"File that lets a later run go on where this one stopped."`
	Keep     bool     `name:"keep-history" default:"true" negatable:"" help:"Lift the retention of topics when old data is sent: brokers delete by the records' own times. meshwork topics --apply restores it."`
}

// Help is the long help of the command.
func (simulateCmd) Help() string {
	return `Ctrl-C stops; the next run with the same flags goes on. Messages carry identities that follow from the seed and their
number, so what is sent again after a crash is recognised. Two shops in one mesh need different seeds.`
}

// Run simulates.
func (c *simulateCmd) Run(ctx context.Context, a *app) (err error) {
	ctx, stop := service.WithSignals(ctx, zap.NewNop())
	defer stop()
	services, err := pick(c.Only, a.getenv) //nolint:contextcheck // requests and the stop have contexts of their own
	if err != nil {
		return err
	}
	parts, err := emit(services)
	if err != nil {
		return err
	}
	sim, err := c.sim(parts, c.Speed, c.Position)
	if err != nil {
		return err
	}
	cl, err := a.connect(ctx, c.kafkaFlags)
	if err != nil {
		return err
	}
	defer cl.Close()
	rc, err := a.registryClient(c.registryFlags)
	if err != nil {
		return err
	}
	if c.Keep && !sim.live {
		if err := retail.KeepHistory(ctx, cl); err != nil {
			return fmt.Errorf("keeping history: %w", err)
		}
	}
	s, err := openSink(ctx, cl, rc, "/meshwork/simulate", parts)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := s.Close(ctx); err == nil {
			err = cerr
		}
	}()
	var counts replay.Counts
	began, shown := time.Now(), make(chan struct{})
	show, hide := context.WithCancel(ctx)
	go func() {
		defer close(shown)
		a.watch(show, sim, &counts)
	}()
	err = sim.run(ctx, s, &counts, nil)
	hide()
	<-shown
	if errors.Is(err, context.Canceled) {
		err = nil // asked to stop
	}
	if err != nil {
		return fmt.Errorf("simulating: %w", err)
	}
	took := time.Since(began)
	if c.json() {
		return a.printJSON(map[string]any{
			"messages": counts.Acked.Load(), "actions": counts.Actions.Load(), "orders": counts.Orders.Load(),
			"productChanges": counts.Changes.Load(), "seconds": took.Seconds(),
		})
	}
	fmt.Fprintf(a.err, "sent %d messages, %s, %.0f/s\n", counts.Acked.Load(), took.Round(10*time.Millisecond), float64(counts.Acked.Load())/took.Seconds())
	return nil
}

// watchEvery is how often watch looks.
const watchEvery = 200 * time.Millisecond

// watch shows how far the shop is, until ctx ends.
func (a *app) watch(ctx context.Context, sim *sim, c *replay.Counts) {
	p := newProgress(a.err, "shop")
	defer p.finish()
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		sent, at := c.Acked.Load(), time.UnixMilli(c.At.Load()).UTC()
		switch {
		case sim.config.Count > 0:
			p.step("messages", int(sent), int(sim.config.Count))
		case !sim.until.IsZero():
			p.step("hours of its time", int(at.Sub(sim.config.Start).Hours()), int(sim.until.Sub(sim.config.Start).Hours()))
		default:
			p.step(fmt.Sprintf("%d messages, up to %s", sent, at.Format("2006-01-02 15:04")), int(sent), 0)
		}
	}
}
