package sentiment

import "strings"

// The numbers of the rules, as the paper found them.
const (
	boostBy   = 0.293
	capitals  = 0.733
	negatedBy = -0.74
	alpha     = 15 // of the normalisation
)

// The words that rules are about.
const (
	boosters = `absolutely amazingly awfully completely considerable considerably decidedly deeply effing enormous
		enormously entirely especially exceptional exceptionally extreme extremely fabulously flipping flippin frackin
		fracking fricking frickin frigging friggin fully fuckin fucking fuggin fugging greatly hella highly hugely
		incredible incredibly intensely major majorly more most particularly purely quite really remarkably so
		substantially thoroughly total totally tremendous tremendously uber unbelievably unusually utter utterly very`
	dampeners = `almost barely hardly kinda kindof kind-of less little marginal marginally occasional occasionally partly
		scarce scarcely slight slightly somewhat sorta sortof sort-of`
	negations = `aint arent cannot cant couldnt darent didnt doesnt ain't aren't can't couldn't daren't didn't doesn't
		dont hadnt hasnt havent isnt mightnt mustnt neither don't hadn't hasn't haven't isn't mightn't mustn't neednt
		needn't never none nope nor not nothing nowhere oughtnt shant shouldnt uhuh wasnt werent oughtn't shan't
		shouldn't uh-uh wasn't weren't without wont wouldnt won't wouldn't rarely seldom despite`
)

// phrases have a valence whatever their words have.
func phrases() map[string]float64 {
	return map[string]float64{
		"the shit": 3, "the bomb": 3, "bad ass": 1.5, "badass": 1.5, "bus stop": 0, "yeah right": -2,
		"kiss of death": -1.5, "to die for": 3, "beating heart": 3.1, "broken heart": -2.9,
	}
}

// addRules notes at the words what rules say of them.
func (m *Model) addRules() {
	for w := range strings.FieldsSeq(boosters) {
		m.change(w, func(w *word) { w.booster, w.boost = true, boostBy })
	}
	for w := range strings.FieldsSeq(dampeners) {
		m.change(w, func(w *word) { w.booster, w.boost = true, -boostBy })
	}
	for w := range strings.FieldsSeq(negations) {
		m.change(w, func(w *word) { w.negates = true })
	}
	m.boosts = map[string]float64{"just enough": -boostBy, "kind of": -boostBy, "sort of": -boostBy}
	for _, table := range []map[string]float64{m.phrases, m.boosts} {
		for text := range table {
			for w := range strings.FieldsSeq(text) {
				m.change(w, func(w *word) { w.phrase = true })
			}
		}
	}
	for text, id := range map[string]wordID{
		"at": wordAt, "but": wordBut, "doubt": wordDoubt, "kind": wordKind, "least": wordLeast, "never": wordNever,
		"no": wordNo, "nor": wordNor, "of": wordOf, "or": wordOr, "so": wordSo, "this": wordThis, "very": wordVery,
		"without": wordWithout,
	} {
		m.change(text, func(w *word) { w.id = id })
	}
}
