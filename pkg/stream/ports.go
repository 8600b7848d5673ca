package stream

import "meshwork.dev/schemas"

// Input describes an input of a product's tasks.
type Input struct {
	Info     *schemas.Info
	Ref      TopicRef
	Join     bool // feeds a joined table
	Internal bool // written by the product itself
	Clock    bool // drives event time
	Rank     int  // of records of one time, those of the input with the lowest come first
}

// Inputs are the topics a product's tasks consume, in the order of Process.
func Inputs(d Definition) []Input {
	var all []Input
	for _, in := range d.definition().inputs {
		all = append(all, Input{in.info, in.ref, in.join >= 0, in.internal, in.fold, in.rank})
	}
	return all
}

// Output describes what a product's tasks publish.
type Output struct {
	Info *schemas.Info
	Ref  TopicRef // nil for changelogs and dead letters
	Kind string   // table, event, re-keyed, changelog, dead letter
}

// Outputs are the topics a product's tasks publish, in the order of Sink.
func Outputs(d Definition) []Output {
	var all []Output
	for _, o := range d.definition().outputs {
		all = append(all, Output{o.info, o.ref, o.kind.String()})
	}
	return all
}

// Lookups are the topics a product's tasks need a full copy of.
func Lookups(d Definition) []TopicRef {
	var all []TopicRef
	for _, l := range d.definition().lookups {
		all = append(all, l.ref)
	}
	return all
}

// Name is the name of a definition of any type.
func Name(d Definition) string { return d.definition().name }

// Group is the product's consumer group.
func Group(d Definition) string { return d.definition().group }

// Err is what is wrong with a definition.
func Err(d Definition) error { return d.definition().err }
