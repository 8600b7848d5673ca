package schemas

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"testing/quick"
)

func joinKey(parts []string) []byte {
	var dst []byte
	for i, p := range parts {
		if i > 0 {
			dst = append(dst, '|')
		}
		dst = AppendKeyPart(dst, p)
	}
	return dst
}

func TestKeyParts(t *testing.T) {
	for _, parts := range [][]string{{"a", "b"}, {"", ""}, {"a|b", `c\d`}, {`\`, `|`, `\|`}, {"ż", "x", ""}} {
		text := joinKey(parts)
		got := make([]string, len(parts))
		if err := SplitKey(text, got); err != nil || !slices.Equal(got, parts) {
			t.Errorf("%q: %q, %v", parts, got, err)
		}
	}
	if got := string(joinKey([]string{"a|b", `c\d`})); got != `a\|b|c\\d` {
		t.Error(got)
	}
}

// TestKeysAreUnambiguous: different parts never make the same key.
func TestKeysAreUnambiguous(t *testing.T) {
	word := func(n uint8) string { return []string{"", "|", `\`, `\|`, `|\`, "a", "a|", `a\`}[n%8] }
	if err := quick.Check(func(a, b, c, d uint8) bool {
		x, y := []string{word(a), word(b)}, []string{word(c), word(d)}
		return slices.Equal(x, y) == bytes.Equal(joinKey(x), joinKey(y))
	}, &quick.Config{MaxCount: 5000}); err != nil {
		t.Error(err)
	}
}

func TestMalformedKeys(t *testing.T) {
	for _, text := range []string{"", "a", "a|b|c", `a\`, `a\x|b`, `a|b\`, "a|b|"} {
		if err := SplitKey([]byte(text), make([]string, 2)); !errors.Is(err, ErrKey) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzSplitKey(f *testing.F) {
	f.Add([]byte(`a\|b|c\\`))
	f.Fuzz(func(t *testing.T, src []byte) {
		parts := make([]string, 3)
		if SplitKey(src, parts) == nil && !bytes.Equal(joinKey(parts), src) {
			t.Fatalf("%q is not the text of %q", src, parts)
		}
	})
}
