package sentiment

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// token is a word of a text, or an emoticon.
type token struct {
	word
	start, end int // in the buffer of lower-case words
	upper      bool
}

// read fills the buffers with the words of a text.
func (m *Model) read(s *scratch, text string) {
	s.text = m.describe(s.text[:0], text)
	s.lower, s.tokens = s.lower[:0], s.tokens[:0]
	b := s.text
	for at := 0; at < len(b); {
		size := space(b[at:])
		if size > 0 {
			at += size
			continue
		}
		end := at
		for end < len(b) && space(b[end:]) == 0 {
			_, n := utf8.DecodeRune(b[end:])
			end += n
		}
		m.token(s, b[at:end])
		at = end
	}
}

// describe writes emoji as the words that describe them, set off from what stands before.
func (m *Model) describe(dst []byte, text string) []byte {
	if len(m.emoji) == 0 || ascii(text) {
		return append(dst, text...)
	}
	spaced := true
	for _, r := range text {
		if words, ok := m.emoji[r]; ok {
			if !spaced {
				dst = append(dst, ' ')
			}
			dst = append(dst, words...)
			spaced = false
			continue
		}
		dst = utf8.AppendRune(dst, r)
		spaced = r == ' '
	}
	return dst
}

func ascii(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// space is the size of the blank that b begins with; 0 where it is none.
func space(b []byte) int {
	switch c := b[0]; {
	case c > ' ' && c < utf8.RuneSelf:
		return 0
	case c == ' ' || c >= 0x09 && c <= 0x0d || c >= 0x1c && c <= 0x1f: // the separators of ASCII are blanks there too
		return 1
	case c < utf8.RuneSelf:
		return 0
	}
	r, size := utf8.DecodeRune(b)
	if unicode.IsSpace(r) {
		return size
	}
	return 0
}

// token takes in one word, without the punctuation around it; with it, where the rest would be two characters or less
// and may be an emoticon.
func (m *Model) token(s *scratch, raw []byte) {
	w := bytes.TrimFunc(raw, punctuation)
	if len(w) <= 2*utf8.UTFMax && utf8.RuneCount(w) <= 2 {
		w = raw
	}
	t := token{start: len(s.lower)}
	cased, small := false, false
	for i := 0; i < len(w); {
		c := w[i]
		if c < utf8.RuneSelf {
			i++
			switch {
			case c >= 'A' && c <= 'Z':
				cased = true
				c += 'a' - 'A'
			case c >= 'a' && c <= 'z':
				cased, small = true, true
			}
			s.lower = append(s.lower, c)
			continue
		}
		r, size := utf8.DecodeRune(w[i:])
		i += size
		switch {
		case unicode.IsUpper(r):
			cased = true
		case unicode.IsLower(r) || unicode.IsTitle(r):
			cased, small = true, true
		}
		s.lower = utf8.AppendRune(s.lower, unicode.ToLower(r))
	}
	t.end = len(s.lower)
	t.upper = cased && !small
	lower := s.lower[t.start:t.end]
	t.word = m.words[string(lower)]
	if !t.negates && bytes.Contains(lower, []byte("n't")) {
		t.negates = true
	}
	s.tokens = append(s.tokens, t)
}

// punctuation is that of ASCII.
func punctuation(r rune) bool {
	return r >= '!' && r <= '/' || r >= ':' && r <= '@' || r >= '[' && r <= '`' || r >= '{' && r <= '~'
}
