package customer

import (
	"fmt"
	"time"
	_ "time/tzdata" // trading days are local; not every system has zone files

	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas/customer"
	"meshwork.dev/schemas/customerint"
	"meshwork.dev/schemas/orderproc"
	"meshwork.dev/schemas/product"
	"meshwork.dev/schemas/shop"
)

// tradingZone is the zone whose calendar cuts trading days.
const tradingZone = "Europe/London"

// Products declares the data products of the domain.
//
// Customer Data: the private row of every account, key customerId, cleanses changes and registrations; accounts claim
// a match key, the private row of a person, under that key, tells each which account stands for the person; the
// account that does is published (pub.ecomm.customer.customer.state.v1), with an event for each address that changed.
//
// Customer Segmentation: completed sales travel to one partition, where the private ranking holds all customers; what
// it finds goes back to pub.ecomm.customer.customer-segment.state.v1, key customerId.
//
// Customer Interactions: commands become pub.ecomm.customerint.interaction-made.event.v1, and those that belong to
// complaints pub.ecomm.customerint.complaint-history.state.v1, key customerId|complaintId.
//
// An error is about the rules or the machine: a lexicon that cannot be read, no zone data.
func Products(rules Rules) ([]stream.Definition, error) {
	if err := rules.validate(); err != nil {
		return nil, err
	}
	zone, err := time.LoadLocation(tradingZone)
	if err != nil {
		return nil, fmt.Errorf("customer: trading days: %w", err)
	}
	known, err := readCountries(countryText)
	if err != nil {
		return nil, err
	}
	model, err := rules.model()
	if err != nil {
		return nil, err
	}
	defs := customerData(&accounts{countries: known})
	defs = append(defs, segmentation(&ranking{zone: zone, grace: rules.RankGrace, soon: rules.RankSoon})...)
	return append(defs, interaction(&interactions{
		model: model, reviews: rules.Reviews, others: rules.Others, channels: channelNames(),
		roles: stream.Join(customer.CustomerRoleState), products: stream.Lookup(product.ProductState),
	})...), nil
}

func customerData(as *accounts) []stream.Definition {
	return []stream.Definition{
		stream.Define(customer.CustomerRecordState, stream.Spec{
			OnError: onError(),
			Store:   stream.Disk, // every account ever, and rarely looked at
			Emits: []stream.TopicRef{
				customer.PersonClaimEvent, customer.CustomerRoleState, customer.CustomerState, customer.AddressChangedEvent,
			},
		},
			stream.On(customer.CustomerChangeEvent, as.change),
			stream.OnTombstone(customer.CustomerChangeEvent, as.removed),
			stream.On(shop.UserRegisteredEvent, as.registered),
			stream.On(customer.PersonVerdictEvent, as.judged),
		),
		stream.Define(customer.PersonState, stream.Spec{
			OnError: onError(),
			Store:   stream.Disk,
			Emits:   []stream.TopicRef{customer.PersonVerdictEvent},
		},
			stream.On(customer.PersonClaimEvent, claim),
		),
	}
}

func segmentation(r *ranking) []stream.Definition {
	s := &segments{rules: segmentRules()}
	orderID := func(o orderproc.OrderCompleted) string { return o.OrderID }
	return []stream.Definition{
		stream.Define(customer.CustomerRankingState, stream.Spec{
			OnError: onError(),
			Emit:    stream.OnCommit,
			Emits:   []stream.TopicRef{customer.CustomerRankedEvent},
		},
			stream.On(stream.KeyBy(customer.PurchaseEvent,
				stream.From(stream.Distinct(orderproc.OrderCompletedEvent, orderID, repetitions), bought),
				stream.From(customer.CustomerRoleState, identified),
			), r.note),
			stream.OnTimer(timerDay, r.daily),
			stream.OnTimer(timerSoon, r.again),
		),
		stream.Define(customer.CustomerSegmentState, stream.Spec{
			OnError: onError(),
		},
			stream.On(customer.CustomerRankedEvent, s.place),
		),
	}
}

func interaction(in *interactions) []stream.Definition {
	idempotenceID := func(e customerint.Interaction) string { return e.Identity.IdempotenceID }
	return []stream.Definition{
		stream.Define(customerint.ContactSummaryState, stream.Spec{
			OnError: onError(),
			Emit:    stream.OnCommit,
			Uses:    []stream.Dep{in.roles, in.products},
			Emits:   []stream.TopicRef{customerint.InteractionMadeEvent},
		},
			stream.On(stream.Distinct(customerint.InteractionCommand, idempotenceID, sameInteraction), in.made),
		),
		stream.Define(customerint.ComplaintHistoryState, stream.Spec{
			OnError: onError(),
		},
			stream.On(stream.KeyBy(customerint.ComplaintInteractionEvent,
				stream.From(customerint.InteractionMadeEvent, complained),
			), raised),
		),
	}
}

// onError is the domain's policy: what cannot be taken after a few tries is put aside with the reason, so that one bad
// event never holds up the others.
func onError() stream.Policy { return stream.Retry(3, 200*time.Millisecond).ThenDeadLetter() }
