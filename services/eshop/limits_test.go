package eshop

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/stream/streamtest"
	"meshwork.dev/schemas"
	"meshwork.dev/schemas/orderproc"
	"meshwork.dev/schemas/product"
	"meshwork.dev/schemas/shop"
)

// As much as a visitor may do leaves rows and events that a broker takes, and an order that order processing takes;
// what is beyond is a dead letter.
func TestLimits(t *testing.T) {
	if testing.Short() {
		t.Skip("fills the largest cart there can be")
	}
	d := driver(t, streamtest.Start(noon))
	n := 0
	act := func(kind shop.ActionKind, with func(*shop.ShopAction)) {
		a := shop.ShopAction{VisitorID: "v", Kind: kind, Timestamp: noon, Identity: shop.Identity{IdempotenceID: strconv.Itoa(n), Created: noon}}
		n++
		with(&a)
		require.Nil(t, check(&a))
		streamtest.SendAt(d, shop.ShopActionEvent, a.VisitorID, a, noon)
	}
	page := strings.Repeat("p", maxID-8)
	for i := range maxViews + 2 {
		act(shop.ActionKindPage, func(a *shop.ShopAction) {
			id := fmt.Sprintf("%s%08d", page, i)
			a.Page = schemas.Some(shop.PageAction{Page: shop.Page{ID: id, URL: "/"}, DestinationURL: "/"})
		})
	}
	act(shop.ActionKindLogin, func(a *shop.ShopAction) {
		a.Login = schemas.Some(shop.LoginAction{UserID: "u", Successful: true})
	})
	for i := range maxLines + 1 {
		id := strings.ToUpper(fmt.Sprintf("%s%08d", page, i))
		streamtest.Send(d, product.ProductState, product.Product{
			ProductID: id, Name: strings.Repeat("é", 1000), Category: schemas.Some(strings.Repeat("c", 5000)), ListPrice: maxPrice, Currency: "GBP",
		})
		act(shop.ActionKindAdd, func(a *shop.ShopAction) {
			a.Item = schemas.Some(shop.ItemAction{ProductID: id, Quantity: maxQuantity})
		})
	}
	act(shop.ActionKindAdd, func(a *shop.ShopAction) {
		a.Item = schemas.Some(shop.ItemAction{ProductID: strings.ToUpper(page + "00000000"), Quantity: 1})
	})
	row := streamtest.Table(d, shop.VisitorState)["v"]
	require.Len(t, row.Cart, maxLines)
	require.Less(t, len(row.AppendAvro(nil)), 900_000)
	cart := streamtest.Table(d, shop.CartState)["v"]
	require.Less(t, len(cart.AppendAvro(nil)), 900_000)
	require.Equal(t, maxPrice.Times(maxQuantity*maxLines), cart.Total)
	require.Equal(t, int32(maxViews), streamtest.Table(d, shop.ShopVisitedState)[shop.ShopVisitedKey{VisitorID: "v", Start: noon}].PageCount)
	act(shop.ActionKindCheckout, func(*shop.ShopAction) {})
	order := streamtest.Events(d, orderproc.CreateOrderCommand)[0].Value
	require.Len(t, order.Items, maxLines)
	require.Less(t, len(order.AppendAvro(nil)), 600<<10)
	require.Len(t, streamtest.Events(d, shop.PageNavigatedEvent), maxViews)
	require.Len(t, streamtest.Events(d, shop.ProductAddedEvent), maxLines)
}

// Actions are remembered for a day or for 256 others, and no longer: a row does not grow for ever.
func TestRemembered(t *testing.T) {
	var row shop.Visitor
	at := noon
	require.False(t, repeated(&row, "first", at))
	for i := range 255 {
		require.False(t, repeated(&row, strconv.Itoa(i), at))
	}
	require.True(t, repeated(&row, "first", at))
	for i := range 5000 {
		require.False(t, repeated(&row, fmt.Sprint("more", i), at))
		require.True(t, repeated(&row, fmt.Sprint("more", max(i-256, 0)), at))
		require.LessOrEqual(t, len(row.SeenNew)+len(row.SeenOld), 2*seenMany)
	}
	require.False(t, repeated(&row, "first", at))
	require.True(t, repeated(&row, "first", at.Add(seenFor)))
	require.True(t, repeated(&row, "more4999", at.Add(seenFor)))
	require.False(t, repeated(&row, "new", at.Add(seenFor+time.Second)))
	require.True(t, repeated(&row, "more4999", at.Add(seenFor+time.Second)))
	require.False(t, repeated(&row, "newer", at.Add(3*seenFor)))
	require.False(t, repeated(&row, "more4999", at.Add(3*seenFor)), "two generations later it is forgotten")
}

func TestRules(t *testing.T) {
	env := map[string]string{EnvCurrency: "EUR", EnvGap: "10m", EnvGrace: "0s", EnvAbandonAfter: "2h", EnvForgetAfter: "48h", EnvMaxInFlight: "7"}
	r, err := RulesFrom(func(name string) string { return env[name] })
	require.NoError(t, err)
	require.Equal(t, Rules{"EUR", 10 * time.Minute, 0, 2 * time.Hour, 48 * time.Hour, 7}, r)
	for name, value := range map[string]string{EnvCurrency: "pounds", EnvGap: "0s", EnvGrace: "soon", EnvAbandonAfter: "-1h", EnvForgetAfter: "0s", EnvMaxInFlight: "0"} {
		_, err := RulesFrom(func(n string) string {
			if n == name {
				return value
			}
			return ""
		})
		require.Error(t, err, name)
	}
	_, err = Products(Rules{})
	require.Error(t, err)
}
