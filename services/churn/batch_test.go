package churn

import (
	"compress/gzip"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/broker"
	"meshwork.dev/pkg/ingest"
	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/registry"
	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas"
	"meshwork.dev/schemas/churndetect"
	"meshwork.dev/schemas/orderproc"
	"meshwork.dev/services/churn/model"
)

const retailFile = "../../../shared/data/online_retail/online_retail.csv.gz"

// everyNth customer is enough to fit models to, and few enough for a busy machine.
const everyNth = 3

// retailOrders are the sales to one in three customers of Online Retail, as the order domain publishes them, by time.
func retailOrders(t *testing.T) []orderproc.OrderCompleted {
	t.Helper()
	f, err := os.Open(retailFile)
	if os.IsNotExist(err) {
		t.Skip("the data set is not beside the repository: ", retailFile)
	}
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	london, err := time.LoadLocation(tradingZone)
	require.NoError(t, err)
	orders := map[string]*orderproc.OrderCompleted{}
	rows := csv.NewReader(z)
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		id, err := strconv.ParseFloat(row[6], 64)
		if err != nil || int(id)%everyNth != 0 || row[0][0] == 'C' || row[0][0] == 'A' {
			continue
		}
		at, err := time.ParseInLocation(time.DateTime, row[4], london)
		require.NoError(t, err)
		o := orders[row[0]]
		if o == nil {
			o = &orderproc.OrderCompleted{
				OrderID: row[0], Kind: orderproc.OrderKindSale, OrderDate: at, CompletedAt: at,
				CustomerID: schemas.Some(strconv.Itoa(int(id))), Currency: "GBP", Channel: orderproc.ChannelWeb,
			}
			orders[row[0]] = o
		}
		if at.Before(o.OrderDate) {
			o.OrderDate, o.CompletedAt = at, at
		}
		quantity, err := strconv.Atoi(row[3])
		require.NoError(t, err)
		price, err := schemas.ParseDecimal[schemas.Scale3](row[5])
		require.NoError(t, err)
		o.Lines = append(o.Lines, orderproc.OrderLine{ProductID: row[1], Quantity: int32(quantity), UnitPrice: price, OrderedAt: at})
	}
	out := make([]orderproc.OrderCompleted, 0, len(orders))
	for _, o := range orders {
		out = append(out, *o)
	}
	slices.SortFunc(out, func(a, b orderproc.OrderCompleted) int {
		if c := a.OrderDate.Compare(b.OrderDate); c != 0 {
			return c
		}
		return strings.Compare(a.OrderID, b.OrderID)
	})
	return out
}

// oracle is the batch computation: maps and loops over the orders, without the service.
type oracle struct {
	ids    []string // in byte order
	days   map[string][]model.Day
	last   map[string]time.Time // latest event
	models map[string]churndetect.ChurnModel
	scores map[string]churndetect.ChurnScore
}

