package streamtest

import (
	"slices"

	"meshwork.dev/pkg/stream"
)

// Show limits what the steps of a script print to these topics and the dead
// letters, so that a script stays about one thing. "table" and "events" still
// reach every topic.
func Show(topics ...stream.TopicRef) Option {
	return func(d *Driver) {
		for _, t := range topics {
			d.show = append(d.show, t.TopicInfo().Name)
		}
	}
}

// showing tells whether a script wants to see a topic of that kind of output.
func (d *Driver) showing(name, kind string) bool {
	return len(d.show) == 0 || kind == "dead letter" || slices.Contains(d.show, name)
}
