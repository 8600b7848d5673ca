package gen_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/avro/gen"
)

// TestTreeIsFresh: the generated Go in the tree is that of the contracts in the tree.
func TestTreeIsFresh(t *testing.T) {
	_, err := gen.Run(schemasDir, true)
	require.NoError(t, err)
}

const contract = `apiVersion: v3.1.0
kind: DataContract
id: urn:x
version: 1.0.0
status: active
domain: shop
schema:
  - name: Cart
    physicalName: pub.ecomm.shop.cart.state.v1
    customProperties:
      - {property: kafkaKey, value: [visitorId]}
`

func record(fields string) string {
	return `{"type":"record","name":"Cart","namespace":"x","fields":[{"name":"visitorId","type":"string"}` + fields + `]}`
}

// mesh is one folder with the files, next to a contract for cart.state.v1.avsc.
func mesh(files map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{"shop/cart.state.v1.odcs.yaml": {Data: []byte(contract)}}
	for name, text := range files {
		fsys["shop/"+name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

// TestFaults: what cannot be generated is an error that names the file and the place in it.
func TestFaults(t *testing.T) {
	cart := func(fields string) map[string]string { return map[string]string{"cart.state.v1.avsc": record(fields)} }
	with := func(text string) map[string]string {
		return map[string]string{"cart.state.v1.avsc": record(""), "cart.state.v1.odcs.yaml": text}
	}
	for name, c := range map[string]struct {
		files map[string]string
		want  []string
	}{
		"not Avro":     {map[string]string{"a.avsc": `{"type":"what"}`}, []string{"shop/a.avsc", `unknown type "what"`}},
		"not a record": {map[string]string{"a.avsc": `"string"`}, []string{"shop/a.avsc", "is a record"}},
		"recursion":    {cart(`,{"name":"next","type":["null","Cart"],"default":null}`), []string{"shop/cart.state.v1.avsc", "x.Cart.next", "holds itself"}},
		"logical type": {cart(`,{"name":"a","type":{"type":"string","logicalType":"money"}}`), []string{"x.Cart.a", `"money" is unknown`}},
		"big decimal":  {cart(`,{"name":"a","type":{"type":"bytes","logicalType":"decimal","precision":20}}`), []string{"x.Cart.a", "at most 18 digits"}},
		"small fixed":  {cart(`,{"name":"a","type":{"type":"fixed","name":"F","size":4,"logicalType":"decimal","precision":8}}`), []string{"x.Cart.a", "8 to 64 bytes"}},
		"field names":  {cart(`,{"name":"visitor_id","type":"string"}`), []string{"visitor_id", "VisitorID is also that of visitorId"}},
		"method names": {cart(`,{"name":"appendAvro","type":"string"}`), []string{"AppendAvro is also that of a method"}},
		"symbol names": {cart(`,{"name":"a","type":{"type":"enum","name":"E","symbols":["a_b","A_B"]}}`), []string{"x.Cart.a", "Go name AB"}},
		"branch names": {cart(`,{"name":"a","type":["int",{"type":"record","name":"Int","fields":[]}]}`), []string{"x.Cart.a", "Go name Int is taken"}},
		"type names":   {cart(`,{"name":"a","type":{"type":"record","name":"y.cart","fields":[]}}`), []string{"x.Cart.a", "Go name Cart is also that of x.Cart"}},
		"topic names":  {cart(`,{"name":"a","type":{"type":"record","name":"CartState","fields":[]}}`), []string{"CartState is also that of"}},
		"not the same": {map[string]string{"a.avsc": record(""), "cart.state.v1.avsc": record(`,{"name":"b","type":"int"}`)}, []string{"shop/cart.state.v1.avsc", "Cart is not what it is in shop/a.avsc"}},
		"no key":       {with(strings.ReplaceAll(contract, "kafkaKey", "kafkaQuay")), []string{"shop/cart.state.v1.odcs.yaml", "kafkaKey: missing"}},
		"unknown key":  {with(strings.ReplaceAll(contract, "[visitorId]", "[visitorId, a.b]")), []string{"kafkaKey", "x.Cart has no field a.b"}},
		"key twice":    {with(strings.ReplaceAll(contract, "[visitorId]", "[visitorId, visitorId]")), []string{"visitorId is named twice"}},
		"topic name":   {with(strings.ReplaceAll(contract, "pub.ecomm", "public.ecommerce")), []string{"schema[0].physicalName", "not a topic name"}},
		"wrong kind":   {with(contract + "      - {property: kind, value: event}\n"), []string{"customProperties.kind", "event"}},
		"partitions":   {with(contract + "      - {property: partitions, value: -1}\n"), []string{"customProperties.partitions", "-1"}},
		"cleanup":      {with(contract + "      - {property: cleanupPolicy, value: keep}\n"), []string{"customProperties.cleanupPolicy", "keep"}},
		"retention":    {with(contract + "      - {property: retention, value: 7 days}\n"), []string{"customProperties.retention", "7 days"}},
		"not YAML":     {with("a: ["), []string{"shop/cart.state.v1.odcs.yaml"}},
	} {
		_, err := gen.Generate(mesh(c.files), "example.test/contracts")
		require.Error(t, err, name)
		for _, want := range c.want {
			require.ErrorContains(t, err, want, name)
		}
	}
	_, err := gen.Generate(mesh(cart(`,{"name":"a","type":["null","string"],"default":null}`)), "example.test/contracts")
	require.NoError(t, err)
	key := strings.ReplaceAll(contract, "[visitorId]", "[visitorId, a]")
	_, err = gen.Generate(mesh(map[string]string{"cart.state.v1.avsc": record(`,{"name":"a","type":["null","string"],"default":null}`), "cart.state.v1.odcs.yaml": key}), "example.test/contracts")
	require.ErrorContains(t, err, "that are always there")
}

// TestSharedKeyType: topics that name one key type share it, and must then have the same key fields.
func TestSharedKeyType(t *testing.T) {
	shared := contract + "      - {property: kafkaKeyType, value: VisitorKey}\n"
	event := strings.NewReplacer("cart.state", "cart-seen.event", "urn:x", "urn:y").Replace(shared) + "      - {property: retention, value: P1D}\n"
	seen := strings.ReplaceAll(record(""), `"Cart"`, `"CartSeen"`)
	files := map[string]string{
		"cart.state.v1.avsc": record(""), "cart.state.v1.odcs.yaml": shared,
		"cart-seen.event.v1.avsc": seen, "cart-seen.event.v1.odcs.yaml": event,
	}
	out, err := gen.Generate(mesh(files), "example.test/contracts")
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(out["shop/gen.go"]), "type VisitorKey struct"))
	require.Contains(t, string(out["all/gen.go"]), `"example.test/contracts/shop"`)
	files["cart-seen.event.v1.avsc"] = strings.ReplaceAll(seen, `"string"`, `"long"`)
	_, err = gen.Generate(mesh(files), "example.test/contracts")
	require.ErrorContains(t, err, "VisitorKey has other fields")
}

func TestRunChecksAndCleans(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		name = filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		require.NoError(t, os.WriteFile(name, []byte(text), 0o644))
	}
	_, err := gen.Run(dir, false)
	require.ErrorContains(t, err, "go.mod")
	write("go.mod", "module example.test/contracts\n")
	write("shop/cart.state.v1.avsc", record(""))
	write("shop/cart.state.v1.odcs.yaml", contract)

	stale, err := gen.Run(dir, true)
	require.ErrorIs(t, err, gen.ErrStale)
	require.Equal(t, []string{"all/gen.go", "shop/gen.go"}, stale)
	require.NoFileExists(t, filepath.Join(dir, "shop", "gen.go"), "a check changes nothing")
	wrote, err := gen.Run(dir, false)
	require.NoError(t, err)
	require.Equal(t, stale, wrote)
	for _, check := range []bool{true, false} {
		wrote, err = gen.Run(dir, check)
		require.NoError(t, err)
		require.Empty(t, wrote)
	}

	write("shop/cart.state.v1.avsc", record(`,{"name":"more","type":"int"}`))
	stale, err = gen.Run(dir, true)
	require.ErrorContains(t, err, "shop/gen.go")
	require.Equal(t, []string{"shop/gen.go"}, stale)

	write("hand/gen.go", "package hand\n") // not ours
	write("gone/gen.go", gen.Header+"\n\npackage gone\n")
	wrote, err = gen.Run(dir, false)
	require.NoError(t, err)
	require.Equal(t, []string{"gone/gen.go", "shop/gen.go"}, wrote)
	require.NoFileExists(t, filepath.Join(dir, "gone", "gen.go"))
	require.FileExists(t, filepath.Join(dir, "hand", "gen.go"))
}
