package orderprocessing

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/stream/streamtest"
	"meshwork.dev/schemas"
	"meshwork.dev/schemas/orderproc"
)

// Sales and credit notes of two customers arrive in any order, some twice: the matches are the same, and the returns
// told on the way add up to them.
func TestMatchesDoNotDependOnTheOrderOfArrival(t *testing.T) {
	var history []orderproc.CreateOrder
	rng := rand.New(rand.NewPCG(4, 2))
	for i := range 60 {
		id := fmt.Sprintf("%03d", i*37%60) // not in the order of time
		o := orderproc.CreateOrder{
			Identity: orderproc.Identity{IdempotenceID: id}, OrderID: id, Kind: orderproc.OrderKindSale,
			Channel: orderproc.ChannelWeb, Currency: "GBP", OrderDate: t0.Add(time.Duration(i) * time.Hour),
			CustomerID: schemas.Some(strconv.Itoa(rng.IntN(2))),
		}
		sign := int32(1)
		if rng.IntN(3) == 0 {
			o.Kind, sign = orderproc.OrderKindCancellation, -1
		}
		for line := range 1 + rng.IntN(3) {
			o.Items = append(o.Items, orderproc.OrderItem{
				LineNumber: int32(line), ProductID: fmt.Sprint("P", rng.IntN(2)), Quantity: sign * int32(1+rng.IntN(4)),
				UnitPrice: schemas.Money(1000 * (1 + rng.IntN(2))), OrderedAt: o.OrderDate,
			})
		}
		history = append(history, o)
	}
	var want map[string]orderproc.CancellationMatch
	for seed := range uint64(12) {
		if seed > 0 { // the first run is in the order of time
			r := rand.New(rand.NewPCG(seed, 7))
			r.Shuffle(len(history), func(i, j int) { history[i], history[j] = history[j], history[i] })
		}
		d := driver(t)
		for i := range history {
			streamtest.Send(d, orderproc.CreateOrderCommand, history[i])
			if i%5 == 0 {
				streamtest.Send(d, orderproc.CreateOrderCommand, history[i/2])
			}
			if i == 30 {
				d.Restart()
			}
		}
		got := streamtest.Table(d, orderproc.CancellationMatchState)
		returned := map[string]int64{}
		for _, r := range streamtest.Events(d, orderproc.ReturnMatchedEvent) {
			returned[r.Value.OrderID] += r.Value.Units
		}
		for id, m := range got {
			require.Equal(t, m.MatchedUnits, returned[id], "returns of %s", id)
			m.Changed = time.Time{}
			got[id] = m
		}
		if want == nil {
			want = got
			require.Greater(t, len(want), 10)
		}
		require.Equal(t, want, got, "shuffle %d", seed)
	}
}
