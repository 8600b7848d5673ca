package customer

import (
	"testing"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/stream"
	"meshwork.dev/pkg/stream/streamtest"
	"meshwork.dev/schemas/customer"
	"meshwork.dev/schemas/customerint"
)

// The scripts in testdata: events in, rows out. Each folder shows one product. "go test -run Scripts -rewrite" writes
// what comes out anew; read the difference before you keep it.
func TestScripts(t *testing.T) {
	for folder, show := range map[string][]stream.TopicRef{
		"customers":    {customer.CustomerState, customer.AddressChangedEvent},
		"segments":     {customer.CustomerSegmentState},
		"interactions": {customerint.InteractionMadeEvent, customerint.ComplaintHistoryState},
	} {
		t.Run(folder, func(t *testing.T) {
			streamtest.Run(t, "testdata/"+folder, func(t *testing.T) *streamtest.Driver {
				t.Helper()
				return driver(t, streamtest.Show(show...))
			})
		})
	}
}

// driver runs all products of the domain without a broker.
func driver(t *testing.T, args ...any) *streamtest.Driver {
	t.Helper()
	defs, err := Products(DefaultRules())
	require.NoError(t, err)
	args = append(args, streamtest.Partitions(3))
	for _, d := range defs {
		args = append(args, d)
	}
	return streamtest.New(t, args...)
}
