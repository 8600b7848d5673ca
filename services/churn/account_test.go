package churn

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/stream/streamtest"
	"meshwork.dev/schemas"
	"meshwork.dev/schemas/churndetect"
	"meshwork.dev/schemas/customer"
	"meshwork.dev/schemas/orderproc"
)

// Whatever the order in which purchases and the news of accounts come: in the end every customer has what was bought
// under the accounts that are the customer's then, and nobody has anything else.
func TestAccountsOfACustomerInAnyOrder(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		defs, err := Products(scriptRules())
		require.NoError(t, err)
		args := []any{streamtest.Partitions(3)}
		for _, d := range defs {
			args = append(args, d)
		}
		d := streamtest.New(t, args...)
		start := time.Date(2011, 6, 1, 12, 0, 0, 0, time.UTC)

		bought := map[string]map[schemas.Date]churndetect.PurchaseDay{}
		belongs := map[string]string{}
		for i := range 150 {
			at := start.Add(time.Duration(i) * time.Minute)
			id := "c" + strconv.Itoa(r.IntN(7))
			switch r.IntN(5) {
			case 0: // it is somebody's, perhaps its own
				head := "c" + strconv.Itoa(r.IntN(7))
				role := customer.RoleAlias
				if head == id {
					role = customer.RoleCanonical
				}
				belongs[id] = head
				streamtest.SendAt(d, customer.CustomerRoleState, id, customer.CustomerRole{CustomerID: id, Role: role, CanonicalID: head}, at)
			case 1:
				if r.IntN(4) > 0 {
					continue
				}
				delete(belongs, id)
				delete(bought, id)
				streamtest.SendAt(d, customer.CustomerRoleState, id, customer.CustomerRole{CustomerID: id, Role: customer.RoleGone}, at)
			default:
				placed := start.AddDate(0, 0, -r.IntN(6))
				price := schemas.Money(1000 * (1 + r.Int64N(50)))
				streamtest.SendAt(d, orderproc.OrderCompletedEvent, "o"+strconv.Itoa(i), orderproc.OrderCompleted{
					OrderID: "o" + strconv.Itoa(i), Kind: orderproc.OrderKindSale, OrderDate: placed, CompletedAt: at,
					CustomerID: schemas.Some(id), Currency: "GBP",
					Lines: []orderproc.OrderLine{{ProductID: "P", Quantity: 1, UnitPrice: price}},
				}, at)
				if bought[id] == nil {
					bought[id] = map[schemas.Date]churndetect.PurchaseDay{}
				}
				day := bought[id][schemas.DateOf(placed)]
				bought[id][schemas.DateOf(placed)] = churndetect.PurchaseDay{
					Day: schemas.DateOf(placed), Orders: day.Orders + 1, Net: day.Net + price,
				}
			}
		}
		if seed%2 == 0 {
			d.Restart()
		}

		want := map[string]map[schemas.Date]churndetect.PurchaseDay{}
		for id, days := range bought {
			head, ok := belongs[id]
			if !ok {
				head = id
			}
			if want[head] == nil {
				want[head] = map[schemas.Date]churndetect.PurchaseDay{}
			}
			for day, x := range days {
				sum := want[head][day]
				want[head][day] = churndetect.PurchaseDay{Day: day, Orders: sum.Orders + x.Orders, Net: sum.Net + x.Net}
			}
		}
		heads := map[string][]churndetect.PurchaseDay{}
		for id, days := range want {
			if head, ok := belongs[id]; ok && head != id {
				continue // the news say that somebody stands for another while belonging to a third: nobody's, until more is said
			}
			heads[id] = slices.SortedFunc(maps.Values(days), func(a, b churndetect.PurchaseDay) int { return int(a.Day - b.Day) })
		}
		fitted := map[string][]churndetect.PurchaseDay{}
		for id, row := range streamtest.Table(d, churndetect.FitSampleState) {
			if id != scheduleKey {
				fitted[id] = row.Days
			}
		}
		require.Equal(t, heads, fitted, "the fits, seed %d", seed)
		scored := map[string][]churndetect.PurchaseDay{}
		for id, row := range streamtest.Table(d, churndetect.CustomerActivityState) {
			if !row.BelongsTo.Valid {
				scored[id] = purchaseDays(&row)
			}
		}
		require.Equal(t, heads, scored, "the histories, seed %d", seed)
	}
}
