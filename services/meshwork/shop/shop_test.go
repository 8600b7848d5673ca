package shop_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/schemas/customer"
	"meshwork.dev/schemas/customerint"
	"meshwork.dev/schemas/orderproc"
	"meshwork.dev/schemas/product"
	shopc "meshwork.dev/schemas/shop"
	"meshwork.dev/services/meshwork/feed"
	"meshwork.dev/services/meshwork/shop"
)

// bytesOf is a message as it goes over the wire, behind its time.
func bytesOf(m feed.Message) []byte {
	b, _ := m.At.MarshalBinary()
	switch {
	case m.Action != nil:
		return m.Action.AppendAvro(b)
	case m.Order != nil:
		return m.Order.AppendAvro(b)
	case m.Cancel != nil:
		return m.Cancel.AppendAvro(b)
	case m.Change != nil:
		return m.Change.AppendAvro(b)
	case m.Customer != nil:
		return m.Customer.AppendAvro(b)
	default:
		return m.Interaction.AppendAvro(b)
	}
}

// each visits n messages of a shop.
func each(t testing.TB, s *shop.Simulator, n int, visit func(m feed.Message)) {
	t.Helper()
	for range n {
		m, err := s.Next()
		require.NoError(t, err)
		visit(m)
		s.Recycle(m)
	}
}

func digest(t testing.TB, s *shop.Simulator, n int) string {
	t.Helper()
	h := sha256.New()
	each(t, s, n, func(m feed.Message) { h.Write(bytesOf(m)) })
	return hex.EncodeToString(h.Sum(nil))
}

// The digest is that of every machine. It changes when the shop does, and then the shop of a kept position is another.
func TestSameSeedSameShop(t *testing.T) {
	const n = 200_000
	want := digest(t, shop.New(shop.Config{Seed: 7}), n)
	require.Equal(t, "c053a020692376f3badc6edda65925b860695fb67ac0e40f40dd840aeceb86ce", want)
	require.Equal(t, want, digest(t, shop.New(shop.Config{Seed: 7}), n))
	require.NotEqual(t, want, digest(t, shop.New(shop.Config{Seed: 8}), n))
}

func TestGoesOnWhereItStopped(t *testing.T) {
	for name, c := range map[string]shop.Config{
		"own time": {Seed: 3, Customers: 500},
		"by the clock": {
			Seed: 3, Gap: 10 * time.Millisecond, Start: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Emit: shop.Only("product", "orderprocessing"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			const all, first = 60_000, 23_456
			whole := shop.New(c)
			each(t, whole, first, func(feed.Message) {})
			want := digest(t, whole, all-first)

			skipped := shop.New(c)
			skipped.Skip(first)
			require.EqualValues(t, first, skipped.Position())
			checkpoint := skipped.Checkpoint()
			require.Equal(t, want, digest(t, skipped, all-first))
			require.Equal(t, whole.Tally(), skipped.Tally())

			restored, err := shop.Restore(c, checkpoint)
			require.NoError(t, err)
			require.Equal(t, checkpoint, restored.Checkpoint())
			require.Equal(t, want, digest(t, restored, all-first))
			require.Equal(t, slices.Collect(whole.GroundTruth()), slices.Collect(restored.GroundTruth()))

			other := c
			other.Seed++
			_, err = shop.Restore(other, checkpoint)
			require.ErrorIs(t, err, shop.ErrCheckpoint)
			checkpoint[len(checkpoint)/2] ^= 1
			_, err = shop.Restore(c, checkpoint)
			require.ErrorIs(t, err, shop.ErrCheckpoint)
		})
	}
}

func TestEndsAfterCount(t *testing.T) {
	s := shop.New(shop.Config{Count: 1000})
	each(t, s, 1000, func(feed.Message) {})
	_, err := s.Next()
	require.ErrorIs(t, err, io.EOF)
}

// A shop restarted by the clock later makes the same messages at other times.
func TestClockDoesNotChangeTheShop(t *testing.T) {
	ids := func(start time.Time) (out []string) {
		s := shop.New(shop.Config{Seed: 5, Gap: time.Second, Start: start})
		each(t, s, 5000, func(m feed.Message) {
			if m.Action != nil {
				out = append(out, m.Action.Identity.IdempotenceID+" "+m.Action.Kind.String())
			}
		})
		return out
	}
	require.Equal(t, ids(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)), ids(time.Date(2026, 7, 7, 7, 0, 0, 0, time.UTC)))
}

