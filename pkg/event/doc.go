// Package event gives every record its envelope: an identity, CloudEvents
// attributes in Kafka's binary mode (headers prefixed "ce_") and a W3C trace
// context.
//
// A Template holds the attributes that all records of one source and type
// share, encoded once as Kafka record headers; Template.Append adds what
// differs per record without allocating beyond dst.
//
// Identities come in two forms. New makes a UUID of version 7 (time-ordered,
// random) for a fact that enters the mesh. Derive makes a UUID of version 8
// from where a fact was read (source, partition, offset, number), so that the
// repetition of an aborted reaction gives the same events the same identity.
//
// Everything is a value; nothing is kept, nothing blocks. Standard library
// only.
package event