func batch(t *testing.T, orders []orderproc.OrderCompleted, r Rules) *oracle {
	t.Helper()
	london, err := time.LoadLocation(tradingZone)
	require.NoError(t, err)
	o := &oracle{
		days: map[string][]model.Day{}, last: map[string]time.Time{},
		models: map[string]churndetect.ChurnModel{}, scores: map[string]churndetect.ChurnScore{},
	}
	cents := map[string]map[int]int64{}
	count := map[string]map[int]int{}
	first, final := 1<<30, 0
	for _, order := range orders {
		net, goods := int64(0), false
		for _, l := range order.Lines {
			if l.Quantity > 0 && l.UnitPrice > 0 {
				net += int64(l.Quantity) * l.UnitPrice.Unscaled()
				goods = true
			}
		}
		if !goods {
			continue
		}
		id := order.CustomerID.Value
		y, m, d := order.OrderDate.In(london).Date()
		day := int(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400)
		if cents[id] == nil {
			cents[id], count[id] = map[int]int64{}, map[int]int{}
		}
		cents[id][day] += net
		count[id][day]++
		if order.OrderDate.After(o.last[id]) {
			o.last[id] = order.OrderDate
		}
		first, final = min(first, day), max(final, day)
	}
	for id, sums := range cents {
		o.ids = append(o.ids, id)
		for _, day := range slices.Sorted(maps.Keys(sums)) {
			o.days[id] = append(o.days[id], model.Day{Day: day, Orders: count[id][day], Value: schemas.Money(sums[day]).Float()})
		}
	}
	slices.Sort(o.ids)

	inUse, cut := "", 0
	var using *model.Fitted
	for start := epochMonday + (first-epochMonday)/r.RefitDays*r.RefitDays; start <= final; start += r.RefitDays {
		cut = start + r.RefitDays
		var customers []model.Customer
		days := int64(0)
		for _, id := range o.ids {
			if c, ok := (model.Customer{Days: o.days[id]}).Before(cut - 1); ok {
				customers = append(customers, c)
				days += int64(len(c.Days))
			}
		}
		fits := model.Train(customers, cut-1, r.Fit)
		chosen := model.Select(fits)
		if chosen >= 0 {
			using = fits[chosen]
			inUse = string(using.Family) + "-" + schemas.Date(cut).String()
		}
		for i, f := range fits {
			row := modelRow(f, schemas.Date(cut), schemas.Date(cut).In(london).UTC())
			row.Selected, row.PurchaseDays = i == chosen, days
			if inUse != "" {
				row.InUse = schemas.Some(inUse)
			}
			o.models[row.ModelID] = row
		}
	}
	require.NotNil(t, using)
	for _, id := range o.ids {
		asOf, end := schemas.Date(cut).In(london).UTC(), cut-1
		if o.last[id].After(asOf) {
			y, m, d := o.last[id].In(london).Date()
			asOf, end = o.last[id].UTC(), int(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix()/86400)
		}
		s := using.Score(model.Customer{Days: o.days[id]}, end)
		row := churndetect.ChurnScore{
			CustomerID: id, ProbabilityActive: rounded(s.Active, 6), HorizonDays: int32(r.Fit.Horizon), ModelID: inUse,
			PurchaseDays: int32(len(o.days[id])), RecencyDays: int32(end - o.days[id][len(o.days[id])-1].Day), AsOf: asOf,
		}
		for _, d := range s.Drivers {
			row.Drivers = append(row.Drivers, churndetect.ScoreDriver{
				Name: d.Name, Value: rounded(d.Value, 4), Contribution: rounded(d.Contribution, 4),
			})
		}
		o.scores[id] = row
	}
	return o
}

