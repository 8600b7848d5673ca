// Package replay sends the messages of a feed into the mesh at a chosen speed
// and counts what became of them.
//
// A replay is idempotent: every message carries an identity that is a pure
// function of the input (the invoice or row it comes from), and the first
// stage of the mesh removes repeats by it. A replay that was interrupted is
// simply run again from the start; what had arrived is recognised.
//
// Order: messages are handed to the producer in the order of the feed, so the
// messages of one key keep it. Run returns only after every message has been
// acknowledged, or with the first error.
package replay
