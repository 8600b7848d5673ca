package customer

import (
	"strings"

	"meshwork.dev/schemas/customer"
)

// addresses cleanses addresses: at most one of each kind, the last one given, in the order of kinds.
func (cs *countries) addresses(raw []customer.RawAddress) []customer.Address {
	var out []customer.Address
	for kind := customer.AddressKindMain; kind <= customer.AddressKindShipping; kind++ {
		for i := len(raw) - 1; i >= 0; i-- {
			is := raw[i].Kind
			if is == customer.AddressKindUnknown {
				is = customer.AddressKindMain // a use that is not known is no reason to lose the address
			}
			if is != kind {
				continue
			}
			if a, ok := cs.address(&raw[i], kind); ok {
				out = append(out, a)
			}
			break
		}
	}
	return out
}

// address cleanses and checks one address; ok is false where it says nothing.
func (cs *countries) address(raw *customer.RawAddress, kind customer.AddressKind) (a customer.Address, ok bool) {
	a = customer.Address{
		Kind: kind, Line1: tidy(raw.Line1), Line2: tidyOpt(raw.Line2), City: tidy(raw.City), Region: tidyOpt(raw.Region),
		PostalCode: strings.ToUpper(tidy(raw.PostalCode)), Country: tidy(raw.Country),
	}
	if a.Line1 == "" && a.City == "" && a.PostalCode == "" && a.Country == "" && !a.Line2.Valid && !a.Region.Valid {
		return a, false
	}
	c := cs.find(a.Country)
	if c == nil {
		a.Status = customer.AddressStatusUnknownCountry
		if a.Country == "" {
			a.Status = customer.AddressStatusIncomplete
		}
		return a, true
	}
	a.Country = c.code
	code, fits := c.postalCode(a.PostalCode)
	if fits {
		a.PostalCode = code
	}
	switch {
	case a.Line1 == "" || a.City == "" || a.PostalCode == "" && !c.noPostal && !c.unknownPostal:
		a.Status = customer.AddressStatusIncomplete
	case fits || c.noPostal && a.PostalCode == "":
		a.Status = customer.AddressStatusValid
	case c.noPostal || c.unknownPostal:
		a.Status = customer.AddressStatusUnchecked
	default:
		a.Status = customer.AddressStatusBadPostalCode
	}
	return a, true
}

// home is the country of a customer's first address that has a known one; nil without.
func (cs *countries) home(as []customer.Address) *country {
	for i := range as {
		if c := cs.find(as[i].Country); c != nil {
			return c
		}
	}
	return nil
}

// moved are the differences between two lists of addresses, by kind. What the check found does not count.
func moved(before, after []customer.Address, tell func(kind customer.AddressKind, was, is *customer.Address)) {
	for kind := customer.AddressKindMain; kind <= customer.AddressKindShipping; kind++ {
		was, is := ofKind(before, kind), ofKind(after, kind)
		if was == nil && is == nil {
			continue
		}
		if was != nil && is != nil {
			a, b := *was, *is
			a.Status, b.Status = 0, 0
			if a == b {
				continue
			}
		}
		tell(kind, was, is)
	}
}

func ofKind(as []customer.Address, kind customer.AddressKind) *customer.Address {
	for i := range as {
		if as[i].Kind == kind {
			return &as[i]
		}
	}
	return nil
}
