package cli

import (
	"context"
	"fmt"
	"strings"

	"meshwork.dev/services/meshwork/internal/drift"
)

// reconcile brings the registry up to the contracts, which harms nothing, and says what else differs. Topics that are
// missing the products create.
func (u *up) reconcile(ctx context.Context) error {
	want, err := u.app.expected(u.cmd.Only) //nolint:contextcheck // requests and the stop have contexts of their own
	if err != nil {
		return err
	}
	differences, err := want.CheckTopics(ctx, drift.Mesh{Kafka: u.platform.Kafka, Registry: u.platform.Registry})
	if err != nil {
		return fmt.Errorf("comparing the mesh with its descriptors: %w", err)
	}
	var harmless []drift.Difference
	kept, other := 0, 0
	for _, d := range differences {
		switch {
		case d.Kind == drift.Unregistered, d.Kind == drift.Compatibility:
			harmless = append(harmless, d)
		case d.Kind == drift.Missing:
		case d.Kind == drift.Setting && strings.HasSuffix(d.Have, "retention.ms=-1"):
			kept++
		default:
			other++
		}
	}
	if _, err := drift.Apply(ctx, harmless); err != nil {
		return fmt.Errorf("registering the contracts: %w", err)
	}
	if kept > 0 && u.cmd.Replay == "" {
		fmt.Fprintf(u.app.err, "%d topics keep their records for ever, as a replay had them do: meshwork topics --apply gives them back the retention of their contracts\n", kept)
	}
	if other > 0 {
		fmt.Fprintf(u.app.err, "%d things differ from the descriptors: meshwork topics --check shows them\n", other)
	}
	return nil
}
