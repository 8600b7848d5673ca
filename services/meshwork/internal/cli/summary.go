package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"meshwork.dev/pkg/service"
	"meshwork.dev/pkg/stream"
)

// summary is how a running mesh is doing: what went in, and each product by service. It is what up prints now and then.
type summary struct {
	At       time.Time        `json:"at"`
	Sent     int64            `json:"sent"`
	SentRate float64          `json:"sentPerSecond"`
	Services []serviceSummary `json:"services"`
}

type serviceSummary struct {
	Service  string           `json:"service"`
	Products []productSummary `json:"products"`
}

type productSummary struct {
	Name          string       `json:"name"`
	State         stream.State `json:"state"`
	Published     int64        `json:"published"`
	PublishedRate float64      `json:"publishedPerSecond"`
	Keys          int          `json:"keys"`
	Bytes         int64        `json:"bytes"`
	Lag           int64        `json:"lag"` // offsets of the inputs not processed yet
	Timers        int          `json:"timers,omitempty"`
	Restoring     string       `json:"restoring,omitempty"`
	Error         string       `json:"error,omitempty"`
}

// measure takes a summary; rates are since before, which may be nil.
func (u *up) measure(before *summary) *summary {
	m := &summary{At: time.Now(), Sent: u.counts.Acked.Load()}
	was := map[string]int64{}
	seconds := 0.0
	if before != nil {
		seconds = m.At.Sub(before.At).Seconds()
		m.SentRate = float64(m.Sent-before.Sent) / seconds
		for _, s := range before.Services {
			for _, p := range s.Products {
				was[p.Name] = p.Published
			}
		}
	}
	published := u.published()
	for _, s := range u.platform.Services() {
		row := serviceSummary{Service: s.Service, Products: []productSummary{}}
		for _, p := range s.Products {
			r := productSummary{
				Name: p.Name, State: p.State, Published: published[p.Name], Keys: p.Keys, Bytes: p.Bytes,
				Lag: lag(p), Timers: p.Timers, Error: p.Err, Restoring: restoring(p),
			}
			if seconds > 0 {
				r.PublishedRate = float64(r.Published-was[r.Name]) / seconds
			}
			row.Products = append(row.Products, r)
		}
		m.Services = append(m.Services, row)
	}
	return m
}

// published are the records published so far, by product.
func (u *up) published() map[string]int64 {
	out := map[string]int64{}
	families, err := u.platform.Gatherer.Gather()
	if err != nil {
		return out
	}
	for _, f := range families {
		if f.GetName() != "meshwork_dataproduct_records_published_total" {
			continue
		}
		for _, s := range f.GetMetric() {
			for _, l := range s.GetLabel() {
				if l.GetName() == "data_product" {
					out[l.GetValue()] += int64(s.GetCounter().GetValue())
				}
			}
		}
	}
	return out
}

// lag is the number of offsets between what has been processed and the end.
func lag(s stream.ProductStatus) int64 {
	var n int64
	for _, in := range s.Inputs {
		n += max(in.End-in.Next, 0)
	}
	return n
}

// restoring says how far the restores of a product are.
func restoring(s stream.ProductStatus) string {
	if len(s.Restores) == 0 {
		return ""
	}
	var read, total int64
	var longest time.Duration
	for _, r := range s.Restores {
		read, total, longest = read+r.Read, total+r.Total, max(longest, r.ETA)
	}
	if total == 0 {
		return "" // nothing is known yet, or nothing is there
	}
	return fmt.Sprintf("%d of %d records, %s left", read, total, longest.Round(time.Second))
}

// moved says whether anything went in or out since before.
func (m *summary) moved(before *summary) bool {
	moved := m.Sent != before.Sent
	for _, s := range m.Services {
		for _, p := range s.Products {
			moved = moved || p.PublishedRate != 0 //nolint:floateq // 0 is exact
		}
	}
	return moved
}

// products is the number of products.
func (m *summary) products() int {
	n := 0
	for _, s := range m.Services {
		n += len(s.Products)
	}
	return n
}

// text is the summary for people: a line for each service, and one more for each product that needs to be looked at.
func (m *summary) text() string {
	rows := [][]string{{m.At.Format("15:04:05"), "products", "published", "per second", "keys", "lag"}}
	var all [4]float64
	notes := map[int][]string{} // by row
	for _, s := range m.Services {
		if len(s.Products) == 0 {
			continue
		}
		var sum [4]float64
		for _, p := range s.Products {
			for i, v := range []float64{float64(p.Published), p.PublishedRate, float64(p.Keys), float64(p.Lag)} {
				sum[i] += v
				all[i] += v
			}
		}
		rows = append(rows, row(s.Service, states(s.Products), sum))
		notes[len(rows)-1] = remarks(s.Products)
	}
	rows = append(rows, row("all", fmt.Sprintf("%s in (%s/s)", count(float64(m.Sent)), count(m.SentRate)), all))
	var b strings.Builder
	width := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, cell := range r {
			width[i] = max(width[i], len(cell))
		}
	}
	for n, r := range rows {
		fmt.Fprintf(&b, "%-*s  %-*s", width[0], r[0], width[1], r[1])
		for i, cell := range r[2:] {
			fmt.Fprintf(&b, "  %*s", width[i+2], cell)
		}
		b.WriteString("\n")
		for _, note := range notes[n] {
			fmt.Fprintf(&b, "  %s\n", note)
		}
	}
	return b.String()
}

