package orderprocessing

import (
	"strings"
	"time"

	"meshwork.dev/schemas"
	"meshwork.dev/schemas/orderproc"
)

// The limits of a partner's names for itself and its orders, in bytes.
const (
	maxPartnerID        = 64
	maxPartnerReference = 256
)

// PartnerOrderID is the order id of a partner's reference. Partners number their orders themselves, so the id is made
// from both: an order that is sent twice, by whichever way, is one order.
func PartnerOrderID(p orderproc.Partner) string { return "P-" + p.PartnerID + "-" + p.Reference }

// checkPartner tells what is wrong with the partner of an order. The order id must be the one of the reference, or
// two orders could be made of one.
func checkPartner(o *orderproc.CreateOrder) *Problem {
	p, ok := o.Partner.Get()
	switch {
	case !ok && o.Channel == orderproc.ChannelPartner:
		return problem("partner", "is missing in an order of channel PARTNER")
	case !ok:
		return nil
	case o.Channel != orderproc.ChannelPartner:
		return problem("partner", "is not taken in orders of channel %s", o.Channel)
	}
	if r := checkText("partner.partnerId", p.PartnerID, maxPartnerID); r != nil {
		return r
	}
	if strings.ContainsFunc(p.PartnerID, func(c rune) bool {
		return (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
	}) {
		return problem("partner.partnerId", "has something else than letters and digits")
	}
	if r := checkText("partner.reference", p.Reference, maxPartnerReference); r != nil {
		return r
	}
	if want := PartnerOrderID(p); o.OrderID != want {
		return problem("orderId", "the id of this partner's reference is %q", want)
	}
	return nil
}

// partnerRequest is the body of POST /partner-orders. Field names are those of POST /orders; partnerId and reference
// are the partner's, and make the order's id.
type partnerRequest struct {
	PartnerID        string                         `json:"partnerId"`
	Reference        string                         `json:"reference"`
	CustomerID       schemas.Opt[string]            `json:"customerId"`
	CustomerName     schemas.Opt[string]            `json:"customerName"`
	Currency         string                         `json:"currency"` // GBP when absent
	Country          schemas.Opt[string]            `json:"country"`
	OrderDate        schemas.Opt[time.Time]         `json:"orderDate"` // now when absent
	Items            []itemRequest                  `json:"items"`
	BillTo           schemas.Opt[orderproc.Address] `json:"billTo"`
	ShipTo           schemas.Opt[orderproc.Address] `json:"shipTo"`
	PaymentReference schemas.Opt[string]            `json:"paymentReference"`
	Comment          schemas.Opt[string]            `json:"comment"`
}

// command makes the command a request asks for. The body is part of the idempotenceId: the same order sent again is
// nothing new, and another one under the same reference is refused, for the partner to see.
func (q *partnerRequest) command(body []byte, now time.Time) (*orderproc.CreateOrder, *Problem) {
	partner := orderproc.Partner{PartnerID: q.PartnerID, Reference: q.Reference}
	id := PartnerOrderID(partner)
	order := orderRequest{
		OrderID: id, CustomerID: q.CustomerID, CustomerName: q.CustomerName, Currency: q.Currency, Country: q.Country,
		OrderDate: q.OrderDate, Items: q.Items, BillTo: q.BillTo, ShipTo: q.ShipTo,
		PaymentReference: q.PaymentReference, Comment: q.Comment,
	}
	cmd, p := order.command("", body, now, nil)
	if p != nil {
		return nil, p
	}
	idem := "partner-orders/" + digest(id, string(body))
	cmd.Identity.EventID, cmd.Identity.IdempotenceID = idem, idem
	cmd.Channel, cmd.Partner = orderproc.ChannelPartner, schemas.Some(partner)
	return cmd, nil
}
