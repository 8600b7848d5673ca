package customer

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas"
	"meshwork.dev/schemas/customer"
	"meshwork.dev/schemas/shop"
)

// The reasons a change of a customer cannot be taken.
var (
	errNoCustomer = errors.New("the record names no customer, or with an id longer than 200 bytes")
	errKey        = errors.New("the record's key is not the id of the customer")
	errOp         = errors.New("the change is neither UPSERT nor DELETE")
	errNoTime     = errors.New("the change does not say when it happened")
)

// account is what a reaction about one account works with.
type account = *stream.Ctx[string, customer.CustomerRecord]

// accounts holds the folds of Customer Data that concern one account.
type accounts struct{ countries *countries }

func addressed(key, id string) error {
	switch {
	case id == "" || len(id) > maxText || id == everybody:
		return stream.Reject(errNoCustomer)
	case id != key:
		return stream.Reject(errKey) // its row would lie where nobody looks for it
	}
	return nil
}

// change takes in a change of the customer database. The latest by changedAt counts; of two at one moment, the one
// that arrives last.
func (as *accounts) change(c account, e customer.CustomerChange) error {
	if err := addressed(c.Key, e.CustomerID); err != nil {
		return err
	}
	at := e.ChangedAt.UTC()
	switch {
	case e.Op != customer.ChangeOpUpsert && e.Op != customer.ChangeOpDelete:
		return stream.Reject(errOp)
	case at.UnixMilli() <= 0:
		return stream.Reject(errNoTime)
	}
	opened := at
	if e.Op == customer.ChangeOpUpsert {
		opened = e.RegisteredAt.Or(at).UTC()
	}
	was := c.State
	if c.Exists() && was.FromDatabase && at.Before(was.Changed) {
		// Too late to be the row, but it may tell of an earlier beginning.
		as.settle(c, was, was, opened)
		return nil
	}
	if e.Op == customer.ChangeOpDelete {
		as.remove(c, at)
		return nil
	}
	as.settle(c, was, as.cleanse(&e), opened)
	return nil
}

// cleanse is the row a change asks for.
func (as *accounts) cleanse(e *customer.CustomerChange) customer.CustomerRecord {
	r := customer.CustomerRecord{
		CustomerID: e.CustomerID, Title: tidyOpt(e.Title), FirstName: tidyOpt(e.FirstName), MiddleName: tidyOpt(e.MiddleName),
		LastName: tidyOpt(e.LastName), Suffix: tidyOpt(e.Suffix), Company: tidyOpt(e.Company),
		Emails: emails(e.Emails), Addresses: as.countries.addresses(e.Addresses), MarketingConsent: e.MarketingConsent,
		Changed: e.ChangedAt.UTC(), FromDatabase: true,
	}
	r.Phones = phones(e.Phones, as.countries.home(r.Addresses))
	if day, ok := e.BirthDate.Get(); ok && day > schemas.NewDate(1900, time.January, 1) && day <= schemas.DateOf(r.Changed) {
		r.BirthDate = e.BirthDate // anything else is a typing error or a placeholder
	}
	return r
}

// registered takes in that somebody opened an account in the shop. What was typed there counts until the customer
// database knows the account; of several, the latest.
func (as *accounts) registered(c account, e shop.UserRegistered) error {
	if err := addressed(c.Key, e.UserID); err != nil {
		return err
	}
	at := e.User.RegisteredAt.UTC()
	if at.UnixMilli() <= 0 {
		return stream.Reject(errNoTime)
	}
	was := c.State
	if c.Exists() {
		gone := was.Role == customer.RoleGone
		if gone && !at.After(was.Changed) || !gone && (was.FromDatabase || at.Before(was.Changed)) {
			as.settle(c, was, was, at)
			return nil
		}
	}
	r := customer.CustomerRecord{
		CustomerID: c.Key, FirstName: tidyOpt(schemas.Some(e.User.FirstName)), LastName: tidyOpt(schemas.Some(e.User.LastName)),
		Emails: emails([]string{e.User.Email.Or("")}), Changed: at,
	}
	if name := e.User.Country.Or(""); name != "" {
		r.Addresses = as.countries.addresses([]customer.RawAddress{{Kind: customer.AddressKindMain, Country: name}})
	}
	as.settle(c, was, r, at)
	return nil
}

// removed is a row that left the customer database without a word, as change captures report it.
func (as *accounts) removed(c account) error {
	if c.Exists() && !c.Time().Before(c.State.Changed) {
		as.remove(c, c.Time())
	}
	return nil
}

// remove forgets a customer. What stays is that it is gone and since when, so that earlier changes that arrive later
// do not bring it back.
func (as *accounts) remove(c account, at time.Time) {
	was := c.State
	c.State = customer.CustomerRecord{
		CustomerID: c.Key, Registered: at, Changed: at, FromDatabase: true, Role: customer.RoleGone,
	}
	if was.MatchKey != "" {
		stream.Emit(c, customer.PersonClaimEvent, was.MatchKey, customer.PersonClaim{
			MatchKey: was.MatchKey, CustomerID: c.Key, Registered: was.Registered, Leaves: true,
		})
	}
	if c.Exists() && was.Role != customer.RoleGone {
		stream.Emit(c, customer.CustomerRoleState, c.Key, customer.CustomerRole{CustomerID: c.Key, Role: customer.RoleGone})
	}
	if was.Role == customer.RoleCanonical {
		stream.EmitTombstone(c, customer.CustomerState, c.Key)
	}
}