func row(name, what string, v [4]float64) []string {
	return []string{name, what, count(v[0]), count(v[1]), count(v[2]), count(v[3])}
}

// count writes a number with separators, as people read it.
func count(v float64) string {
	text := fmt.Sprintf("%.0f", v)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// states counts products by what they are doing.
func states(products []productSummary) string {
	byState := map[stream.State]int{}
	for _, p := range products {
		byState[p.State]++
	}
	var parts []string
	for _, s := range []stream.State{stream.CaughtUp, stream.Running, stream.Restoring, stream.Starting, stream.Stopped} {
		if n := byState[s]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	return strings.Join(parts, ", ")
}

// A product is remarked on when it restores, has failed, or has more than behind offsets before it: at most so many of a
// service, the failed ones first.
const (
	behind     = 10_000
	maxRemarks = 3
)

func remarks(products []productSummary) []string {
	var list []string
	late := slices.DeleteFunc(slices.Clone(products), func(p productSummary) bool { return p.Lag < behind || p.State == stream.Restoring })
	slices.SortFunc(late, func(a, b productSummary) int { return cmp.Compare(b.Lag, a.Lag) })
	for _, p := range products {
		if p.Error != "" {
			list = append(list, p.Name+" stopped: "+p.Error)
		}
	}
	for _, p := range products {
		if p.Restoring != "" {
			list = append(list, p.Name+" restores "+p.Restoring)
		}
	}
	for _, p := range late {
		list = append(list, fmt.Sprintf("%s has %s before it", p.Name, count(float64(p.Lag))))
	}
	if n := len(list) - maxRemarks; n > 0 {
		list = append(list[:maxRemarks], fmt.Sprintf("and %d more", n))
	}
	return list
}

// show prints a summary.
func (u *up) show(m *summary) {
	if u.cmd.json() {
		_ = u.app.printJSON(m) // nobody reads it when this fails
		return
	}
	fmt.Fprint(u.app.err, m.text())
}

// summaries prints a summary now and then, until ctx ends; nothing while nothing moves.
func (u *up) summaries(ctx context.Context) {
	tick := time.NewTicker(u.cmd.Summary)
	defer tick.Stop()
	before := u.measure(nil)
	quiet := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		m := u.measure(before)
		moved := m.moved(before)
		if moved || !quiet {
			u.show(m)
		}
		quiet, before = !moved, m
	}
}

// announce says once where to look.
func (u *up) announce() {
	cfg := u.platform.Config
	reg, brokers := cfg.Registry.URLs[0], strings.Join(cfg.Kafka.Brokers, ",")
	web := "http://" + u.platform.Server.Addr()
	var lines, apis []string
	for _, s := range u.services {
		for _, api := range s.APIs {
			apis = append(apis, web+service.OpenAPIPath(api))
		}
	}
	name, topic := u.example()
	if u.cmd.json() {
		_ = u.app.printJSON(map[string]any{"kafka": cfg.Kafka.Brokers, "registry": cfg.Registry.URLs, "http": web, "apis": apis})
		return
	}
	lines = append(lines, "kafka     "+brokers, "registry  "+reg, "http      "+web+"  services and products; also /metrics /readyz /describe")
	for _, api := range apis {
		lines = append(lines, "api       "+api)
	}
	at := fmt.Sprintf("--kafka %s --registry %s", brokers, reg)
	lines = append(lines, "look in   meshwork sample "+at)
	if topic != "" {
		lines = append(lines, fmt.Sprintf("          meshwork consume %s -f %s", name, at),
			fmt.Sprintf("          kcat -b %s -r %s -s value=avro -C -t %s", brokers, reg, topic))
	}
	fmt.Fprintln(u.app.err, strings.Join(lines, "\n"))
}

// example is a product to look at, and its topic.
func (u *up) example() (name, topic string) {
	d, err := service.Describe(&u.platform.Config, u.services...)
	if err != nil {
		return "", ""
	}
	for _, s := range d {
		for _, p := range s.Products {
			if p.Name == "product-sales" || name == "" && strings.HasPrefix(p.Output, "pub.") {
				name, topic = shortName(p.Output), p.Output
			}
		}
	}
	return name, topic
}
