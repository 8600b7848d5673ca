package registry_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/broker"
	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/registry"
)

// BenchmarkServer registers and reads through HTTP on the embedded broker.
func BenchmarkServer(b *testing.B) {
	k, err := kafka.NewClient(kafka.Config{Brokers: []string{broker.New(b).Addr()}})
	require.NoError(b, err)
	defer k.Close()
	s, err := registry.NewServer(b.Context(), k, registry.ServerConfig{})
	require.NoError(b, err)
	i := serve(b, s)
	defer i.stop()
	n := 0
	b.Run("register a new schema", func(b *testing.B) {
		for b.Loop() {
			n++
			_, err := i.client.Register(b.Context(), fmt.Sprintf("s%d-value", n), simple(fmt.Sprintf("R%d", n)))
			require.NoError(b, err)
		}
	})
	b.Run("look a schema up", func(b *testing.B) {
		for b.Loop() {
			_, err := i.client.Lookup(b.Context(), "s1-value", simple("R1"))
			require.NoError(b, err)
		}
	})
	b.Run("read by id", func(b *testing.B) {
		for b.Loop() {
			fresh, err := registry.NewClient([]string{i.url})
			require.NoError(b, err)
			_, err = fresh.SchemaByID(b.Context(), 1)
			require.NoError(b, err)
		}
	})
}