// settle makes is the row of an account that was another before, and tells whoever depends on it. opened is a moment
// at which the account is known to have been open.
func (as *accounts) settle(c account, was, is customer.CustomerRecord, opened time.Time) {
	if !c.Exists() {
		was.Role, was.Registered = customer.RolePending, opened
	}
	if is.Role == customer.RoleGone {
		return // a change before its end
	}
	is.Registered = was.Registered
	if was.Role == customer.RoleGone {
		was.Role, was.FromDatabase, is.Registered = customer.RolePending, false, opened // it begins anew
	}
	if opened.Before(is.Registered) {
		is.Registered = opened
	}
	is.Role, is.CanonicalID, is.Aliases, is.FromDatabase = was.Role, was.CanonicalID, was.Aliases, is.FromDatabase || was.FromDatabase
	is.MatchKey = matchKey(&is)
	c.State = is
	if was.MatchKey != "" && was.MatchKey != is.MatchKey {
		stream.Emit(c, customer.PersonClaimEvent, was.MatchKey, customer.PersonClaim{
			MatchKey: was.MatchKey, CustomerID: c.Key, Registered: was.Registered, Leaves: true,
		})
		c.State.Aliases = nil // they stay behind
	}
	if was.MatchKey != is.MatchKey || !is.Registered.Equal(was.Registered) {
		stream.Emit(c, customer.PersonClaimEvent, is.MatchKey, customer.PersonClaim{
			MatchKey: is.MatchKey, CustomerID: c.Key, Registered: is.Registered,
		})
	}
	if is.Role == customer.RoleCanonical {
		publish(c, &was)
	}
}

// publish tells the world what is known of a customer, where that is news.
func publish(c account, was *customer.CustomerRecord) {
	row, before := customerOf(&c.State), customerOf(was)
	if bytes.Equal(row.AppendAvro(nil), before.AppendAvro(nil)) {
		return
	}
	stream.Emit(c, customer.CustomerState, c.Key, row)
	moved(before.Addresses, row.Addresses, func(kind customer.AddressKind, was, is *customer.Address) {
		id := c.Key + "/" + kind.String() + "/" + strconv.FormatInt(row.Changed.UnixMilli(), 10)
		e := customer.AddressChanged{
			Identity:   customer.Identity{EventID: "address/" + id, IdempotenceID: "address/" + id, Created: c.Time()},
			CustomerID: c.Key, Kind: kind, ChangedAt: row.Changed,
		}
		if was != nil {
			e.Previous = schemas.Some(*was)
		}
		if is != nil {
			e.Current = schemas.Some(*is)
		}
		stream.Emit(c, customer.AddressChangedEvent, c.Key, e)
	})
}

func customerOf(r *customer.CustomerRecord) customer.Customer {
	return customer.Customer{
		CustomerID: r.CustomerID, Title: r.Title, FirstName: r.FirstName, MiddleName: r.MiddleName, LastName: r.LastName,
		Suffix: r.Suffix, Company: r.Company, BirthDate: r.BirthDate, Emails: r.Emails, Phones: r.Phones,
		Addresses: r.Addresses, MarketingConsent: r.MarketingConsent, Aliases: r.Aliases,
		Registered: r.Registered, Changed: r.Changed,
	}
}

// judged takes in whether an account stands for its person.
func (as *accounts) judged(c account, v customer.PersonVerdict) error {
	if !c.Exists() || c.State.Role == customer.RoleGone || c.State.MatchKey != v.MatchKey {
		return nil // outdated: another verdict follows, or none is needed
	}
	was := c.State
	role := customer.RoleAlias
	if v.CanonicalID == c.Key {
		role = customer.RoleCanonical
	}
	if was.Role == role && was.CanonicalID == v.CanonicalID && slices.Equal(was.Aliases, v.Aliases) {
		return nil
	}
	c.State.Role, c.State.CanonicalID, c.State.Aliases = role, v.CanonicalID, v.Aliases
	if was.Role != role || was.CanonicalID != v.CanonicalID {
		stream.Emit(c, customer.CustomerRoleState, c.Key,
			customer.CustomerRole{CustomerID: c.Key, Role: role, CanonicalID: v.CanonicalID})
	}
	switch {
	case role == customer.RoleCanonical && was.Role == customer.RoleCanonical:
		publish(c, &was)
	case role == customer.RoleCanonical:
		stream.Emit(c, customer.CustomerState, c.Key, customerOf(&c.State))
	case was.Role == customer.RoleCanonical:
		stream.EmitTombstone(c, customer.CustomerState, c.Key)
	}
	return nil
}

// matchKey is what accounts of one person share: the main e-mail address; without a valid one name, postal code and
// birth date; without these, nothing but the id.
func matchKey(r *customer.CustomerRecord) string {
	for i := range r.Emails {
		if r.Emails[i].Valid {
			return "e:" + r.Emails[i].Address
		}
	}
	name := letters(r.FirstName.Or("")) + " " + letters(r.LastName.Or(""))
	if day, ok := r.BirthDate.Get(); ok && len(name) > 3 && r.LastName.Valid {
		for i := range r.Addresses {
			if code := r.Addresses[i].PostalCode; code != "" {
				return "n:" + name + "|" + r.Addresses[i].Country + " " + code + "|" + day.String()
			}
		}
	}
	return "i:" + r.CustomerID
}

// letters is a name as it is compared: letters and digits only, in lower case.
func letters(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
}
