package customer

import (
	_ "embed"
	"fmt"
	"strings"
	"unicode"
)

//go:embed countries.txt
var countryText string

// country is what the service knows of a country.
type country struct {
	code   string
	dial   string   // dialling code
	trunk  string   // what national numbers begin with and international ones leave out
	postal []string // forms of postal codes
	// noPostal says that the country uses no postal codes, unknownPostal that their form is not known here.
	noPostal, unknownPostal bool
}

// countries finds countries by code or name. It is immutable.
type countries struct{ by map[string]*country }

// readCountries reads the table of countries. An error is a mistake in the table.
func readCountries(text string) (*countries, error) {
	out := &countries{by: make(map[string]*country, 1024)}
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		part := strings.Split(line, ";")
		if len(part) != 5 || len(part[0]) != 2 {
			return nil, fmt.Errorf("countries, line %d: not code;dial;trunk;postal;names", n)
		}
		c := &country{code: part[0], dial: part[1], trunk: part[2]}
		switch part[3] {
		case "-":
			c.noPostal = true
		case "?":
			c.unknownPostal = true
		default:
			c.postal = strings.Split(part[3], "/")
		}
		for name := range strings.SplitSeq(part[0]+"|"+part[4], "|") {
			key := countryKey(name)
			if was := out.by[key]; was != nil && was != c {
				return nil, fmt.Errorf("countries, line %d: %q is also %s", n, name, was.code)
			}
			out.by[key] = c
		}
	}
	return out, nil
}

// find is the country of a name or code in any case and spacing; nil where none is known.
func (cs *countries) find(text string) *country {
	if c := cs.by[text]; c != nil { // a code, as most are
		return c
	}
	return cs.by[countryKey(text)]
}

// countryKey reduces a name to its letters, in upper case.
func countryKey(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) {
			return unicode.ToUpper(r)
		}
		return -1
	}, name)
}

// postalCode is a postal code in the form of the country, if it has one of its forms. Blanks and hyphens may be left
// out or added by whoever typed it.
func (c *country) postalCode(text string) (string, bool) {
	for _, form := range c.postal {
		if code, ok := fitPostal(form, text); ok {
			return code, true
		}
	}
	return text, false
}

func fitPostal(form, text string) (string, bool) {
	out := make([]byte, 0, len(form))
	at := 0
	for i := range len(form) {
		f := form[i]
		for at < len(text) && (text[at] == ' ' || text[at] == '-') {
			at++
		}
		if f == ' ' || f == '-' {
			out = append(out, f)
			continue
		}
		if at == len(text) {
			return "", false
		}
		b := text[at]
		switch {
		case f == '9' && b >= '0' && b <= '9', f == 'A' && b >= 'A' && b <= 'Z', f == b:
			out = append(out, b)
			at++
		default:
			return "", false
		}
	}
	return string(out), strings.Trim(text[at:], " -") == ""
}
