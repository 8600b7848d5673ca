package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas/product"
)

// announce says once where to look.
func (u *up) announce() {
	cfg := u.platform.Config
	reg, brokers := cfg.Registry.URLs[0], strings.Join(cfg.Kafka.Brokers, ",")
	fmt.Fprintf(u.app.err, `kafka     %s
registry  %s
http      http://%s  (/orders /describe /metrics /readyz)
look in   meshwork consume product-sales -f --kafka %s --registry %s
          kcat -b %s -r %s -s value=avro -C -t %s
`, brokers, reg, u.platform.Server.Addr(), brokers, reg, brokers, reg, product.ProductSalesState.Name())
}

// measured is what a summary shows, at one time.
type measured struct {
	at        time.Time
	sent      int64
	published map[string]float64 // by product: records
	products  []stream.ProductStatus
}

func (u *up) measure() measured {
	m := measured{at: time.Now(), sent: u.counts.Acked.Load(), published: map[string]float64{}, products: u.platform.Status()}
	families, err := u.platform.Gatherer.Gather()
	if err != nil {
		return m
	}
	for _, f := range families {
		if f.GetName() != "meshwork_dataproduct_records_published_total" {
			continue
		}
		for _, s := range f.GetMetric() {
			for _, l := range s.GetLabel() {
				if l.GetName() == "data_product" {
					m.published[l.GetValue()] += s.GetCounter().GetValue()
				}
			}
		}
	}
	return m
}

// block prints one summary; rates are since before.
func (u *up) block(m, before measured) {
	rate := func(now, then float64) string {
		if before.at.IsZero() {
			return ""
		}
		return fmt.Sprintf(" (%.0f/s)", (now-then)/m.at.Sub(before.at).Seconds())
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s  sent %d%s\n", m.at.Format("15:04:05"), m.sent, rate(float64(m.sent), float64(before.sent)))
	for _, s := range m.products {
		fmt.Fprintf(&b, "  %-16s %-10s published %.0f%s  keys %d  lag %d", s.Name, s.State, m.published[s.Name],
			rate(m.published[s.Name], before.published[s.Name]), s.Keys, lag(s))
		if s.Timers > 0 {
			fmt.Fprintf(&b, "  timers %d", s.Timers)
		}
		for _, r := range s.Restores {
			fmt.Fprintf(&b, "  restoring %d: %d of %d, %s left", r.Partition, r.Read, r.Total, r.ETA.Round(time.Second))
		}
		b.WriteString("\n")
	}
	fmt.Fprint(u.app.err, b.String())
}

// lag is the number of offsets between what has been processed and the end.
func lag(s stream.ProductStatus) int64 {
	var n int64
	for _, in := range s.Inputs {
		n += max(in.End-in.Next, 0)
	}
	return n
}

// summaries prints a block now and then, until ctx ends; nothing while nothing
// moves.
func (u *up) summaries(ctx context.Context) {
	tick := time.NewTicker(u.cmd.Summary)
	defer tick.Stop()
	before := u.measure()
	quiet := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		m := u.measure()
		moved := m.sent != before.sent
		for name, n := range m.published {
			moved = moved || n != before.published[name]
		}
		if moved || !quiet {
			u.block(m, before)
		}
		quiet = !moved
		before = m
	}
}
