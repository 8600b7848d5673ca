package recommendation

import (
	"time"

	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas/customer"
	"meshwork.dev/schemas/orderproc"
	"meshwork.dev/schemas/prodrec"
	"meshwork.dev/schemas/product"
	"meshwork.dev/schemas/shop"
	"meshwork.dev/services/recommendation/model"
)

// How long what was read of products to make lists is believed before it is read anew, by the time of day. A shop that
// is visited a hundred times a second would decode the same rows for every look.
const (
	countsBelieved = 5 * time.Second
	stockBelieved  = 500 * time.Millisecond
)

// repeatedWithin is how long a repeated order is recognised as such, in event time.
const repeatedWithin = 7 * 24 * time.Hour

// Products declares the steps of Recommendation, the one data product of the domain.
//
// Every step but the last is private. Orders are taken in once by each step that counts them, and told from repetitions
// there; the shop's events have no repetitions.
func Products() ([]stream.Definition, error) { return products(countsBelieved, stockBelieved) }

func products(counts, stock time.Duration) ([]stream.Definition, error) {
	params := model.Defaults()
	shoppers := stream.Define(prodrec.ShopperState, stream.Spec{
		Name:    "shoppers",
		OnError: onError(),
		Emit:    stream.OnCommit,
		Store:   stream.Disk, // every visitor of a month, every customer ever
		Emits:   []stream.TopicRef{prodrec.ViewSignalEvent, prodrec.ShopperSignalEvent},
	},
		stream.On(stream.KeyBy(prodrec.ShopperSignalEvent,
			stream.From(shop.PageNavigatedEvent, viewed),
			stream.From(shop.SearchPerformedEvent, searched),
			stream.From(shop.ProductAddedEvent, added),
			stream.From(shop.ProductRemovedEvent, removed),
			stream.From(shop.CartCheckedOutEvent, checkedOut),
			stream.From(shop.UserLoggedInEvent, loggedIn),
			stream.From(customer.CustomerRoleState, deleted),
		), remember),
		stream.OnTimer(timerForget, forget),
	)
	// Apart from what shoppers look at, because that changes all the time and this is large.
	histories := stream.Define(prodrec.PurchaseHistoryState, stream.Spec{
		OnError: onError(),
		Emit:    stream.OnCommit,
		Store:   stream.Disk,
	},
		stream.On(stream.KeyBy(prodrec.PurchaseSignalEvent,
			stream.From(stream.Distinct(orderproc.OrderCompletedEvent, orderID, repeatedWithin), purchased),
			stream.From(customer.CustomerRoleState, unbought),
		), bought),
	)
	neighbours := stream.Define(prodrec.ItemNeighboursState, stream.Spec{
		OnError: onError(),
		Emit:    stream.OnCommit,
	},
		stream.On(stream.KeyBy(prodrec.ItemSignalEvent,
			stream.From(stream.Distinct(orderproc.OrderCompletedEvent, orderID, repeatedWithin), neighbouring)), inBasket),
	)
	nextViews := stream.Define(prodrec.ItemNextViewsState, stream.Spec{
		OnError: onError(),
		Emit:    stream.OnCommit,
	},
		stream.On(prodrec.ViewSignalEvent, stepped),
	)
	p := &popularity{params: params}
	popular := stream.Define(prodrec.ItemPopularityState, stream.Spec{
		OnError: onError(),
		Emit:    stream.OnCommit,
		Emits:   []stream.TopicRef{prodrec.PopularItemsState},
	},
		stream.On(stream.KeyBy(prodrec.ItemSoldEvent,
			stream.From(stream.Distinct(orderproc.OrderCompletedEvent, orderID, repeatedWithin), sold)), p.count),
		stream.OnTimer(timerRank, p.rank),
	)
	r := newRecommender(params, counts, stock)
	recommendations := stream.Define(prodrec.RecommendationState, stream.Spec{
		OnError: onError(),
		Emit:    stream.OnCommit, // readers want the latest lists, not every step to them
		Store:   stream.Disk,
		Uses:    []stream.Dep{r.histories, r.neighbours, r.nextViews, r.popularity, r.popular, r.products},
	},
		stream.On(prodrec.PurchaseHistoryState, r.purchased),
		stream.On(prodrec.ShopperState, r.recommend),
		stream.OnTombstone(prodrec.PurchaseHistoryState, r.gone),
		stream.OnTombstone(prodrec.ShopperState, r.gone),
	)
	return []stream.Definition{shoppers, histories, neighbours, nextViews, popular, recommendations}, nil
}

// tables are what lists are made from, besides the shopper.
type tables struct {
	histories  *stream.JoinTable[string, prodrec.PurchaseHistory]
	neighbours *stream.LookupTable[string, prodrec.ItemNeighbours]
	nextViews  *stream.LookupTable[string, prodrec.ItemNextViews]
	popularity *stream.LookupTable[string, prodrec.ItemPopularity]
	popular    *stream.LookupTable[string, prodrec.PopularItems]
	products   *stream.LookupTable[string, product.Product]
}

func newTables() tables {
	return tables{
		histories:  stream.Join(prodrec.PurchaseHistoryState),
		neighbours: stream.Lookup(prodrec.ItemNeighboursState), nextViews: stream.Lookup(prodrec.ItemNextViewsState),
		popularity: stream.Lookup(prodrec.ItemPopularityState), popular: stream.Lookup(prodrec.PopularItemsState),
		products: stream.Lookup(product.ProductState),
	}
}

// onError is the domain's policy: what cannot be used after a few tries is put aside with the reason, so that one bad
// event never holds up the others.
func onError() stream.Policy { return stream.Retry(3, 200*time.Millisecond).ThenDeadLetter() }

func orderID(o orderproc.OrderCompleted) string { return o.OrderID }
