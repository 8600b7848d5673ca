package customer

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"meshwork.dev/schemas"
	"meshwork.dev/schemas/customer"
)

// The lengths beyond which text is cut short: nobody's name is longer, and rows must stay small.
const (
	maxText  = 200
	maxEmail = 254 // RFC 5321
	maxItems = 20  // e-mail addresses or phones of one customer
)

// tidy is text without control characters and without blanks at either end, single blanks inside, and not longer than
// maxText bytes.
func tidy(text string) string {
	clean := true
	for i := range len(text) {
		if b := text[i]; b < ' ' || b >= utf8.RuneSelf || b == 0x7f || b == ' ' && (i == 0 || i == len(text)-1 || text[i-1] == ' ') {
			clean = false
			break
		}
	}
	if !clean {
		text = strings.Join(strings.FieldsFunc(text, func(r rune) bool {
			return unicode.IsSpace(r) || unicode.IsControl(r) || r == utf8.RuneError || r == '\u200b' || r == '\ufeff'
		}), " ")
	}
	return cut(text, maxText)
}

// cut shortens text to at most n bytes without breaking a character.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return strings.TrimRight(text[:n], " ")
}

// tidyOpt is tidy for text that may be absent; what is empty then is absent too.
func tidyOpt(o schemas.Opt[string]) schemas.Opt[string] {
	if text := tidy(o.Value); o.Valid && text != "" {
		return schemas.Some(text)
	}
	return schemas.None[string]()
}

// emailOf is the normal form of an e-mail address: the address alone, in lower case. Mail systems could tell the case
// of the part before the @ apart; none of note does. Dots and +tags are left, because their meaning is the provider's.
func emailOf(text string) customer.Email {
	text = tidy(text)
	if at := strings.LastIndexByte(text, '<'); at >= 0 && strings.HasSuffix(text, ">") {
		text = text[at+1 : len(text)-1] // Name <address>
	}
	text = strings.ToLower(strings.TrimSpace(text))
	text = strings.TrimPrefix(text, "mailto:")
	return customer.Email{Address: text, Valid: validEmail(text)}
}

func validEmail(text string) bool {
	local, domain, ok := strings.Cut(text, "@")
	if !ok || local == "" || len(local) > 64 || len(text) > maxEmail {
		return false
	}
	if local[0] == '.' || local[len(local)-1] == '.' || strings.Contains(local, "..") {
		return false
	}
	for _, r := range local {
		switch {
		case r >= utf8.RuneSelf: // internationalised addresses
			if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) {
				return false
			}
		case isAlnum(byte(r)), strings.ContainsRune("!#$%&'*+-/=?^_`{|}~.", r):
		default:
			return false
		}
	}
	return validDomain(domain)
}

func validDomain(domain string) bool {
	labels := 0
	last := ""
	for label := range strings.SplitSeq(domain, ".") {
		labels++
		last = label
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, r := range label {
			ascii := r < utf8.RuneSelf
			if ascii && !isAlnum(byte(r)) && r != '-' || !ascii && !unicode.IsLetter(r) && !unicode.IsMark(r) {
				return false
			}
		}
	}
	return labels > 1 && utf8.RuneCountInString(last) > 1 && (last[0] < '0' || last[0] > '9')
}

func isAlnum(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= '0' && b <= '9' || b >= 'A' && b <= 'Z'
}

// emails are the normal forms of addresses in their order, each once, without empty ones.
func emails(texts []string) []customer.Email {
	var out []customer.Email
	for _, text := range texts {
		e := emailOf(text)
		if e.Address == "" || len(out) == maxItems {
			continue
		}
		seen := false
		for i := range out {
			seen = seen || out[i].Address == e.Address
		}
		if !seen {
			out = append(out, e)
		}
	}
	return out
}

// phoneOf is the normal form of a phone number: + and digits where it is international or its country is known, else
// its digits. Extensions are left out.
func phoneOf(text string, home *country) (string, bool) {
	text = strings.TrimSpace(text)
	if at := strings.IndexFunc(text, func(r rune) bool { return unicode.IsLetter(r) || r == '#' || r == ';' }); at > 0 {
		text = text[:at] // x123, ext. 123
	}
	digits := make([]byte, 0, 16)
	for i := range len(text) {
		if b := text[i]; b >= '0' && b <= '9' {
			digits = append(digits, b)
		}
	}
	number := string(digits)
	switch {
	case strings.HasPrefix(text, "+"):
		number = "+" + number
		if i := strings.Index(text, "(0)"); i > 0 && home != nil { // +44 (0)20 …
			if rest, ok := strings.CutPrefix(number[1:], home.dial+"0"); ok {
				number = "+" + home.dial + rest
			}
		}
	case strings.HasPrefix(number, "00"):
		number = "+" + number[2:]
	case home != nil && number != "":
		if home.trunk != "" {
			number = strings.TrimPrefix(number, home.trunk)
		}
		number = "+" + home.dial + number
	}
	n := len(strings.TrimPrefix(number, "+"))
	return number, n >= 7 && n <= 15 // E.164
}

func phones(raw []customer.RawPhone, home *country) []customer.Phone {
	var out []customer.Phone
	for i := range raw {
		number, valid := phoneOf(raw[i].Number, home)
		if number == "" || len(out) == maxItems {
			continue
		}
		seen := false
		for k := range out {
			seen = seen || out[k].Number == number
		}
		if !seen {
			out = append(out, customer.Phone{Kind: lowerOpt(tidyOpt(raw[i].Kind)), Number: cut(number, 40), Valid: valid})
		}
	}
	return out
}

func lowerOpt(o schemas.Opt[string]) schemas.Opt[string] {
	o.Value = strings.ToLower(o.Value)
	return o
}
