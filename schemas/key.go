package schemas

import (
	"errors"
	"fmt"
	"strings"
)

// ErrKey is returned for the text of a record key that does not have the form its contract gives it.
var ErrKey = errors.New("malformed record key")

// AppendKeyPart appends one text of a key of several fields; | and \ in it are escaped by \, so that different
// fields never make the same key.
func AppendKeyPart(dst []byte, part string) []byte {
	if strings.IndexByte(part, '|') < 0 && strings.IndexByte(part, '\\') < 0 {
		return append(dst, part...)
	}
	for i := range len(part) {
		if part[i] == '|' || part[i] == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, part[i])
	}
	return dst
}

// SplitKey takes the text of a key of several fields apart. It fills parts exactly; fewer or more in the text are
// an error.
func SplitKey(src []byte, parts []string) error {
	text := string(src)
	n, start, escaped := 0, 0, false
	for i := 0; i <= len(text); i++ {
		switch {
		case i == len(text) || text[i] == '|':
			if n == len(parts) {
				return fmt.Errorf("%w: %q has more than %d parts", ErrKey, text, len(parts))
			}
			parts[n] = text[start:i]
			if escaped {
				parts[n] = unescapeKey(parts[n])
			}
			n, start, escaped = n+1, i+1, false
		case text[i] == '\\':
			if i++; i == len(text) || text[i] != '|' && text[i] != '\\' {
				return fmt.Errorf("%w: %q has a \\ that escapes nothing", ErrKey, text)
			}
			escaped = true
		}
	}
	if n < len(parts) {
		return fmt.Errorf("%w: %q has %d parts, not %d", ErrKey, text, n, len(parts))
	}
	return nil
}

func unescapeKey(part string) string {
	b := make([]byte, 0, len(part))
	for i := 0; i < len(part); i++ {
		if part[i] == '\\' {
			i++
		}
		b = append(b, part[i])
	}
	return string(b)
}
