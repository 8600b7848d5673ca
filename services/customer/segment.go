package customer

import (
	"math"

	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas/customer"
)

// segmentRule names the customers whose quintiles lie within bounds.
type segmentRule struct {
	name                               string
	minR, maxR, minF, maxF, minM, maxM int32
}

// segmentRules are the named segments; the first rule that fits counts, and one always does.
//
//	champions        bought lately, often and much
//	loyal            buys often and has not stopped
//	big-spenders     spends most, but seldom
//	potential-loyal  bought lately, more than once
//	new              bought just now, for the first times
//	promising        bought lately, for the first times
//	needs-attention  average in everything, slowing down
//	about-to-sleep   seldom, and a while ago
//	cannot-lose      bought often and much, long ago
//	at-risk          bought often, long ago
//	hibernating      bought seldom, long ago
//	lost             bought seldom, longest ago
func segmentRules() []segmentRule {
	return []segmentRule{
		{"champions", 4, 5, 4, 5, 4, 5},
		{"loyal", 3, 5, 4, 5, 1, 5},
		{"big-spenders", 3, 5, 1, 3, 5, 5},
		{"potential-loyal", 4, 5, 2, 3, 1, 5},
		{"new", 5, 5, 1, 1, 1, 5},
		{"promising", 4, 4, 1, 1, 1, 5},
		{"needs-attention", 3, 3, 2, 3, 1, 5},
		{"about-to-sleep", 3, 3, 1, 1, 1, 5},
		{"cannot-lose", 1, 2, 4, 5, 4, 5},
		{"at-risk", 1, 2, 3, 5, 1, 5},
		{"hibernating", 2, 2, 1, 2, 1, 5},
		{"lost", 1, 1, 1, 2, 1, 5},
	}
}

// segmentOf is the name of the segment of quintiles.
func segmentOf(rules []segmentRule, r, f, m int32) string {
	for i := range rules {
		u := &rules[i]
		if r >= u.minR && r <= u.maxR && f >= u.minF && f <= u.maxF && m >= u.minM && m <= u.maxM {
			return u.name
		}
	}
	return "unknown"
}

// isVIP says who gets VIP care: who spends most and buys often, however long ago. One who is about to leave needs it
// most.
func isVIP(f, m int32) bool { return m == 5 && f >= 4 }

// segments holds the folds of the segment state.
type segments struct{ rules []segmentRule }

// place publishes where a customer stands. A row that would say the same but for its date stays as it is.
func (s *segments) place(c *stream.Ctx[string, customer.CustomerSegment], e customer.CustomerRanked) error {
	if !e.Ranked {
		c.Delete()
		return nil
	}
	row := customer.CustomerSegment{
		CustomerID: c.Key, RecencyDays: e.RecencyDays, Frequency: e.Frequency, Monetary: e.Monetary, R: e.R, F: e.F, M: e.M,
		Segment: segmentOf(s.rules, e.R, e.F, e.M), Vip: isVIP(e.F, e.M), AsOf: e.AsOf,
	}
	same := row
	same.AsOf, same.RecencyDays = c.State.AsOf, c.State.RecencyDays
	if c.Exists() && same == c.State && !sooner(&row, &c.State) {
		return nil
	}
	c.State = row
	return nil
}

// sooner tells whether the last purchase is another day than the one a row knows.
func sooner(row, known *customer.CustomerSegment) bool {
	days := math.Round(row.AsOf.Sub(known.AsOf).Hours() / 24) // days have 23 to 25 hours
	return row.RecencyDays != known.RecencyDays+int32(days)
}

// SegmentOf names the segment of quintiles, and says whether they are those of a VIP.
func SegmentOf(r, f, m int) (name string, vip bool) {
	return segmentOf(segmentRules(), int32(r), int32(f), int32(m)), isVIP(int32(f), int32(m))
}
