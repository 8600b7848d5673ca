package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/stream"
)

// A mesh of many products is a line for each service; what needs to be looked at stands below it, and no more than that.
func TestSummaryIsALineForEachService(t *testing.T) {
	many := make([]productSummary, 9)
	for i := range many {
		many[i] = productSummary{Name: string(rune('a' + i)), State: stream.Running, Published: 1000, PublishedRate: 10, Keys: 1000, Lag: 20_000}
	}
	many[8] = productSummary{Name: "broken", State: stream.Stopped, Error: "no space left"}
	m := &summary{At: time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC), Sent: 1_234_567, SentRate: 99.6, Services: []serviceSummary{
		{Service: "eshop", Products: many},
		{Service: "product", Products: []productSummary{{Name: "product", State: stream.CaughtUp, Published: 5}}},
		{Service: "idle"},
	}}
	require.Equal(t, strings.TrimPrefix(`
08:00:00  products              published  per second   keys      lag
eshop     8 running, 1 stopped      8,000          80  8,000  160,000
  broken stopped: no space left
  a has 20,000 before it
  b has 20,000 before it
  and 6 more
product   1 caught up                   5           0      0        0
all       1,234,567 in (100/s)      8,005          80  8,000  160,000
`, "\n"), m.text())
	require.Equal(t, 10, m.products())
}