// Orders of Online Retail through the service on a broker, as fast as it takes them: some twice, not in the order of time,
// partitions ahead of one another by weeks, with a stop and a start in between, and from state that is read back.
// Histories, fits and scores are those of the batch, to the last digit.
func TestStreamEqualsBatch(t *testing.T) {
	if testing.Short() {
		t.Skip("takes about half a minute")
	}
	orders := retailOrders(t)
	rules := DefaultRules()
	rules.RefitDays = 28 // 14 cuts; the first one has nothing to be fitted to
	want := batch(t, orders, rules)
	sent := disturbed(orders)

	m := newMesh(t)
	dir := t.TempDir()
	half := len(sent) / 2
	m.run(t, rules, dir, func(*stream.Runner) {
		m.send(t, sent[:half])
		m.arrived(t, half/3) // and stop in the midst of it
	})
	m.run(t, rules, dir, func(r *stream.Runner) {
		m.send(t, sent[half:])
		m.arrived(t, purchases(sent))
		r.EndHistory()
		require.Eventually(t, func() bool { return settled(fold(t, m, churndetect.FitSampleState)) }, 3*time.Minute, 500*time.Millisecond)
		require.Eventually(t, func() bool {
			return maps.EqualFunc(want.scores, fold(t, m, churndetect.ChurnScoreState), func(a, b churndetect.ChurnScore) bool {
				return a.ProbabilityActive == b.ProbabilityActive && a.AsOf.Equal(b.AsOf)
			})
		}, time.Minute, 500*time.Millisecond, "everybody is told of the last fit")
	})

	rows := fold(t, m, churndetect.CustomerActivityState)
	require.Len(t, rows, len(want.ids))
	for _, id := range want.ids {
		require.Equal(t, want.days[id], customerOf(rows[id].Days, nil).Days, "purchase days of %s", id)
	}
	models := fold(t, m, churndetect.ChurnModelState)
	require.Equal(t, slices.Sorted(maps.Keys(want.models)), slices.Sorted(maps.Keys(models)))
	flagged, again := 0, 0
	for id, w := range want.models {
		if w.Revision = models[id].Revision; w.Revision > 0 {
			again++
		}
		require.Equal(t, string(w.AppendAvro(nil)), string(encoded(models[id])), "fit %s", id)
		if w.Degenerate {
			flagged++
			require.False(t, w.Selected)
			require.NotEqual(t, id, w.InUse.Or(""))
			require.NotEmpty(t, w.DegenerateReason.Or(""))
		}
	}
	require.NotZero(t, flagged, "Online Retail is known for fits without dropout")
	require.NotZero(t, again, "at full speed some orders come after the fits that look at their day")
	scores := fold(t, m, churndetect.ChurnScoreState)
	require.Len(t, scores, len(want.scores))
	for id, w := range want.scores {
		require.Equal(t, w, scores[id])
	}
	t.Logf("%d orders, %d customers, %d fits of which %d are degenerate and %d were made again; in use: %s", len(orders),
		len(want.ids), len(models), flagged, again, scores[want.ids[0]].ModelID)

	// The history has every score, in the order of publication: the last one is the score.
	usable := map[string]bool{} // in any revision
	readAll(t, m, churndetect.ChurnModelState, func(id string, v *churndetect.ChurnModel) {
		usable[id] = usable[id] || !v.Degenerate
	})
	history, last := 0, map[string]churndetect.ChurnScoreHistory{}
	readAll(t, m, churndetect.ChurnScoreHistoryEvent, func(id string, v *churndetect.ChurnScoreHistory) {
		history++
		last[id] = *v
		require.True(t, usable[v.ModelID], "%s was scored by a degenerate fit", id)
	})
	require.Greater(t, history, len(scores))
	for id, s := range scores {
		require.Equal(t, s.ProbabilityActive, last[id].ProbabilityActive)
		require.Equal(t, s.AsOf, last[id].AsOf)
	}
}

// disturbed repeats some orders and shuffles those of a few days.
func disturbed(orders []orderproc.OrderCompleted) []orderproc.OrderCompleted {
	rnd := rand.New(rand.NewPCG(1, 2))
	var out []orderproc.OrderCompleted
	for _, o := range orders {
		out = append(out, o)
		if rnd.IntN(20) == 0 {
			out = append(out, o)
		}
	}
	const block = 10 // about two days
	for from := 0; from < len(out); from += block {
		part := out[from:min(from+block, len(out))]
		rnd.Shuffle(len(part), func(i, j int) { part[i], part[j] = part[j], part[i] })
	}
	return out
}

func encoded(m churndetect.ChurnModel) []byte { return m.AppendAvro(nil) }

// mesh is a broker and a registry of a test.
type mesh struct {
	client *kafka.Client
	reg    *registry.Client
}

