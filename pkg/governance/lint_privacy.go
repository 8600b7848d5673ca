package governance

import (
	"regexp"
	"slices"
	"strings"
)

// classifications are the words for how sensitive a field is.
var classifications = []string{"public", "internal", "confidential", "restricted", "secret", "pii", "pii.low", "pii.moderate", "pii.high"}

// HighlySensitive reports whether a classification keeps a field out of public ports unless it is encrypted.
func HighlySensitive(classification string) bool {
	return classification == "pii.high" || classification == "restricted" || classification == "secret"
}

// sensitiveName matches fields that are highly sensitive whatever they are classified as.
var sensitiveName = regexp.MustCompile(`(?i)(card_?(number|no)$|^pan$|cvv|cvc|passw|secret|approval_?code|^ssn$|social_?security|^iban$)`)

// The answers to what personal data a contract or port holds, weakest first.
const (
	gdprNo      = iota // none, and nothing it is made from has any
	gdprDerived        // made from personal data, holds none itself
	gdprYes            // holds personal data
)

var gdprWords = [...]string{"no", "derived", "yes"}

// personal derives the answer for a contract from its fields and, along lineage, from what it is made from.
func (l *linter) personal(c *Contract, open []*Contract) int {
	if slices.Contains(open, c) {
		return gdprNo // a cycle adds nothing that its other members do not
	}
	open = append(open, c)
	answer := gdprNo
	raise := func(source *Contract) {
		if answer == gdprNo && source != nil && l.personal(source, open) > gdprNo {
			answer = gdprDerived
		}
	}
	c.Walk(func(_ string, p *Property) {
		if Personal(p.Classification) {
			answer = gdprYes
		}
	})
	c.Walk(func(_ string, p *Property) {
		for _, s := range p.TransformSourceObjects {
			topic, _, _ := strings.Cut(s, "/")
			raise(l.byTopic[topic])
		}
	})
	if _, o := l.m.Offering(c.ID); o != nil {
		for _, in := range o.InputContracts {
			raise(l.byID[in.ID])
		}
	}
	return answer
}

// privacy checks R5. A port that says 'derived' leaves the answer to lineage, which must then find personal data.
func (l *linter) privacy() {
	for _, p := range l.m.Products {
		strongest := gdprNo
		for i := range p.Outputs {
			o := &p.Outputs[i]
			answer := gdprNo
			if c := l.byID[o.ContractID]; c != nil {
				answer = l.personal(c, nil)
			} else {
				for _, in := range o.InputContracts { // a view holds what its inputs hold
					if c := l.byID[in.ID]; c != nil {
						answer = max(answer, l.personal(c, nil))
					}
				}
			}
			strongest = max(strongest, answer)
			canvas, err := o.Canvas()
			if err == nil && !gdprAgrees(canvas.GDPR, answer) {
				l.add("R5", p.File, portPath(o, ".canvas.gdpr"), "write "+gdprWords[answer]+", or correct the classification of the fields", "%q, but the fields and their lineage say %s", canvas.GDPR, gdprWords[answer])
			}
		}
		if flag, ok := p.Custom.Get("gdpr"); ok {
			if text, isText := flag.(string); !isText || !gdprAgrees(text, strongest) {
				l.add("R5", p.File, "customProperties.gdpr", "write "+gdprWords[strongest], "%q, but its ports say %s", flag, gdprWords[strongest])
			}
		}
	}
	for _, c := range l.m.Contracts {
		c.Walk(func(at string, p *Property) {
			leaf := len(p.Properties) == 0 && p.Items == nil
			if leaf && !slices.Contains(classifications, p.Classification) {
				l.add("R5", c.File, "schema[0].properties."+at+".classification", "use one of "+strings.Join(classifications, ", "), "%q is not a classification", p.Classification)
			}
		})
	}
}

func gdprAgrees(declared string, answer int) bool {
	switch declared {
	case "yes":
		return answer == gdprYes
	case "derived":
		return answer > gdprNo
	case "no":
		return answer == gdprNo
	}
	return true // not in the legend: R2
}

// sensitive checks R11.
func (l *linter) sensitive() {
	for _, c := range l.m.Contracts {
		t := l.topics[c]
		if t == nil || !strings.HasPrefix(t.Name, "pub.") {
			continue
		}
		c.Walk(func(at string, p *Property) {
			if !HighlySensitive(p.Classification) && !sensitiveName.MatchString(p.Name) {
				return
			}
			if p.EncryptedName == "" && p.Custom.Text("encryption") == "" {
				l.add("R11", c.File, "schema[0].properties."+at, "leave it out, or encrypt it and say so with encryptedName or the custom property encryption", "a highly sensitive field in a public port")
			}
		})
	}
}
