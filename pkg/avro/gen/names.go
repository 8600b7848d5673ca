package gen

import (
	"strings"
	"unicode"
)

// initialisms are words Go writes in capitals.
var initialisms = map[string]string{
	"api": "API", "http": "HTTP", "https": "HTTPS", "id": "ID", "ids": "IDs", "ip": "IP", "json": "JSON",
	"sku": "SKU", "sql": "SQL", "uri": "URI", "url": "URL", "utc": "UTC", "uuid": "UUID", "vat": "VAT",
}

// goName is the exported Go name of an Avro name: orderId → OrderID, WRITE_OFF → WriteOff, page_url → PageURL.
func goName(name string) string {
	var b strings.Builder
	for _, w := range words(name) {
		lower := strings.ToLower(w)
		if s, ok := initialisms[lower]; ok {
			b.WriteString(s)
			continue
		}
		if w == strings.ToUpper(w) {
			w = lower
		}
		b.WriteString(strings.ToUpper(w[:1]) + w[1:])
	}
	s := b.String()
	if s == "" || !unicode.IsLetter(rune(s[0])) {
		s = "X" + s
	}
	return s
}

// words splits at underscores and at humps; a run of capitals is one word, up to the last one before a small letter.
func words(name string) []string {
	var out []string
	for part := range strings.SplitSeq(name, "_") {
		start := 0
		for i := 1; i < len(part); i++ {
			upper, before := isUpper(part[i]), isUpper(part[i-1])
			if upper && !before || upper && i+1 < len(part) && isLower(part[i+1]) {
				out = append(out, part[start:i])
				start = i
			}
		}
		if start < len(part) {
			out = append(out, part[start:])
		}
	}
	return out
}

func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }
func isLower(c byte) bool { return c >= 'a' && c <= 'z' }

// lowerFirst makes an exported name unexported.
func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }

// comment writes text as line comments of at most 118 columns; an empty text gives none.
func comment(indent, text string) string {
	var b strings.Builder
	line := ""
	flush := func() {
		if line != "" {
			b.WriteString(indent + "//" + line + "\n")
			line = ""
		}
	}
	for w := range strings.FieldsSeq(text) {
		if line != "" && len(indent)*4+2+len([]rune(line))+1+len([]rune(w)) > 118 {
			flush()
		}
		line += " " + w
	}
	flush()
	return b.String()
}