// What a reader of the messages counts is what the tally says, everything refers to something that was there before,
// and nothing happens twice.
func TestBooksAgree(t *testing.T) {
	for name, emit := range map[string]shop.Parts{"whole": shop.Whole, "orders": shop.Only("product", "orderprocessing", "customer")} {
		n := 100_000
		if emit&shop.Actions == 0 {
			n = 20_000
		}
		t.Run(name, func(t *testing.T) {
			s := shop.New(shop.Config{Seed: 11, Customers: 3000, Products: 500, Emit: emit})
			var got shop.Tally
			var last time.Time
			products, people, registered, ids := map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
			orders, checkouts := map[string]*orderproc.CreateOrder{}, map[string]bool{}
			carts := map[string]map[string]int32{}
			once := func(id string) {
				require.False(t, ids[id], "%s came twice", id)
				ids[id] = true
			}
			each(t, s, n, func(m feed.Message) {
				require.False(t, m.At.Before(last), "time goes back")
				last = m.At
				switch {
				case m.Change != nil:
					once(m.Change.Identity.IdempotenceID)
					got.Products++
					products[m.Change.ProductID] = m.Change.Op == product.ChangeOpUpsert
					require.Positive(t, m.Change.ListPrice)
				case m.Customer != nil:
					once(m.Customer.Identity.IdempotenceID)
					got.People++
					people[m.Customer.CustomerID] = m.Customer.Op == customer.ChangeOpUpsert
				case m.Interaction != nil:
					once(m.Interaction.Identity.IdempotenceID)
					got.Interactions++
					require.True(t, people[m.Interaction.CustomerID])
					require.NotEqual(t, customerint.InteractionKindUnknown, m.Interaction.Kind)
				case m.Cancel != nil:
					once(m.Cancel.Identity.IdempotenceID)
					got.Withdrawals++
					require.True(t, checkouts[m.Cancel.OrderID])
				case m.Order != nil:
					once(m.Order.Identity.IdempotenceID)
					countOrder(t, m.Order, &got, orders, checkouts)
				default:
					a := m.Action
					once(a.Identity.IdempotenceID)
					require.Equal(t, m.At, a.Timestamp)
					follow(t, a, &got, carts, registered, products)
					if a.Kind == shopc.ActionKindCheckout {
						checkouts[shop.WebOrderID(a.Identity.IdempotenceID, a.VisitorID)] = true
					}
				}
			})
			want := s.Tally()
			for _, p := range []*shop.Tally{&want, &got} {
				p.Visits, p.Returning, p.Buying, p.BotVisits, p.Pieces, p.Unhappy = 0, 0, 0, 0, 0, 0
				p.ProductsGone, p.PeopleGone, p.Pages, p.BotPages = 0, 0, p.Pages+p.BotPages, 0
			}
			require.Equal(t, want, got)
		})
	}
}

func countOrder(t *testing.T, o *orderproc.CreateOrder, got *shop.Tally, orders map[string]*orderproc.CreateOrder, checkouts map[string]bool) {
	require.Nil(t, orders[o.OrderID])
	orders[o.OrderID] = o
	switch {
	case o.Kind == orderproc.OrderKindCancellation:
		got.CreditNotes++
		require.Negative(t, o.Items[0].Quantity)
		if o.Cancels.Valid {
			require.True(t, checkouts[o.Cancels.Value])
		}
	case o.Channel == orderproc.ChannelPartner:
		got.PartnerOrders++
	default:
		got.WebOrders++
		checkouts[o.OrderID] = true
	}
}

// follow keeps the carts as the shop's service would.
func follow(t *testing.T, a *shopc.ShopAction, got *shop.Tally, carts map[string]map[string]int32, registered, products map[string]bool) {
	switch {
	case a.Kind == shopc.ActionKindPage && a.Page.Valid:
		got.Pages++
	case a.Kind == shopc.ActionKindSearch:
		got.Searches++
	case a.Kind == shopc.ActionKindAdd && a.Item.Value.Quantity > 0:
		got.Adds++
		require.True(t, products[a.Item.Value.ProductID], "not for sale")
		if carts[a.VisitorID] == nil {
			carts[a.VisitorID] = map[string]int32{}
		}
		carts[a.VisitorID][a.Item.Value.ProductID] += a.Item.Value.Quantity
	case a.Kind == shopc.ActionKindRemove && a.Item.Value.Quantity > 0:
		got.Removes++
		left := carts[a.VisitorID][a.Item.Value.ProductID] - a.Item.Value.Quantity
		require.GreaterOrEqual(t, left, int32(0))
		if carts[a.VisitorID][a.Item.Value.ProductID] = left; left == 0 {
			delete(carts[a.VisitorID], a.Item.Value.ProductID)
		}
	case a.Kind == shopc.ActionKindCheckout:
		got.Checkouts++
		require.NotEmpty(t, carts[a.VisitorID])
		require.True(t, a.CustomerID.Valid && registered[a.CustomerID.Value])
		delete(carts, a.VisitorID)
	case a.Kind == shopc.ActionKindRegister:
		got.Registrations++
		require.False(t, registered[a.Registration.Value.UserID])
		registered[a.Registration.Value.UserID] = true
	case a.Kind == shopc.ActionKindLogin:
		require.True(t, registered[a.Login.Value.UserID])
		if a.Login.Value.Successful {
			got.Logins++
		} else {
			got.FailedLogins++
		}
	default:
		got.Garbage++
	}
}

