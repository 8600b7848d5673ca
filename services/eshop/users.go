package eshop

import (
	"slices"
	"time"

	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas"
	"meshwork.dev/schemas/shop"
)

// How much of an account's past its profile keeps.
const (
	maxFailures = 64
	maxVisitors = 20
)

// registered takes over what somebody said when opening an account. Registering again is believed when it is newer.
func registered(c *stream.Ctx[string, shop.User], e shop.UserRegistered) error {
	u := &c.State
	u.UserID = c.Key
	if at, ok := u.RegisteredAt.Get(); !ok || !e.User.RegisteredAt.Before(at) {
		u.FirstName, u.LastName = named(e.User.FirstName), named(e.User.LastName)
		u.Email, u.Country = e.User.Email, e.User.Country
		u.RegisteredAt = schemas.Some(e.User.RegisteredAt)
	}
	remember(u, e.User.VisitorID)
	u.Changed = later(u.Changed, e.User.RegisteredAt)
	return nil
}

// loggedIn counts an attempt to log in. Attempts may come in any order.
func loggedIn(c *stream.Ctx[string, shop.User], e shop.UserLoggedIn) error {
	u := &c.State
	u.UserID = c.Key
	u.Changed = later(u.Changed, e.Timestamp)
	last, known := u.LastLogin.Get()
	if !e.Successful {
		u.FailedLogins++
		if !known || e.Timestamp.After(last) {
			i, _ := slices.BinarySearchFunc(u.RecentFailures, e.Timestamp, time.Time.Compare)
			u.RecentFailures = slices.Insert(u.RecentFailures, i, e.Timestamp)
			u.FailedSinceLogin++
			if n := len(u.RecentFailures); n > maxFailures {
				u.RecentFailures = u.RecentFailures[n-maxFailures:]
			}
		}
		return nil
	}
	u.Logins++
	remember(u, e.VisitorID)
	if known && !e.Timestamp.After(last) {
		return nil
	}
	u.LastLogin = schemas.Some(e.Timestamp)
	kept := len(u.RecentFailures)
	u.RecentFailures = slices.DeleteFunc(u.RecentFailures, func(at time.Time) bool { return !at.After(e.Timestamp) })
	if len(u.RecentFailures) < kept || kept < maxFailures { // else all that are remembered came after, and more may have
		u.FailedSinceLogin = int32(len(u.RecentFailures))
	}
	return nil
}

// remember notes a visitor who used the account.
func remember(u *shop.User, visitorID string) {
	if slices.Contains(u.Visitors, visitorID) {
		return
	}
	u.Visitors = append(u.Visitors, visitorID)
	if n := len(u.Visitors); n > maxVisitors {
		u.Visitors = u.Visitors[n-maxVisitors:]
	}
}

func named(s string) schemas.Opt[string] {
	if s == "" {
		return schemas.None[string]()
	}
	return schemas.Some(s)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
