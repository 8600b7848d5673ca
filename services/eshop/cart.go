package eshop

import (
	"crypto/sha256"
	"encoding/base32"
	"slices"
	"strings"
	"time"

	"meshwork.dev/schemas"
	"meshwork.dev/schemas/orderproc"
	"meshwork.dev/schemas/shop"
)

// put adds pieces of a product to the cart. The line takes over what is known of the product now.
func put(row *shop.Visitor, p shop.CartProduct, quantity int32, at time.Time) error {
	i := line(row, p.ID)
	switch {
	case i < 0 && len(row.Cart) >= maxLines:
		return errLines
	case i < 0:
		row.Cart = append(row.Cart, shop.CartItem{Product: p, Quantity: quantity, AddedAt: at})
	case row.Cart[i].Quantity > maxQuantity-quantity:
		return errTooMany
	default:
		row.Cart[i].Product = p
		row.Cart[i].Quantity += quantity
	}
	return nil
}

// takeOut removes pieces of a product from the cart, as many as there are, and tells of what and how many.
func takeOut(row *shop.Visitor, id string, quantity int32) (p shop.CartProduct, taken int32, err error) {
	i := line(row, id)
	if i < 0 {
		return p, 0, errNotInCart
	}
	it := &row.Cart[i]
	p, taken = it.Product, min(quantity, it.Quantity)
	if it.Quantity -= taken; it.Quantity == 0 {
		row.Cart = slices.Delete(row.Cart, i, i+1)
	}
	return p, taken, nil
}

func line(row *shop.Visitor, id string) int {
	return slices.IndexFunc(row.Cart, func(it shop.CartItem) bool { return it.Product.ID == id })
}

// touched notes a change of the cart; filled says whether it was empty or abandoned before, so that nobody watches it.
func touched(row *shop.Visitor, store string, at time.Time, was int) (unwatched bool) {
	if len(row.Cart) == 0 {
		row.CartStore, row.CartCreated, row.CartChanged, row.CartRevision = "", time.Time{}, time.Time{}, 0
		row.CartAbandonedAt = schemas.None[time.Time]()
		return false
	}
	unwatched = was == 0 || row.CartAbandonedAt.Valid
	if was == 0 {
		row.CartCreated = at
	}
	row.CartStore, row.CartAbandonedAt = store, schemas.None[time.Time]()
	row.CartRevision++
	if at.After(row.CartChanged) {
		row.CartChanged = at
	}
	return unwatched
}

// sum is what lines of a cart come to.
func sum(items []shop.CartItem) (units int64, total schemas.Money, unpriced int32) {
	for i := range items {
		units += int64(items[i].Quantity)
		if price, ok := items[i].Product.Price.Get(); ok {
			total += price.Times(int64(items[i].Quantity))
		} else {
			unpriced++
		}
	}
	return units, total, unpriced
}

// cartOf is the public row of a visitor's cart.
func cartOf(row *shop.Visitor, currency string) shop.Cart {
	c := shop.Cart{
		VisitorID: row.VisitorID, CustomerID: row.CustomerID, Store: row.CartStore, Status: shop.CartStatusActive,
		Items: row.Cart, Currency: currency, Created: row.CartCreated, Changed: row.CartChanged,
		AbandonedAt: row.CartAbandonedAt, Revision: row.CartRevision,
	}
	if row.CartAbandonedAt.Valid {
		c.Status = shop.CartStatusAbandoned
	}
	c.Units, c.Total, c.Unpriced = sum(row.Cart)
	return c
}

// watch says what the cart's timer finds: whether the cart is now abandoned, is to be forgotten, and when to look
// again; the zero time means never.
func (r Rules) watch(row *shop.Visitor, now time.Time) (abandoned, forgotten bool, next time.Time) {
	if len(row.Cart) == 0 {
		return false, false, time.Time{}
	}
	if since, ok := row.CartAbandonedAt.Get(); ok {
		if end := since.Add(r.ForgetAfter); now.Before(end) {
			return false, false, end
		}
		return false, true, time.Time{}
	}
	due := row.CartChanged.Add(r.AbandonAfter)
	if now.Before(due) {
		return false, false, due
	}
	return true, false, due.Add(r.ForgetAfter)
}

// orderID names the order of a checkout: the same one again gives the same order.
func orderID(visitorID, idempotenceID string) string {
	h := sha256.Sum256([]byte("checkout\x00" + visitorID + "\x00" + idempotenceID))
	return "W" + strings.ToLower(base32.HexEncoding.EncodeToString(h[:15]))
}

// order is the command that a customer's checkout becomes; ok is false where nothing in the cart has a price. Its
// eventId is left to be set.
func order(row *shop.Visitor, a *shop.ShopAction, customer *shop.CartCustomer, currency string) (cmd orderproc.CreateOrder, ok bool) {
	id := orderID(a.VisitorID, a.Identity.IdempotenceID)
	cmd = orderproc.CreateOrder{
		Identity: orderproc.Identity{IdempotenceID: "shop/" + id}, OrderID: id, Kind: orderproc.OrderKindSale,
		CustomerID: schemas.Some(customer.ID), Channel: orderproc.ChannelWeb, Currency: currency, OrderDate: a.Timestamp,
	}
	if name := strings.TrimSpace(customer.FirstName.Or("") + " " + customer.LastName.Or("")); name != "" {
		cmd.CustomerName = schemas.Some(name)
	}
	if c, given := a.Checkout.Get(); given {
		cmd.BillTo, cmd.ShipTo = address(c.BillTo), address(c.ShipTo)
		cmd.PaymentReference, cmd.Comment = c.PaymentReference, c.Comment
		if to, known := cmd.ShipTo.Get(); known {
			cmd.Country = schemas.Some(to.Country)
		}
	}
	for i := range row.Cart {
		it := &row.Cart[i]
		price, priced := it.Product.Price.Get()
		if !priced {
			continue
		}
		cmd.Items = append(cmd.Items, orderproc.OrderItem{
			LineNumber: int32(len(cmd.Items) + 1), ProductID: it.Product.ID, ProductCode: it.Product.ID,
			Description: it.Product.Name, Quantity: it.Quantity, UnitPrice: price, OrderedAt: a.Timestamp,
		})
	}
	return cmd, len(cmd.Items) > 0
}

func address(a schemas.Opt[shop.Address]) schemas.Opt[orderproc.Address] {
	v, ok := a.Get()
	if !ok {
		return schemas.None[orderproc.Address]()
	}
	return schemas.Some(orderproc.Address{
		Name: v.Name, Line1: v.Line1, Line2: v.Line2, City: v.City, PostalCode: v.PostalCode, Region: v.Region,
		Country: v.Country,
	})
}
