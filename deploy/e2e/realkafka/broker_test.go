package realkafka_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"meshwork.dev/deploy/e2e/realkafka"
)

// Both ways of starting a broker are tried where both are possible, so that neither rots.
func TestEveryWayToStart(t *testing.T) {
	for _, from := range []string{"docker", "jvm"} {
		t.Run(from, func(t *testing.T) {
			if !realkafka.Possible(t.Context(), from) {
				t.Skipf("a broker cannot be started by way of %s here", from)
			}
			t.Setenv("MESHWORK_KAFKA_FROM", from)
			b, err := realkafka.Start(t.Context(), realkafka.Versions[0], realkafka.Options{})
			require.NoError(t, err)
			t.Logf("Apache Kafka %s from %s answers at %s", b.Version, b.From, b.Addr)
			require.Equal(t, from, b.From)
			require.NoError(t, b.Stop())
		})
	}
}
