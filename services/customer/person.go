package customer

import (
	"cmp"
	"slices"
	"strings"

	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas/customer"
)

// maxAccounts bounds the accounts that are one person. An e-mail address with more is a desk's or a joke; further
// accounts under it are persons of their own.
const maxAccounts = 200

// person is what a reaction about one person works with.
type person = *stream.Ctx[string, customer.Person]

// claim lets an account join or leave a person, and tells the accounts for whom that changes something. The earliest
// account stands for the person, whatever the order in which accounts were heard of.
func claim(c person, e customer.PersonClaim) error {
	before := canonical(c.State.Accounts)
	list := slices.Clone(c.State.Accounts)
	at := slices.IndexFunc(list, func(a customer.Account) bool { return a.CustomerID == e.CustomerID })
	switch {
	case e.Leaves && at < 0:
		return nil
	case e.Leaves:
		list = slices.Delete(list, at, at+1)
	case at >= 0:
		list[at].Registered = e.Registered
	case len(list) >= maxAccounts:
		tell(c, e.CustomerID, e.CustomerID, nil)
		return nil
	default:
		list = append(list, customer.Account{CustomerID: e.CustomerID, Registered: e.Registered})
	}
	if len(list) == 0 {
		c.Delete()
		return nil
	}
	slices.SortFunc(list, func(a, b customer.Account) int {
		return cmp.Or(a.Registered.Compare(b.Registered), compareIDs(a.CustomerID, b.CustomerID))
	})
	c.State.MatchKey, c.State.Accounts = c.Key, list
	head := canonical(list)
	var aliases []string
	for i := range list[1:] {
		aliases = append(aliases, list[1+i].CustomerID)
	}
	slices.SortFunc(aliases, compareIDs)
	for i := range list {
		switch id := list[i].CustomerID; {
		case id == head:
			tell(c, id, head, aliases)
		case head != before || id == e.CustomerID:
			tell(c, id, head, nil)
		}
	}
	return nil
}

// canonical is the account that stands for a person; empty without accounts.
func canonical(list []customer.Account) string {
	if len(list) == 0 {
		return ""
	}
	return list[0].CustomerID
}

func tell(c person, id, head string, aliases []string) {
	stream.Emit(c, customer.PersonVerdictEvent, id, customer.PersonVerdict{
		CustomerID: id, MatchKey: c.Key, CanonicalID: head, Aliases: aliases,
	})
}

// compareIDs orders customer ids: numbers by value, before all others, which go by bytes.
func compareIDs(a, b string) int {
	na, nb := isNumber(a), isNumber(b)
	switch {
	case na && nb:
		x, y := strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
		return cmp.Or(cmp.Compare(len(x), len(y)), strings.Compare(x, y), strings.Compare(a, b))
	case na:
		return -1
	case nb:
		return 1
	}
	return strings.Compare(a, b)
}

func isNumber(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