func newMesh(t *testing.T) *mesh {
	t.Helper()
	b := broker.New(t)
	client, err := kafka.NewClient(kafka.Config{Brokers: []string{b.Addr()}})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	server, err := registry.NewMemoryServer(context.WithoutCancel(t.Context()), &registry.Memory{}, registry.ServerConfig{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	web := httptest.NewServer(server)
	t.Cleanup(web.Close)
	reg, err := registry.NewClient([]string{web.URL})
	require.NoError(t, err)
	require.NoError(t, client.CreateTopics(t.Context(), stream.TopicSpec(orderproc.OrderCompletedEvent.TopicInfo(), -1)))
	return &mesh{client, reg}
}

// send writes orders as the order domain does.
func (m *mesh) send(t *testing.T, orders []orderproc.OrderCompleted) {
	t.Helper()
	producer := m.client.NewProducer(kafka.ProducerConfig{})
	w := ingest.Open(ingest.Config{Producer: producer, Registry: m.reg, Source: "/test"}, orderproc.OrderCompletedEvent)
	var failed atomic.Int64
	for i := range orders {
		require.NoError(t, w.Start(t.Context(), &orders[i], orders[i].CompletedAt, orders[i].OrderID, func(err error) {
			if err != nil {
				failed.Add(1)
			}
		}))
	}
	require.NoError(t, producer.Close(t.Context()))
	require.Zero(t, failed.Load())
}

// settled tells whether the schedule has nothing left to do.
func settled(rows map[string]churndetect.FitSample) bool {
	s, ok := rows[scheduleKey].Schedule.Get()
	if !ok || len(s.Pending) > 0 || s.Again.Valid || s.Cursor.Valid {
		return false
	}
	for _, r := range rows {
		if n := len(r.Late); n > 0 && r.Late[n-1].Due.After(s.Looked) {
			return false
		}
	}
	return true
}

// run runs the service, does something meanwhile, and stops it.
func (m *mesh) run(t *testing.T, rules Rules, dir string, meanwhile func(*stream.Runner)) {
	t.Helper()
	defs, err := Products(rules)
	require.NoError(t, err)
	r, err := stream.NewRunner(stream.Config{
		Kafka: m.client, Registry: stream.FromRegistry(m.reg), StateDir: dir, StopTimeout: time.Minute,
		HistoryIdle: -1, // event time follows the records alone, however busy the machine is
	}, defs...)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	defer func() { stop(); require.NoError(t, <-ended) }()
	require.Eventually(t, r.Ready, 2*time.Minute, 20*time.Millisecond)
	meanwhile(r)
}

// purchases counts the orders that are purchases, each once.
func purchases(in []orderproc.OrderCompleted) int {
	known := map[string]bool{}
	for _, o := range in {
		if slices.ContainsFunc(o.Lines, func(l orderproc.OrderLine) bool { return l.Quantity > 0 && l.UnitPrice > 0 }) {
			known[o.OrderID] = true
		}
	}
	return len(known)
}

// arrived waits until the fits know so many orders.
func (m *mesh) arrived(t *testing.T, want int) {
	t.Helper()
	require.Eventually(t, func() bool {
		n := 0
		for _, row := range fold(t, m, churndetect.FitSampleState) {
			for _, d := range row.Days {
				n += int(d.Orders)
			}
		}
		return n >= want
	}, 4*time.Minute, 200*time.Millisecond)
}

// fold reads a state topic to its end: the last value of every key.
func fold[V any](t *testing.T, m *mesh, topic *schemas.Topic[string, V]) map[string]V {
	t.Helper()
	rows := map[string]V{}
	readAll(t, m, topic, func(k string, v *V) {
		if v == nil {
			delete(rows, k)
			return
		}
		rows[k] = *v
	})
	return rows
}

// readAll reads every record of a topic that there is; each gets nil for tombstones.
func readAll[V any](t *testing.T, m *mesh, topic *schemas.Topic[string, V], each func(string, *V)) {
	t.Helper()
	var tps []kafka.TopicPartition
	for p := range topic.Info.Partitions {
		tps = append(tps, kafka.TopicPartition{Topic: topic.Name(), Partition: int32(p)})
	}
	left, err := m.client.ListOffsets(t.Context(), tps, kafka.Latest, kafka.ReadCommitted)
	require.NoError(t, err)
	fetch := m.client.NewFetcher(kafka.FetchConfig{})
	defer fetch.Close()
	for _, tp := range tps {
		if left[tp] == 0 {
			delete(left, tp)
			continue
		}
		fetch.Add(tp, 0)
	}
	dec, err := avro.NewTopicDecoder(topic, m.reg)
	require.NoError(t, err)
	for len(left) > 0 {
		chunks, err := fetch.Poll(t.Context())
		require.NoError(t, err)
		for _, c := range chunks {
			for r := (kafka.Record{}); c.Next(&r); {
				if r.Value == nil {
					each(string(r.Key), nil)
					continue
				}
				var v V
				require.NoError(t, dec.DecodeRecord(t.Context(), &v, r.Value, nil))
				each(string(r.Key), &v)
			}
			require.NoError(t, c.Err())
			if end, ok := left[c.TopicPartition]; ok && c.NextOffset() >= end {
				delete(left, c.TopicPartition)
			}
			c.Release()
		}
	}
}
