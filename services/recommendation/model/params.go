package model

// ModelID names the model and its version; it is on every record. It changes when lists from the same rows would.
const ModelID = "blend-4"

// Params are the weights of the model. The [Defaults] were chosen on two inner splits of Online Retail: orders before
// 2011-06-01 and before 2011-08-01, each judged by what customers bought in the two months after. They lie on a plateau:
// half or twice of most of them costs little.
type Params struct {
	Size int // products in a list

	// Personal frequency: an order weighs 2^(-age/OrderHalfLife), age in days.
	OrderHalfLife float64
	// How much it matters that a product sells at present: score × (orders of late + 1)^Trend.
	RepeatTrend, NewTrend float64
	// Orders of late: each weighs 2^(-age/TrendHalfLife), age in days.
	TrendHalfLife float64
	// Neighbours of what was bought: of the From products bought last, each weighing 2^(-age/TasteHalfLife), age of its
	// last order in days.
	From          int
	TasteHalfLife float64
	// A neighbour's score is its closeness over √(orders of the source + Prior), so that few orders say little, and over
	// (orders of the neighbour)^Common.
	Prior, Common float64
	// Blend is the weight of the neighbours' score in the list over all.
	Blend float64

	// Cart completion: products of the cart that count, from the last one back, each weighing CartFade of the one after
	// it. A neighbour's score is its closeness over √(orders of the source) and (orders of the neighbour)^CartCommon.
	CartFrom             int
	CartFade, CartCommon float64

	// Next view: looks that count, from the last one back, each weighing ViewFade of the one after it.
	// Products looked at before are Seen times as likely.
	ViewFrom       int
	ViewFade, Seen float64

	// Candidates is how many of the best are judged in full.
	Candidates int
}

// Defaults are the weights in use.
func Defaults() Params {
	return Params{
		Size: 10, OrderHalfLife: 200, RepeatTrend: 0.4, NewTrend: 0.5, TrendHalfLife: 15, From: 64, TasteHalfLife: 150,
		Prior: 500, Common: 0.9, Blend: 1, CartFrom: 8, CartFade: 0.4, CartCommon: 0.2, ViewFrom: 3, ViewFade: 0.1, Seen: 0.5,
		Candidates: 200,
	}
}
