package customer

import (
	"math/rand/v2"
	"strconv"
	"testing"

	"meshwork.dev/schemas"
	"meshwork.dev/schemas/customer"
)

// One ranking of many customers: the passes over the rows and the sorts, without reading and decoding them.
func BenchmarkRanking(b *testing.B) {
	for _, n := range []int{10_000, 1_000_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			rng := rand.New(rand.NewPCG(1, 1))
			rows := make([]customer.CustomerRanking, n)
			for i := range rows {
				rows[i].CustomerID = strconv.Itoa(10_000 + rng.IntN(90_000_000))
				for range 1 + rng.IntN(3) {
					day := schemas.Date(rng.IntN(365))
					book(&rows[i], day, day, schemas.Money(rng.IntN(1_000_000)))
				}
			}
			last := customer.CustomerRanking{Customers: int32(n)}
			b.ReportAllocs()
			told := 0
			for b.Loop() {
				t := newTables(&last, 365)
				told = 0
				err := t.rank(func(look func(string, *customer.CustomerRanking)) error {
					for i := range rows {
						look(rows[i].CustomerID, &rows[i])
					}
					return nil
				}, func(string, figures, int32, int32, int32) { told++ })
				if err != nil {
					b.Fatal(err)
				}
				last.RankedDay = schemas.Some[schemas.Date](364)
				last.RecencyCuts, last.FrequencyCuts, last.MonetaryCuts = t.cuts[0], t.cuts[1], t.cuts[2]
			}
			b.ReportMetric(float64(told), "told")
			b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/op")
		})
	}
}
