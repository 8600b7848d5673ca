package avro

import (
	"slices"

	"meshwork.dev/pkg/avro/schema"
)

// This file holds the questions that resolution and compatibility share.

// namesMatch reports whether a reader's named type stands for a writer's: same name without namespace, or an alias.
func namesMatch(w, r *schema.Schema) bool {
	return schema.ShortName(w.Name) == schema.ShortName(r.Name) || slices.Contains(r.Aliases, w.Name)
}

// writerField is the position of the writer's field that a reader's field takes its value from, or -1.
func writerField(w *schema.Schema, rf *schema.Field) int {
	if i := slices.IndexFunc(w.Fields, func(f *schema.Field) bool { return f.Name == rf.Name }); i >= 0 {
		return i
	}
	for _, alias := range rf.Aliases {
		if i := slices.IndexFunc(w.Fields, func(f *schema.Field) bool { return f.Name == alias }); i >= 0 {
			return i
		}
	}
	return -1
}

// promotes reports whether a writer's primitive can be read as another primitive.
func promotes(w, r schema.Kind) bool {
	switch w {
	case schema.Int:
		return r == schema.Long || r == schema.Float || r == schema.Double
	case schema.Long:
		return r == schema.Float || r == schema.Double
	case schema.Float:
		return r == schema.Double
	case schema.String:
		return r == schema.Bytes
	case schema.Bytes:
		return r == schema.String
	default:
		return false
	}
}

// unit is what one unit of a logical type's number stands for; empty where it says nothing of it.
func unit(s *schema.Schema) string {
	switch s.Logical {
	case schema.Date:
		return "days"
	case schema.TimeMillis, schema.TimestampMillis, schema.LocalTimestampMillis:
		return "milliseconds"
	case schema.TimeMicros, schema.TimestampMicros, schema.LocalTimestampMicros:
		return "microseconds"
	case schema.TimestampNanos, schema.LocalTimestampNanos:
		return "nanoseconds"
	default:
		return ""
	}
}

// meaningDiffers says why numbers of w must not be read as numbers of r although their bytes could be, or nothing.
func meaningDiffers(w, r *schema.Schema) string {
	if w.Logical == schema.Decimal && r.Logical == schema.Decimal && w.Scale != r.Scale {
		return sprintf("decimal scale %d of the writer is not the reader's %d", w.Scale, r.Scale)
	}
	if wu, ru := unit(w), unit(r); wu != "" && ru != "" && wu != ru {
		return sprintf("%s in %s of the writer is not the reader's %s in %s", w.Logical, wu, r.Logical, ru)
	}
	return ""
}

// candidates are the branches of a reader's union that may take a writer's value, best first: the same type under
// the same full name, then a named type that matches by short name or alias, then promotions in union order.
func candidates(w, union *schema.Schema) []int {
	var exact, near, promoted []int
	for i, b := range union.Branches {
		switch {
		case b.Kind == w.Kind && b.Name == w.Name:
			exact = append(exact, i)
		case b.Kind == w.Kind && b.Name != "" && namesMatch(w, b):
			near = append(near, i)
		case promotes(w.Kind, b.Kind):
			promoted = append(promoted, i)
		}
	}
	return slices.Concat(exact, near, promoted)
}

// missingSymbols are the writer's symbols that a reader's enum lacks.
func missingSymbols(w, r *schema.Schema) []string {
	var missing []string
	for _, s := range w.Symbols {
		if !slices.Contains(r.Symbols, s) {
			missing = append(missing, s)
		}
	}
	return missing
}
