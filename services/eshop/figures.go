package eshop

import (
	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas/shop"
)

// count adds a view to the figures of its page and hour.
func count(c *stream.Ctx[shop.PageNavigationKpiKey, shop.PageNavigationKpi], v shop.PageVisit) error {
	k := &c.State
	k.PageID, k.Hour = c.Key.PageID, c.Key.Hour
	k.Views += v.Views
	k.Visitors += v.Visitors
	k.Entries += v.Entries
	k.Exits += v.Exits
	k.Bounces += v.Bounces
	k.TimedViews += v.TimedViews
	k.TimeOnPage += v.TimeOnPage
	k.MeanTimeOnPage = 0
	if k.TimedViews > 0 {
		k.MeanTimeOnPage = k.TimeOnPage / k.TimedViews
	}
	return nil
}