// The shop's figures are those of the data sets it follows.
func TestMarginals(t *testing.T) {
	s := shop.New(shop.Config{Seed: 1, Customers: 2000, Products: 2000, Bots: -1, Garbage: -1})
	s.Skip(300_000) // the first year is full of new ones
	before := s.Tally()
	pages := map[string]int{} // by visit
	var lengths []int
	hours, weekdays := [24]int{}, [7]int{}
	each(t, s, 600_000, func(m feed.Message) {
		if m.Action == nil {
			return
		}
		hours[m.At.Hour()]++
		weekdays[m.At.Weekday()]++
		if m.Action.Kind == shopc.ActionKindPage || m.Action.Kind == shopc.ActionKindSearch {
			id := m.Action.Identity.IdempotenceID
			pages[id[:slices.Index([]byte(id), '.')]]++
		}
	})
	sum := 0
	for _, n := range pages {
		lengths = append(lengths, n)
		sum += n
	}
	slices.Sort(lengths)
	y := s.Tally()
	visits := float64(y.Visits - before.Visits)
	require.InDelta(t, 0.155, float64(y.Checkouts-before.Checkouts)/visits, 0.005, "conversion")
	require.InDelta(t, 0.856, float64(y.Returning-before.Returning)/visits, 0.05, "returning visitors")
	require.InDelta(t, 6.9, float64(sum)/float64(len(lengths)), 0.5, "mean length")
	require.InDelta(t, 4, lengths[len(lengths)/2], 1, "median length")
	require.Greater(t, hours[20], 5*hours[3], "people sleep")
	require.Greater(t, weekdays[time.Thursday], weekdays[time.Saturday])
	require.InDelta(t, 0.08, float64(y.FailedLogins)/float64(y.Logins), 0.02)
	t.Logf("%+v", y)
}

// Purchases follow the customers' rates until they leave, and their words tell it before.
func TestGroundTruth(t *testing.T) {
	s := shop.New(shop.Config{Seed: 2, Customers: 2500, Products: 500, Steady: true})
	checkouts, bad := map[string]int{}, map[string]int{}
	var end time.Time
	each(t, s, 600_000, func(m feed.Message) {
		end = m.At
		switch {
		case m.Action != nil && m.Action.Kind == shopc.ActionKindCheckout:
			checkouts[m.Action.CustomerID.Value]++
		case m.Interaction != nil && m.Interaction.Kind == customerint.InteractionKindComplaint && !m.Interaction.ComplaintID.Valid:
			bad[m.Interaction.CustomerID]++
		}
	})
	n, left, leftExpected, leftBad, stayedBad := 0, 0, 0.0, 0, 0
	for l := range s.GroundTruth() {
		require.Equal(t, checkouts[l.CustomerID], l.Purchases)
		n++
		leftExpected += l.LeaveAfter * float64(l.Purchases) // every purchase throws the dice once
		switch {
		case !l.Left.IsZero():
			left++
			leftBad += bad[l.CustomerID]
			require.Equal(t, l.Last, l.Left, "who leaves does so at a purchase")
		default:
			stayedBad += bad[l.CustomerID]
		}
		require.False(t, l.Last.After(end))
	}
	require.InEpsilon(t, leftExpected, float64(left), 0.05)
	require.Greater(t, float64(leftBad)/float64(left), 3*float64(stayedBad)/float64(n-left))
}

func TestOnly(t *testing.T) {
	require.Equal(t, shop.Catalogue|shop.Sales|shop.WebOrders, shop.Only("product", "orderprocessing"))
	require.Equal(t, shop.Whole, shop.Only("eshop", "customer", "product", "orderprocessing", "recommendation", "churn"))
	require.Equal(t, shop.Actions, shop.Only("eshop"))
}

func TestMessagesAreReadable(t *testing.T) {
	s := shop.New(shop.Config{Products: 5})
	each(t, s, 500, func(m feed.Message) {
		_, err := json.Marshal(m)
		require.NoError(t, err)
	})
}

func BenchmarkNext(b *testing.B) {
	s := shop.New(shop.Config{Customers: 1_000_000, Products: 100_000})
	s.Skip(110_000)
	b.ReportAllocs()
	for b.Loop() {
		m, _ := s.Next()
		s.Recycle(m)
	}
}

func BenchmarkSkip(b *testing.B) {
	s := shop.New(shop.Config{Customers: 1_000_000, Products: 100_000})
	s.Skip(110_000)
	b.ResetTimer()
	s.Skip(int64(b.N))
}
