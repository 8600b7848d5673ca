package sentiment

import (
	"bufio"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

//go:embed lexicon.txt
var ownLexicon string

//go:embed emoji.txt
var ownEmoji string

// ErrLexicon is returned for files that are not lexicons.
var ErrLexicon = errors.New("not a sentiment lexicon")

// rulesVersion changes whenever the rules give other scores.
const rulesVersion = "1"

// Model scores texts.
type Model struct {
	words   map[string]word // by lower-case text
	phrases map[string]float64
	boosts  map[string]float64 // boosters of several words
	emoji   map[rune]string
	version string
	scratch sync.Pool
}

// word is what the rules know of a word.
type word struct {
	valence float64
	boost   float64
	id      wordID
	listed  bool // in the lexicon
	booster bool
	negates bool
	phrase  bool // part of a phrase or of a booster of several words
}

// wordID names the words that rules mention one by one.
type wordID uint8

const (
	none wordID = iota
	wordAt
	wordBut
	wordDoubt
	wordKind
	wordLeast
	wordNever
	wordNo
	wordNor
	wordOf
	wordOr
	wordSo
	wordThis
	wordVery
	wordWithout
)

// New makes a model of a lexicon: a line for each word, which is the word, a tab, its valence from −4 to 4, and
// whatever follows after another tab. emoji has a line for each emoji: itself, a tab, words that describe it; nil
// means none.
func New(lexicon, emoji io.Reader) (*Model, error) {
	m := &Model{
		words: make(map[string]word, 8192), phrases: phrases(), boosts: map[string]float64{}, emoji: map[rune]string{},
	}
	m.scratch.New = func() any { return new(scratch) }
	sum := sha256.New()
	err := readTable(io.TeeReader(lexicon, sum), func(key, value string) error {
		v, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil || !(v >= -10 && v <= 10) { // also no number
			return fmt.Errorf("%q has the valence %q: %w", key, value, ErrLexicon)
		}
		m.change(key, func(w *word) { w.valence, w.listed = v, true })
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(m.words) == 0 {
		return nil, fmt.Errorf("no words: %w", ErrLexicon)
	}
	if emoji != nil {
		err := readTable(io.TeeReader(emoji, sum), func(key, value string) error {
			if r, size := utf8.DecodeRuneInString(key); size == len(key) && r >= utf8.RuneSelf {
				m.emoji[r] = value // those of several characters are read character by character
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	m.addRules()
	m.version = "vader-" + rulesVersion + "/" + hex.EncodeToString(sum.Sum(nil)[:4])
	return m, nil
}

// Default is the model with the small lexicon of this package.
func Default() (*Model, error) {
	return New(strings.NewReader(ownLexicon), strings.NewReader(ownEmoji))
}

// Version names the rules and the lexicon: two models of the same version give the same scores.
func (m *Model) Version() string { return m.version }

func (m *Model) change(key string, fn func(*word)) {
	w := m.words[key]
	fn(&w)
	m.words[key] = w
}

// readTable reads lines of fields separated by tabs and gives the first two of each.
func readTable(r io.Reader, take func(key, value string) error) error {
	lines := bufio.NewScanner(r)
	n := 0
	for lines.Scan() {
		n++
		line := strings.TrimSpace(lines.Text())
		if line == "" {
			continue
		}
		key, rest, ok := strings.Cut(line, "\t")
		if !ok || !utf8.ValidString(key) {
			return fmt.Errorf("line %d: no word, tab and value: %w", n, ErrLexicon)
		}
		value, _, _ := strings.Cut(rest, "\t")
		if err := take(key, value); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("line %d: %w", n+1, err)
	}
	return nil
}
