package sentiment

import (
	"bytes"
	"math"
	"strconv"
	"strings"
)

// Score is the mood of a text.
type Score struct {
	// Compound is the mood as one number, from −1, most negative, to 1, most positive; four decimals.
	Compound float64
	// Negative, Neutral and Positive are the shares of the text that are so, three decimals. They add up to about 1; all
	// are 0 for an empty text.
	Negative, Neutral, Positive float64
}

// scratch is what scoring a text needs, kept for the next one.
type scratch struct {
	text     []byte // with emoji in words
	lower    []byte // all words in lower case
	tokens   []token
	valences []float64
	phrase   []byte
	digits   []byte
}

// Score scores a text.
func (m *Model) Score(text string) Score {
	s, _ := m.scratch.Get().(*scratch)
	defer m.scratch.Put(s)
	m.read(s, text)
	if len(s.tokens) == 0 {
		return Score{}
	}
	mixed := s.mixedCase()
	s.valences = s.valences[:0]
	but := -1
	for i := range s.tokens {
		t := &s.tokens[i]
		if t.id == wordBut && but < 0 {
			but = i
		}
		v := 0.0
		kindOf := t.id == wordKind && i+1 < len(s.tokens) && s.tokens[i+1].id == wordOf
		if t.listed && !t.booster && !kindOf {
			v = m.valence(s, i, mixed)
		}
		s.valences = append(s.valences, v)
	}
	if but >= 0 {
		weigh(s.valences, but)
	}
	return s.sum()
}

// mixedCase tells whether some words are in capitals and some are not; only then capitals mean something.
func (s *scratch) mixedCase() bool {
	n := 0
	for i := range s.tokens {
		if s.tokens[i].upper {
			n++
		}
	}
	return n > 0 && n < len(s.tokens)
}

// valence is that of a listed word among its neighbours.
func (m *Model) valence(s *scratch, i int, mixed bool) float64 {
	ts := s.tokens
	t := &ts[i]
	v := t.valence
	if t.id == wordNo && i+1 < len(ts) && ts[i+1].listed {
		v = 0 // it negates the next word and says nothing by itself
	}
	if i > 0 && ts[i-1].id == wordNo || i > 1 && ts[i-2].id == wordNo ||
		i > 2 && ts[i-3].id == wordNo && (ts[i-1].id == wordOr || ts[i-1].id == wordNor) {
		v = float64(t.valence * negatedBy)
	}
	if t.upper && mixed {
		v = away(v, capitals)
	}
	for back := 1; back <= 3 && back <= i; back++ {
		before := &ts[i-back]
		if before.listed {
			continue
		}
		b := boost(before, v, mixed)
		switch back {
		case 2:
			b = float64(b * 0.95)
		case 3:
			b = float64(b * 0.9)
		}
		v = negate(ts, i, back, v+b)
		if back == 3 {
			v = m.phrased(s, i, v)
		}
	}
	if i > 0 && ts[i-1].id == wordLeast && !ts[i-1].listed {
		if i == 1 || ts[i-2].id != wordAt && ts[i-2].id != wordVery {
			v = float64(v * negatedBy)
		}
	}
	return v
}

// away moves a number away from 0; 0 itself downwards, as the reference does.
func away(v, by float64) float64 {
	if v > 0 {
		return v + by
	}
	return v - by
}

// boost is what a word before adds to a valence.
func boost(before *token, v float64, mixed bool) float64 {
	if !before.booster {
		return 0
	}
	b := before.boost
	if v < 0 {
		b = -b
	}
	if before.upper && mixed {
		if v > 0 {
			b += capitals
		} else {
			b -= capitals
		}
	}
	return b
}

// negate is a valence after the word that stands so many places before it.
func negate(ts []token, i, back int, v float64) float64 {
	soOrThis := func(t *token) bool { return t.id == wordSo || t.id == wordThis }
	first := &ts[i-back]
	switch back {
	case 2:
		switch {
		case first.id == wordNever && soOrThis(&ts[i-1]):
			return float64(v * 1.25)
		case first.id == wordWithout && ts[i-1].id == wordDoubt:
			return v
		}
	case 3:
		switch {
		// "so" or "this" right before the word counts without a "never" too: so the reference answers.
		case first.id == wordNever && soOrThis(&ts[i-2]) || soOrThis(&ts[i-1]):
			return float64(v * 1.25)
		case first.id == wordWithout && (ts[i-2].id == wordDoubt || ts[i-1].id == wordDoubt):
			return v
		}
	}
	if first.negates {
		return float64(v * negatedBy)
	}
	return v
}

