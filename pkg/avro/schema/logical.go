package schema

import "encoding/json"

// logicalBase says what each logical type may stand on.
var logicalBase = map[Logical][]Kind{
	Decimal:              {Bytes, Fixed},
	UUID:                 {String, Fixed},
	Date:                 {Int},
	TimeMillis:           {Int},
	TimeMicros:           {Long},
	TimestampMillis:      {Long},
	TimestampMicros:      {Long},
	TimestampNanos:       {Long},
	LocalTimestampMillis: {Long},
	LocalTimestampMicros: {Long},
	LocalTimestampNanos:  {Long},
	Duration:             {Fixed},
}

// logical moves a usable logical type from Props to the fields that name it; others stay where they are, as the
// specification says to read such a schema as its underlying type.
func (s *Schema) logical() {
	raw, ok := s.Props["logicalType"]
	if !ok {
		return
	}
	var name Logical
	if json.Unmarshal(raw, &name) != nil {
		return
	}
	fits := false
	for _, k := range logicalBase[name] {
		fits = fits || k == s.Kind
	}
	switch {
	case !fits,
		name == UUID && s.Kind == Fixed && s.Size != 16,
		name == Duration && s.Size != 12,
		name == Decimal && !s.decimal():
		return
	}
	s.Logical = name
	delete(s.Props, "logicalType")
	if name == Decimal {
		delete(s.Props, "precision")
		delete(s.Props, "scale")
	}
	if len(s.Props) == 0 {
		s.Props = nil
	}
}

func (s *Schema) decimal() bool {
	var precision, scale int
	if raw, ok := s.Props["precision"]; !ok || json.Unmarshal(raw, &precision) != nil {
		return false
	}
	if raw, ok := s.Props["scale"]; ok && json.Unmarshal(raw, &scale) != nil {
		return false
	}
	if precision < 1 || scale < 0 || scale > precision {
		return false
	}
	if s.Kind == Fixed && precision > maxPrecision(s.Size) {
		return false
	}
	s.Precision, s.Scale = precision, scale
	return true
}

// maxPrecision is the number of decimal digits that every number of so many bytes can hold.
func maxPrecision(size int) int {
	if size == 0 {
		return 0
	}
	// floor(log10(2^(8*size-1) - 1)), with log10(2) as a ratio that is exact enough for any size in use
	return int(int64(8*size-1) * 30103 / 100000)
}
