package schemas

import (
	"bytes"
	"encoding/json"
)

// Opt is a value that may be absent: Avro's ["null", T]. The zero value is absent.
type Opt[T any] struct {
	Value T
	Valid bool
}

// Some is a present value.
func Some[T any](v T) Opt[T] { return Opt[T]{Value: v, Valid: true} }

// None is an absent value; the same as the zero value, for readability.
func None[T any]() Opt[T] { return Opt[T]{} }

// Get returns the value and whether it is present.
func (o Opt[T]) Get() (T, bool) { return o.Value, o.Valid }

// Or returns the value, or def where it is absent.
func (o Opt[T]) Or(def T) T {
	if o.Valid {
		return o.Value
	}
	return def
}

// MarshalJSON writes the value itself, or null.
func (o Opt[T]) MarshalJSON() ([]byte, error) {
	if !o.Valid {
		return []byte("null"), nil
	}
	return json.Marshal(o.Value)
}

// UnmarshalJSON reads the value itself; null means absent.
func (o *Opt[T]) UnmarshalJSON(b []byte) error {
	if bytes.Equal(bytes.TrimSpace(b), []byte("null")) {
		*o = Opt[T]{}
		return nil
	}
	var v T
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	*o = Some(v)
	return nil
}

// IsZero reports absence, so that json's omitzero leaves absent fields out.
func (o Opt[T]) IsZero() bool { return !o.Valid }
