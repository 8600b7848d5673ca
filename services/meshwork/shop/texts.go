package shop

import "strings"

// sayings are parts of what customers write: a beginning, what it is about, and an end. The words carry the feeling.
type sayings struct {
	begin, middle, end []string
}

func happy() sayings {
	return sayings{
		begin: []string{
			"I love it!", "Very happy with this purchase.", "What a lovely surprise.", "Great quality, great price.", "Just perfect.",
			"Thank you so much!", "Good value.", "My mother was delighted.",
		},
		middle: []string{
			"The $ looks beautiful and feels solid.", "The $ arrived quickly and was well packed.", "Our $ gets compliments from all friends.",
			"The $ is exactly as in the picture, really nice.", "A wonderful $, better than I hoped.", "The $ is fine and does its work.",
		},
		end: []string{
			"I will buy again.", "Highly recommended!", "The service was friendly and helpful.", "Five stars from me :)", "Keep it up.",
			"Would gladly order again.",
		},
	}
}

func unhappy() sayings {
	return sayings{
		begin: []string{
			"I am very disappointed.", "Terrible experience!", "This is the worst order I ever made.", "Really annoyed.", "Not good at all.",
			"I hate to complain, but this is awful.", "Never again!", "Poor quality, sadly.",
		},
		middle: []string{
			"The $ was broken when it arrived.", "The $ is cheap, ugly and useless.", "The $ came three weeks late and damaged.",
			"The $ failed on the first day.", "The $ smells horrible.", "I was charged twice for the $ and nobody helps.",
		},
		end: []string{
			"I want my money back.", "I will not order here again.", "Your support ignored me, shame on you.", "A waste of money.",
			"I am angry and I will tell my friends.", "Please cancel my account.",
		},
	}
}

func neutral() sayings {
	return sayings{
		begin:  []string{"Hello,", "A question:", "Good morning,", "To whom it concerns:"},
		middle: []string{"which size does the $ have?", "is the $ in stock?", "when will the $ be delivered?", "where is the $ made?"},
		end:    []string{"Regards", "Waiting for your answer.", "", "This is about my last order."},
	}
}

// say puts a text together about a thing.
func (y *sayings) say(d *dice, thing string) string {
	var b strings.Builder
	b.Grow(160)
	b.WriteString(y.begin[d.below(len(y.begin))])
	b.WriteByte(' ')
	before, after, _ := strings.Cut(y.middle[d.below(len(y.middle))], "$")
	b.WriteString(before)
	b.WriteString(thing)
	b.WriteString(after)
	if end := y.end[d.below(len(y.end))]; end != "" {
		b.WriteByte(' ')
		b.WriteString(end)
	}
	return b.String()
}
