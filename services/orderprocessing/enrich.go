package orderprocessing

import (
	"strings"

	"meshwork.dev/schemas"
	"meshwork.dev/schemas/customer"
	"meshwork.dev/schemas/orderproc"
)

// enrich adds what other domains know now: the customer's name where the order brings none, names and list prices of
// the products. What is not known is left out and is no reason to refuse; what is known later does not change the
// order.
func (l lifecycle) enrich(c order, o *orderproc.Order) {
	if who, ok := o.Customer.Get(); ok && !who.Name.Valid {
		if row, ok := l.customers.Get(c, who.ID); ok {
			o.Customer.Value.Name = nameOf(&row)
		}
	}
	for i := range o.Items {
		it := &o.Items[i]
		if p, ok := l.products.Get(c, it.ProductID); ok {
			it.ProductName, it.ListPrice = schemas.Some(p.Name), schemas.Some(p.ListPrice)
		}
	}
}

// names is what orders tell of a customer, and all that is kept here of a million of them.
func names(c customer.Customer) customer.Customer {
	if name := nameOf(&c); name.Valid {
		return customer.Customer{FirstName: name}
	}
	return customer.Customer{}
}

// nameOf is how an order calls a customer: by first and last name, or by the company.
func nameOf(c *customer.Customer) schemas.Opt[string] {
	name := strings.TrimSpace(c.FirstName.Value + " " + c.LastName.Value)
	if name == "" {
		name = c.Company.Value
	}
	if name == "" {
		return schemas.None[string]()
	}
	return schemas.Some(name)
}

// nameless is a customer without the name, which may be ours rather than the sender's.
func nameless(c schemas.Opt[orderproc.OrderCustomer]) schemas.Opt[orderproc.OrderCustomer] {
	c.Value.Name = schemas.None[string]()
	return c
}

// plain are items without what enrich added.
func plain(items []orderproc.OrderItem) []orderproc.OrderItem {
	out := make([]orderproc.OrderItem, len(items))
	for i := range items {
		out[i] = items[i]
		out[i].ProductName, out[i].ListPrice = schemas.None[string](), schemas.None[schemas.Money]()
	}
	return out
}
