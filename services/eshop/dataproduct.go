package eshop

import (
	"time"

	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas/customer"
	"meshwork.dev/schemas/orderproc"
	"meshwork.dev/schemas/product"
	"meshwork.dev/schemas/shop"
)

// Products declares the data products of the domain.
//
// One product reads what visitors do, keeps a row per visitor, and publishes all that can be said at once: the events
// of Shopping Cart, Page Navigation and User Information, carts, visits, and orders for what customers check out. So
// an action is read, checked, told from repetitions and enriched once, in one transaction.
//
// The figures of pages (pub.ecomm.shop.page-navigation-kpi.state.v1, key pageId|hour) add up what that product says
// about every view, and profiles of users (pub.ecomm.shop.user.state.v1, key userId) fold its events: both live under
// other keys than the visitor's.
func Products(rules Rules) ([]stream.Definition, error) {
	if err := rules.validate(); err != nil {
		return nil, err
	}
	f := &shopfront{
		rules: rules, products: stream.Lookup(product.ProductState),
		customers: stream.Lookup(customer.CustomerState).Keep(names),
	}
	visitors := stream.Define(shop.VisitorState, stream.Spec{
		OnError: onError(),
		Emit:    stream.OnCommit, // nobody but the shop reads it: it is there to be found again
		Uses:    []stream.Dep{f.products, f.customers},
		Emits: []stream.TopicRef{
			shop.PageNavigatedEvent, shop.SearchPerformedEvent, shop.ShopVisitedState, shop.PageVisitEvent,
			shop.ProductAddedEvent, shop.ProductRemovedEvent, shop.CartCheckedOutEvent, shop.CartState,
			shop.UserRegisteredEvent, shop.UserLoggedInEvent, orderproc.CreateOrderCommand,
		},
	},
		stream.On(shop.ShopActionEvent, f.take),
		stream.OnTimer(timerVisit, f.visitOver),
		stream.OnTimer(timerCart, f.cartLeft),
	)
	figures := stream.Define(shop.PageNavigationKpiState, stream.Spec{
		OnError: onError(),
		Emit:    stream.OnCommit, // readers want the latest figures, not every step to them
	},
		stream.On(shop.PageVisitEvent, count),
	)
	users := stream.Define(shop.UserState, stream.Spec{OnError: onError()},
		stream.On(shop.UserRegisteredEvent, registered),
		stream.On(shop.UserLoggedInEvent, loggedIn),
	)
	return []stream.Definition{visitors, figures, users}, nil
}

// onError is the domain's policy: what cannot be taken after a few tries is put aside with the reason, so that one bad
// action never holds up the others.
func onError() stream.Policy { return stream.Retry(3, 200*time.Millisecond).ThenDeadLetter() }
