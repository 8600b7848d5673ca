// Package faults puts on top of any feed what goes wrong in the world: messages sent twice, late and in another order,
// bytes that nobody can read, and senders who already write a newer version of a contract.
//
// What it promises. The faults are a pure function of the [Config] and the feed. Nothing is lost and nothing is changed:
// without the duplicates and the poison, the same messages come, those of one key in their order (but for the late
// ones, see [Config.Late]). So what is true of the feed is true of what the mesh makes of it, and [Source.Injected]
// says how many of which fault there were.
//
// A Source belongs to one goroutine and starts none. It keeps the messages it holds back: at most [Config.Distance]
// times the share of those, and their successors.
package faults
