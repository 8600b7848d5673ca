// Package gen turns the contracts of a tree into Go: from every folder with Avro schemas (*.avsc) and the data
// contracts beside them (*.odcs.yaml) one gen.go with structs, enum and key types, codecs without reflection and
// typed topic values, and all/gen.go that lists the topics of every folder.
//
// What is generated needs the standard library and module schemas only. The same files always give the same Go, so
// a check mode can tell stale files; faults in the contracts are errors that name the file and the field. Nothing
// generated is imported here, so the generator works when generated code is broken or missing.
//
//	Avro                                Go
//	record X                            struct X, field orderId as OrderID with the JSON tag orderId
//	["null", T] and [T, "null"]         schemas.Opt[T]
//	other unions                        struct with Index and one field per branch; JSON {"branch": value}
//	enum (at most 64 symbols)           uint8 with constants, String, Parse, text; the first symbol is the zero value
//	decimal (precision ≤ 18)            schemas.Decimal, schemas.Money at scale 3; on fixed only from 8 bytes up
//	timestamp-millis, timestamp-micros  time.Time in UTC, precision beyond the unit is cut off
//	date                                schemas.Date
//	other logical types                 as the type they stand on
//	fixed                               [N]byte
//	array, map                          slice, map with string keys; nil and empty are encoded alike
//
// Every Go value has an encoding: an enum value that names no symbol is written as the enum's default symbol (the
// first one where it has none), an Index that names no branch as the zero value of the first branch. Types that hold
// themselves are refused. A decoded value shares no memory with earlier values of the same variable.
package gen
