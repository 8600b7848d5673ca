// Package avro carries Avro values across time: it frames them as schema registry clients do, resolves what another
// schema version wrote into what this program reads, shows any value as plain JSON, and says whether one schema
// may follow another.
//
// Framing. A value is written as one zero byte, the schema id as a big-endian int32, and the Avro binary. Three
// forms are read: that one, a byte 1 followed by a 16-byte GUID, and a record header ([ValueHeader], [KeyHeader])
// that holds either of these prefixes while the value is bare Avro.
//
// Resolution. A [Transcoder] turns bytes of a writer's schema into bytes of a reader's schema by the rules of the
// Avro specification: fields added with a default, removed, reordered or renamed by an alias, widened numbers,
// string and bytes exchanged, a value moved into or out of a union, enum symbols that fall back to the enum's
// default. Generated code therefore only ever decodes its own schema. A Transcoder is compiled once per pair of
// schemas and may be used by any number of goroutines. One rule is stricter than the specification: where both
// sides declare a decimal, date, time or timestamp, their scale or unit must agree, because a silent factor of ten
// in an amount of money is worse than a refusal.
//
// Decoding. A [Decoder] joins the two for one topic: it keeps, without locks, what it knows about each schema id,
// asks a [SchemaSource] once about ids it has not seen, and decodes. Errors fall into four kinds, told apart with
// errors.Is: [ErrMalformed], [ErrUnknownSchema] and [ErrIncompatible] concern the record and will not pass by
// trying again soon; [ErrUnavailable] concerns the registry and will.
//
// Dynamic views. [Dynamic] turns framed bytes into JSON as people expect it (no union wrappers, decimals and
// timestamps as text) and back, for command line, catalog and dead letters. It is built on goavro.
//
// Compatibility. [Compatible] checks a schema against earlier versions at any of the seven levels of the schema
// registry and names version and place of everything that breaks.
//
// Hostile input. Every function that reads bytes returns an error for truncated, oversized or malformed input. It
// does not panic, and what it allocates is bounded by a small multiple of the input plus the schema's defaults.
package avro
