package eshop

import (
	"net/url"
	"strings"
)

// isURL says whether an address can be cleaned: http, https or a path of the shop, without blanks inside.
func isURL(s string) bool {
	s = strings.TrimSpace(s)
	if s == "" || len(s) > maxURL {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] == 0x7f {
			return false
		}
	}
	if s[0] == '/' {
		return true
	}
	i := strings.Index(s, "://")
	if i < 0 || !strings.EqualFold(s[:i], "http") && !strings.EqualFold(s[:i], "https") {
		return false
	}
	_, host, _, _ := split(s)
	return host != ""
}

// split cuts an address into scheme with "://", host, path and query, without fragment and user.
func split(s string) (scheme, host, path, query string) {
	if i := strings.IndexByte(s, '#'); i >= 0 {
		s = s[:i]
	}
	if s, query, _ = strings.Cut(s, "?"); s == "" || s[0] == '/' && !strings.HasPrefix(s, "//") {
		return "", "", s, query
	}
	if i := strings.Index(s, "//"); i >= 0 {
		scheme, s = s[:i+2], s[i+2:]
	}
	host = s
	if i := strings.IndexByte(s, '/'); i >= 0 {
		host, path = s[:i], s[i:]
	}
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		host = host[i+1:]
	}
	return scheme, host, path, query
}

// cleanURL tidies an address that isURL takes: scheme and host in lower case, no user, no port that goes without
// saying, no fragment, no session in the path, and none of the parameters that follow people around or let others in.
// Cleaning twice changes nothing.
func cleanURL(s string) string {
	s = strings.TrimSpace(s)
	scheme, host, path, query := split(s)
	scheme, host = strings.ToLower(scheme), strings.ToLower(host)
	switch scheme {
	case "http://":
		host = strings.TrimSuffix(host, ":80")
	case "https://":
		host = strings.TrimSuffix(host, ":443")
	}
	path = cleanPath(path)
	query = cleanQuery(query)
	if same(s, scheme, host, path, query) {
		return s // as it was: nothing to build
	}
	if query == "" {
		return scheme + host + path
	}
	return scheme + host + path + "?" + query
}

// same says whether an address is made of these parts already.
func same(s, scheme, host, path, query string) bool {
	for _, part := range [...]string{scheme, host, path} {
		if !strings.HasPrefix(s, part) {
			return false
		}
		s = s[len(part):]
	}
	return s == "" && query == "" || len(s) > 1 && s[0] == '?' && s[1:] == query
}

// cleanPath takes parameters such as ;jsessionid=… off the segments of a path.
func cleanPath(p string) string {
	if p == "" {
		return "/"
	}
	if strings.IndexByte(p, ';') < 0 {
		return oneSlash(p)
	}
	var b strings.Builder
	for len(p) > 0 {
		i := strings.IndexByte(p, ';')
		if i < 0 {
			i = len(p)
		}
		b.WriteString(p[:i])
		if p = p[i:]; p != "" {
			i = strings.IndexByte(p, '/')
			if i < 0 {
				break
			}
			p = p[i:]
		}
	}
	return oneSlash(b.String())
}

// oneSlash keeps what begins with several slashes from reading as a host.
func oneSlash(p string) string {
	if strings.HasPrefix(p, "//") {
		return "/" + strings.TrimLeft(p, "/")
	}
	return p
}

// cleanQuery leaves out what is unwanted, and keeps the order of the rest.
func cleanQuery(q string) string {
	if q == "" {
		return ""
	}
	drop := false
	for p := range strings.SplitSeq(q, "&") {
		if p == "" || unwanted(p) {
			drop = true
			break
		}
	}
	if !drop {
		return q
	}
	b := make([]byte, 0, len(q))
	for p := range strings.SplitSeq(q, "&") {
		if p == "" || unwanted(p) {
			continue
		}
		if len(b) > 0 {
			b = append(b, '&')
		}
		b = append(b, p...)
	}
	return string(b)
}

