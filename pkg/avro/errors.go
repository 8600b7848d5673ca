package avro

import (
	"errors"
	"fmt"
)

// The kinds of failure. Every error of this package that concerns one record or one schema matches exactly one of
// them with errors.Is.
var (
	// ErrMalformed is returned for bytes that are not what their frame or schema says.
	ErrMalformed = errors.New("malformed Avro")
	// ErrUnknownSchema is returned when the registry answered that it has no schema of that id or GUID.
	// A [SchemaSource] must return an error that matches it in exactly that case.
	ErrUnknownSchema = errors.New("unknown schema")
	// ErrIncompatible is returned when the writer's schema, or this value of it, has no counterpart in the reader's.
	ErrIncompatible = errors.New("incompatible schema")
	// ErrUnavailable is returned when the registry could not be asked; the same record may decode later.
	ErrUnavailable = errors.New("schema registry unavailable")
	// ErrSchema is returned for text that is not a valid Avro schema.
	ErrSchema = errors.New("invalid Avro schema")
)

// IsRetriable reports whether decoding the same bytes again later can succeed.
func IsRetriable(err error) bool { return errors.Is(err, ErrUnavailable) }

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}
