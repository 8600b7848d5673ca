package orderprocessing

import (
	"strings"
	"testing"

	"meshwork.dev/schemas/orderproc"
)

// The whole life cycle, every status against every move: where it leads, or "-" where it is refused.
func TestEveryMoveFromEveryStatus(t *testing.T) {
	table := `
from               | accept   refuse  validate  schedule           complete  book      credit    withdraw
UNKNOWN            | ACCEPTED REFUSED -         -                  -         -         -         -
ACCEPTED           | -        -       VALIDATED -                  -         -         CANCELLED CANCELLED
VALIDATED          | -        -       -         SHIPMENT_SCHEDULED -         COMPLETED -         CANCELLED
SHIPMENT_SCHEDULED | -        -       -         -                  COMPLETED -         -         CANCELLED
COMPLETED          | -        -       -         -                  -         -         -         -
CANCELLED          | -        -       -         -                  -         -         -         -
REFUSED            | ACCEPTED REFUSED -         -                  -         -         -         -
`
	rows := strings.Split(strings.TrimSpace(table), "\n")
	columns := strings.Fields(rows[0])[2:]
	if len(columns) != int(moves) {
		t.Fatalf("the table has %d moves, the life cycle %d", len(columns), moves)
	}
	seen := 0
	for _, row := range rows[1:] {
		cells := strings.Fields(row)
		from, err := orderproc.ParseOrderStatus(cells[0])
		if err != nil {
			t.Fatal(err)
		}
		seen++
		for i, want := range cells[2:] {
			m := move(i)
			if m.String() != columns[i] {
				t.Fatalf("column %d is %s, want %s", i, columns[i], m)
			}
			to, refusal := next(from, m)
			switch {
			case want == "-" && (refusal == "" || to != from):
				t.Errorf("%s from %s leads to %s, want a refusal", m, from, to)
			case want == "-" && strings.Contains(refusal, "%!"):
				t.Errorf("%s from %s: refusal %q", m, from, refusal)
			case want != "-" && (refusal != "" || to.String() != want):
				t.Errorf("%s from %s leads to %s (%s), want %s", m, from, to, refusal, want)
			}
		}
	}
	if _, err := orderproc.ParseOrderStatus("REFUSED"); err != nil || seen != int(orderproc.OrderStatusRefused)+1 {
		t.Errorf("the table has %d statuses, the contract %d", seen, int(orderproc.OrderStatusRefused)+1)
	}
}
