package gen_test

import (
	"slices"
	"testing"
	"time"

	"github.com/linkedin/goavro/v2"
	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/avro/gen/internal/golden/bench"
	"meshwork.dev/schemas"
)

func benchOrder() *bench.Order {
	at := time.UnixMilli(1_758_000_000_000).UTC()
	return &bench.Order{
		OrderID: 1_000_123, CustomerID: 48_213, EventTime: at, Status: bench.StatusPaid, Currency: "EUR",
		Total: 129.95, Discount: 5, Email: "jane.doe@example.com", Country: "CH", Channel: "web",
		Coupon: schemas.Some("SPRING25"), PaidAt: schemas.Some(at.Add(time.Minute)),
		Items: []bench.Line{{SKU: "SKU-000123", Qty: 2, Price: 19.95}, {SKU: "SKU-000777", Qty: 1, Price: 49.9}, {SKU: "SKU-004242", Qty: 3, Price: 13.35}},
	}
}

// native builds what goavro wants: what a service that keeps its orders in structs pays for each record.
func native(o *bench.Order) map[string]any {
	items := make([]any, len(o.Items))
	for i, l := range o.Items {
		items[i] = map[string]any{"sku": l.SKU, "qty": l.Qty, "price": l.Price}
	}
	m := map[string]any{
		"orderId": o.OrderID, "customerId": o.CustomerID, "eventTime": o.EventTime, "status": o.Status.String(),
		"currency": o.Currency, "total": o.Total, "discount": o.Discount, "email": o.Email, "country": o.Country,
		"channel": o.Channel, "coupon": nil, "paidAt": nil, "gift": o.Gift, "items": items,
	}
	if v, ok := o.Coupon.Get(); ok {
		m["coupon"] = goavro.Union("string", v)
	}
	if v, ok := o.PaidAt.Get(); ok {
		m["paidAt"] = goavro.Union("long.timestamp-millis", v)
	}
	return m
}

// fromNative is the way back, so that both sides end with the same value in hand.
func fromNative(v any) *bench.Order {
	m, _ := v.(map[string]any)
	o := &bench.Order{}
	o.OrderID, _ = m["orderId"].(int64)
	o.CustomerID, _ = m["customerId"].(int64)
	o.EventTime, _ = m["eventTime"].(time.Time)
	status, _ := m["status"].(string)
	o.Status, _ = bench.ParseStatus(status)
	o.Currency, _ = m["currency"].(string)
	o.Total, _ = m["total"].(float64)
	o.Discount, _ = m["discount"].(float64)
	o.Email, _ = m["email"].(string)
	o.Country, _ = m["country"].(string)
	o.Channel, _ = m["channel"].(string)
	if u, ok := m["coupon"].(map[string]any); ok {
		o.Coupon.Value, o.Coupon.Valid = u["string"].(string)
	}
	if u, ok := m["paidAt"].(map[string]any); ok {
		o.PaidAt.Value, o.PaidAt.Valid = u["long.timestamp-millis"].(time.Time)
	}
	o.Gift, _ = m["gift"].(bool)
	items, _ := m["items"].([]any)
	for _, it := range items {
		im, _ := it.(map[string]any)
		var l bench.Line
		l.SKU, _ = im["sku"].(string)
		l.Qty, _ = im["qty"].(int32)
		l.Price, _ = im["price"].(float64)
		o.Items = append(o.Items, l)
	}
	return o
}

// codecs returns the measured operations, each checked to do its work.
func codecs(tb testing.TB) map[string]func() {
	tb.Helper()
	codec, err := goavro.NewCodec(bench.OrderEvent.Info.Schema)
	require.NoError(tb, err)
	order := benchOrder()
	ready := native(order)
	text := order.AppendAvro(nil)
	theirs, err := codec.BinaryFromNative(nil, ready)
	require.NoError(tb, err)
	require.Equal(tb, theirs, text)
	value, _, err := codec.NativeFromBinary(text)
	require.NoError(tb, err)
	require.Equal(tb, order, fromNative(value))
	var back bench.Order
	require.NoError(tb, back.DecodeAvro(text))
	require.Equal(tb, order, &back)

	var buf []byte
	return map[string]func(){
		"encode/generated":     func() { buf = order.AppendAvro(buf[:0]) },
		"encode/goavro-ready":  func() { buf, _ = codec.BinaryFromNative(buf[:0], ready) },
		"encode/goavro-struct": func() { buf, _ = codec.BinaryFromNative(buf[:0], native(order)) },
		"decode/generated":     func() { _ = back.DecodeAvro(text) },
		"decode/goavro-native": func() { _, _, _ = codec.NativeFromBinary(text) },
		"decode/goavro-struct": func() { v, _, _ := codec.NativeFromBinary(text); fromNative(v) },
	}
}

func BenchmarkCodec(b *testing.B) {
	ops := codecs(b)
	for _, name := range []string{
		"encode/generated", "encode/goavro-ready", "encode/goavro-struct",
		"decode/generated", "decode/goavro-native", "decode/goavro-struct",
	} {
		op := ops[name]
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				op()
			}
		})
	}
}

// BenchmarkRatio times all codecs in turn in the same run and reports how many times faster the generated one is:
// the median over rounds. goavro's map is counted both as ready and as made from, or turned into, the struct.
func BenchmarkRatio(b *testing.B) {
	ops := codecs(b)
	const rounds, calls = 11, 20_000
	took := make(map[string][]float64)
	for b.Loop() {
		for range rounds {
			for name, op := range ops {
				start := time.Now()
				for range calls {
					op()
				}
				took[name] = append(took[name], float64(time.Since(start).Nanoseconds())/calls)
			}
		}
	}
	median := func(name string) float64 {
		slices.Sort(took[name])
		return took[name][len(took[name])/2]
	}
	b.ReportMetric(0, "ns/op")
	for _, way := range []struct{ op, goavro string }{
		{"encode", "ready"}, {"encode", "struct"}, {"decode", "native"}, {"decode", "struct"},
	} {
		ratio := median(way.op+"/goavro-"+way.goavro) / median(way.op+"/generated")
		b.ReportMetric(ratio, way.op+"-x-goavro-"+way.goavro)
		b.Logf("%s: generated %.0f ns, goavro (%s) %.0f ns, %.1f times", way.op, median(way.op+"/generated"),
			way.goavro, median(way.op+"/goavro-"+way.goavro), ratio)
	}
}
