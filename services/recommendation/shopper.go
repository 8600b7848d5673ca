package recommendation

import (
	"slices"
	"strings"
	"time"

	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas"
	"meshwork.dev/schemas/prodrec"
	"meshwork.dev/services/recommendation/model"
)

const (
	timerForget = "forget"
	// forgetAfter is how long an anonymous visitor is remembered after the last action, and till the end of that day
	// (UTC): the timer is moved once a day, not at every action.
	forgetAfter = 30 * 24 * time.Hour
)

// remember adds a signal to the row of its shopper.
func remember(c *stream.Ctx[string, prodrec.Shopper], g prodrec.ShopperSignal) error {
	switch g.Kind {
	case prodrec.SignalKindJoin:
		join(c, &g)
		return nil
	case prodrec.SignalKindForget:
		return forget(c, g.At)
	default:
	}
	s := &c.State
	s.Key = c.Key
	before := s.LastSeen
	if id, ok := strings.CutPrefix(c.Key, customerPrefix); ok {
		s.CustomerID = schemas.Some(id)
	} else {
		s.VisitorID = schemas.Some(strings.TrimPrefix(c.Key, visitorPrefix))
	}
	if step, ok := model.Remember(s, &g); ok {
		stream.Emit(c, prodrec.ViewSignalEvent, step.ProductID, step)
	}
	if s.VisitorID.Valid && model.DayOf(before) != model.DayOf(s.LastSeen) {
		c.Timer(timerForget, s.LastSeen.Truncate(24*time.Hour).Add(24*time.Hour+forgetAfter))
	}
	return nil
}

// bought adds an order to what its customer bought, or forgets it all with the account.
func bought(c *stream.Ctx[string, prodrec.PurchaseHistory], g prodrec.PurchaseSignal) error {
	if g.Forget {
		if c.Exists() {
			c.Delete()
		}
		return nil
	}
	h := &c.State
	h.Key, h.CustomerID = c.Key, strings.TrimPrefix(c.Key, customerPrefix)
	model.Bought(h, g.At, g.Products)
	return nil
}

// join hands over a visitor's looks and cart to the customer the visitor turned out to be.
func join(c *stream.Ctx[string, prodrec.Shopper], g *prodrec.ShopperSignal) {
	id, ok := g.CustomerID.Get()
	if !c.Exists() || !ok {
		return
	}
	to := customerPrefix + id
	stream.Emit(c, prodrec.ShopperSignalEvent, to, prodrec.ShopperSignal{
		Key: to, Kind: prodrec.SignalKindMerge, At: c.State.LastSeen,
		Views: slices.Clone(c.State.Views), Cart: slices.Clone(c.State.Cart),
	})
	c.CancelTimer(timerForget)
	c.Delete()
}

// forget removes a visitor who has not been back, or a customer whose account was deleted.
func forget(c *stream.Ctx[string, prodrec.Shopper], _ time.Time) error {
	if c.Exists() {
		c.Delete()
	}
	return nil
}