// phrased is a valence after a look at the phrases a word with three words before it may be part of.
func (m *Model) phrased(s *scratch, i int, v float64) float64 {
	for _, span := range [...][2]int{{i - 1, i}, {i - 2, i}, {i - 2, i - 1}, {i - 3, i - 1}, {i - 3, i - 2}} {
		if p, ok := s.find(m.phrases, span[0], span[1]); ok {
			v = p
			break
		}
	}
	for last := i + 1; last <= i+2 && last < len(s.tokens); last++ {
		if p, ok := s.find(m.phrases, i, last); ok {
			v = p
		}
	}
	for _, span := range [...][2]int{{i - 3, i - 1}, {i - 3, i - 2}, {i - 2, i - 1}} {
		if b, ok := s.find(m.boosts, span[0], span[1]); ok {
			v += b
		}
	}
	return v
}

// find looks the words from first to last up as one.
func (s *scratch) find(table map[string]float64, first, last int) (float64, bool) {
	for i := first; i <= last; i++ {
		if !s.tokens[i].phrase {
			return 0, false
		}
	}
	s.phrase = s.phrase[:0]
	for i := first; i <= last; i++ {
		if i > first {
			s.phrase = append(s.phrase, ' ')
		}
		s.phrase = append(s.phrase, s.lower[s.tokens[i].start:s.tokens[i].end]...)
	}
	v, ok := table[string(s.phrase)]
	return v, ok
}

// weigh halves what stands before "but" and raises what stands after it. The reference finds the place of a valence by
// its value, so equal ones before it are changed in its stead, again and again; scores are only the same when this is
// done alike.
func weigh(vs []float64, but int) {
	for k := range vs {
		v := vs[k]
		for at := range vs {
			if vs[at] != v {
				continue
			}
			if at < but {
				vs[at] = float64(v * 0.5)
			} else if at > but {
				vs[at] = float64(v * 1.5)
			}
			break
		}
	}
}

// sum makes the score of all valences.
func (s *scratch) sum() Score {
	var total, positive, negative float64
	neutral := 0
	for _, v := range s.valences {
		total += v
		switch {
		case v > 0:
			positive += v + 1 // so that a neutral word weighs as much as a weak one
		case v < 0:
			negative += v - 1
		default:
			neutral++
		}
	}
	mark := emphasis(s.text)
	if total > 0 {
		total += mark
	} else if total < 0 {
		total -= mark
	}
	compound := total / math.Sqrt(float64(total*total)+alpha)
	if positive > -negative {
		positive += mark
	} else if positive < -negative {
		negative -= mark
	}
	all := positive - negative + float64(neutral)
	return Score{
		Compound: s.round(max(-1, min(1, compound)), 4),
		Negative: s.round(-negative/all, 3), Neutral: s.round(float64(neutral)/all, 3), Positive: s.round(positive/all, 3),
	}
}

// emphasis is what exclamation and question marks add.
func emphasis(text []byte) float64 {
	e := float64(float64(min(bytes.Count(text, []byte("!")), 4)) * 0.292)
	switch n := bytes.Count(text, []byte("?")); {
	case n > 3:
		e += 0.96
	case n > 1:
		e += float64(float64(n) * 0.18)
	}
	return e
}

// round rounds the exact value of v half to even.
func (s *scratch) round(v float64, decimals int) float64 {
	s.digits = strconv.AppendFloat(s.digits[:0], v, 'f', decimals, 64)
	r, _ := strconv.ParseFloat(string(s.digits), 64)
	if r == 0 {
		return 0 // never −0
	}
	return r
}

// Text joins a headline and a text for scoring; either may be empty.
func Text(title, text string) string {
	title, text = strings.TrimSpace(title), strings.TrimSpace(text)
	switch {
	case title == "":
		return text
	case text == "":
		return title
	case strings.ContainsAny(title[len(title)-1:], ".!?"):
		return title + " " + text
	}
	return title + ". " + text
}