// unwanted says whether a parameter marks where somebody came from, lets somebody in, or tells who somebody is.
func unwanted(param string) bool {
	name, _, _ := strings.Cut(param, "=")
	if strings.ContainsAny(name, "%+") {
		if plain, err := url.QueryUnescape(name); err == nil {
			name = plain
		}
	}
	var buf [24]byte
	if len(name) == 0 || len(name) > len(buf) {
		return len(name) > 0 && strings.HasPrefix(strings.ToLower(name), "utm_")
	}
	low := buf[:len(name)]
	for i := range len(name) {
		c := name[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c == '-' {
			c = '_'
		}
		low[i] = c
	}
	switch string(low) {
	case "gclid", "gclsrc", "dclid", "gbraid", "wbraid", "fbclid", "msclkid", "yclid", "ttclid", "twclid", "igshid",
		"li_fat_id", "mc_cid", "mc_eid", "_ga", "_gl", "_hsenc", "_hsmi", "mkt_tok", "vero_id", "oly_enc_id",
		"oly_anon_id", "wickedid", "s_kwcid", "ef_id",
		"token", "access_token", "id_token", "refresh_token", "csrf", "csrf_token", "xsrf_token", "auth",
		"authorization", "api_key", "apikey", "password", "passwd", "passwort", "pass", "pwd", "secret",
		"client_secret", "session", "sessionid", "session_id", "sid", "jsessionid", "phpsessid", "aspsessionid",
		"signature", "sig", "otp", "pin", "jwt",
		"email", "e_mail", "mail", "phone", "tel", "card", "cardnumber", "card_number", "cvv", "cvc", "iban", "ssn":
		return true
	}
	return strings.HasPrefix(string(low), "utm_")
}

// cleanTerm unifies what was searched for: lower case, one blank between words.
func cleanTerm(s string) string {
	clean := true
	for i := range len(s) {
		c := s[i]
		if c >= 0x80 || c < ' ' || 'A' <= c && c <= 'Z' || c == ' ' && (i == 0 || i == len(s)-1 || s[i-1] == ' ') {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	return strings.ToLower(strings.Join(strings.Fields(s), " "))
}

// isRobot says whether a user agent admits to being a program that nobody looks at.
func isRobot(agent string) bool {
	for i := range len(agent) {
		switch s := agent[i:]; s[0] | 0x20 { // most letters of an agent cost one comparison
		case 'b':
			if begins(s, "bot") && endsWord(s[3:]) && !endsIn(agent[:i], "cu") || begins(s, "bingpreview") {
				return true // a Cubot is a telephone
			}
		case 'c':
			if begins(s, "crawl") || begins(s, "curl/") {
				return true
			}
		case 'f':
			if begins(s, "facebookexternalhit") {
				return true
			}
		case 'g':
			if begins(s, "go-http-client") || begins(s, "google-read-aloud") {
				return true
			}
		case 'h':
			if begins(s, "headless") || begins(s, "httpclient") || begins(s, "http-client") {
				return true
			}
		case 'j':
			if begins(s, "java/") {
				return true
			}
		case 'm':
			if begins(s, "mediapartners") {
				return true
			}
		case 'p':
			if begins(s, "python-") || begins(s, "phantomjs") || begins(s, "playwright") || begins(s, "puppeteer") {
				return true
			}
		case 's':
			if begins(s, "spider") || begins(s, "slurp") || begins(s, "scrapy") {
				return true
			}
		case 'w':
			if begins(s, "wget/") {
				return true
			}
		}
	}
	return false
}

func begins(s, word string) bool {
	return len(s) >= len(word) && strings.EqualFold(s[:len(word)], word)
}

func endsIn(s, word string) bool {
	return len(s) >= len(word) && strings.EqualFold(s[len(s)-len(word):], word)
}

// endsWord says whether a word ends where rest begins.
func endsWord(rest string) bool {
	return rest == "" || rest[0]|0x20 < 'a' || rest[0]|0x20 > 'z'
}
