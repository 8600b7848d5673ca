package gen

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGoName(t *testing.T) {
	for name, want := range map[string]string{
		"orderId": "OrderID", "WRITE_OFF": "WriteOff", "page_url": "PageURL", "id": "ID", "URLPath": "URLPath",
		"idempotenceId": "IdempotenceID", "line1": "Line1", "VIP": "Vip", "isVIP": "IsVip", "a": "A", "_x": "X",
		"customerIds": "CustomerIDs", "OrderCompleted": "OrderCompleted", "_1": "X1", "asOf": "AsOf", "SKU": "SKU",
	} {
		require.Equal(t, want, goName(name), name)
	}
}

func TestComment(t *testing.T) {
	require.Empty(t, comment("", "  "))
	text := comment("\t", strings.Repeat("word ", 60))
	for line := range strings.Lines(text) {
		require.LessOrEqual(t, len(line), 119)
		require.True(t, strings.HasPrefix(line, "\t// word"))
	}
	require.Equal(t, "// a b\n", comment("", "a\n  b"))
}
