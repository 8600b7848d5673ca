package gen

import (
	"fmt"
	"strconv"

	"meshwork.dev/pkg/avro/schema"
)

// emitter collects Go text; gofmt puts it into shape at the end.
type emitter struct{ text []byte }

func (e *emitter) p(format string, args ...any) {
	e.text = fmt.Appendf(e.text, format, args...)
	e.text = append(e.text, '\n')
}

// appendValue emits the statements that append the addressable value expr to dst.
func (e *emitter) appendValue(expr string, s *schema.Schema, depth int) {
	switch s.Logical {
	case schema.Decimal:
		if s.Kind == schema.Fixed {
			e.p("dst = wire.AppendDecimalFixed(dst, int64(%s), %d)", expr, s.Size)
		} else {
			e.p("dst = wire.AppendDecimal(dst, int64(%s))", expr)
		}
		return
	case schema.TimestampMillis:
		e.p("dst = wire.AppendLong(dst, %s.UnixMilli())", expr)
		return
	case schema.TimestampMicros:
		e.p("dst = wire.AppendLong(dst, %s.UnixMicro())", expr)
		return
	default: // as the type it stands on
	}
	switch s.Kind {
	case schema.Null: // takes no bytes
	case schema.Boolean:
		e.p("dst = wire.AppendBool(dst, %s)", expr)
	case schema.Int:
		e.p("dst = wire.AppendLong(dst, int64(%s))", expr)
	case schema.Long:
		e.p("dst = wire.AppendLong(dst, %s)", expr)
	case schema.Float:
		e.p("dst = wire.AppendFloat(dst, %s)", expr)
	case schema.Double:
		e.p("dst = wire.AppendDouble(dst, %s)", expr)
	case schema.String:
		e.p("dst = wire.AppendString(dst, %s)", expr)
	case schema.Bytes:
		e.p("dst = wire.AppendBytes(dst, %s)", expr)
	case schema.Fixed:
		e.p("dst = append(dst, %s[:]...)", expr)
	case schema.Record, schema.Enum:
		e.p("dst = %s.AppendAvro(dst)", expr)
	case schema.Array:
		i := "i" + strconv.Itoa(depth)
		e.p("if len(%s) > 0 {", expr)
		e.p("dst = wire.AppendLong(dst, int64(len(%s)))", expr)
		if s.Items.MinSize() > 0 {
			e.p("for %s := range %s {", i, expr)
			e.appendValue(expr+"["+i+"]", s.Items, depth+1)
			e.p("}")
		}
		e.p("}")
		e.p("dst = append(dst, 0)")
	case schema.Map:
		k, v := "k"+strconv.Itoa(depth), "v"+strconv.Itoa(depth)
		e.p("if len(%s) > 0 {", expr)
		e.p("dst = wire.AppendLong(dst, int64(len(%s)))", expr)
		e.p("for _, %s := range wire.SortedKeys(%s) {", k, expr)
		e.p("dst = wire.AppendString(dst, %s)", k)
		if s.Items.MinSize() > 0 {
			e.p("%s := %s[%s]", v, expr, k)
			e.appendValue(v, s.Items, depth+1)
		}
		e.p("}")
		e.p("}")
		e.p("dst = append(dst, 0)")
	case schema.Union:
		opt, ok := s.Optional()
		if !ok {
			e.p("dst = %s.AppendAvro(dst)", expr)
			return
		}
		some, none := 2, 0
		if s.Branches[0] == opt {
			some, none = 0, 2
		}
		e.p("if %s.Valid {", expr)
		e.p("dst = append(dst, %d)", some)
		e.appendValue(expr+".Value", opt, depth)
		e.p("} else {")
		e.p("dst = append(dst, %d)", none)
		e.p("}")
	}
}

// readValue emits the statements that overwrite the addressable value expr from r.
func (e *emitter) readValue(expr string, s *schema.Schema, union string, depth int) {
	switch s.Logical {
	case schema.Decimal:
		read := "r.Decimal()"
		if s.Kind == schema.Fixed {
			read = fmt.Sprintf("r.DecimalFixed(%d)", s.Size)
		}
		e.p("%s = %s(%s)", expr, goType(s, ""), read)
		return
	case schema.Date:
		e.p("%s = schemas.Date(r.Int())", expr)
		return
	case schema.TimestampMillis:
		e.p("%s = time.UnixMilli(r.Long()).UTC()", expr)
		return
	case schema.TimestampMicros:
		e.p("%s = time.UnixMicro(r.Long()).UTC()", expr)
		return
	default: // as the type it stands on
	}
	switch s.Kind {
	case schema.Null: // takes no bytes
	case schema.Boolean:
		e.p("%s = r.Bool()", expr)
	case schema.Int:
		e.p("%s = r.Int()", expr)
	case schema.Long:
		e.p("%s = r.Long()", expr)
	case schema.Float:
		e.p("%s = r.Float()", expr)
	case schema.Double:
		e.p("%s = r.Double()", expr)
	case schema.String:
		e.p("%s = r.String()", expr)
	case schema.Bytes:
		e.p("%s = r.Bytes()", expr)
	case schema.Fixed:
		e.p("r.Fixed(%s[:])", expr)
	case schema.Enum:
		e.p("%s = %s(r.Index(%d))", expr, goType(s, ""), len(s.Symbols))
	case schema.Record:
		e.p("%s.readAvro(r)", expr)
	case schema.Array:
		n, i := "n"+strconv.Itoa(depth), "i"+strconv.Itoa(depth)
		block := fmt.Sprintf("r.Block(%d)", s.Items.MinSize())
		e.p("%s = nil", expr)
		e.p("for %s := %s; %s > 0; %s = %s {", n, block, n, n, block)
		if s.Items.MinSize() == 0 {
			e.p("%s = wire.Grow(%s, %s)", expr, expr, n)
		} else {
			e.p("%s := len(%s)", i, expr)
			e.p("%s = wire.Grow(%s, %s)", expr, expr, n)
			e.p("for ; %s < len(%s); %s++ {", i, expr, i)
			e.readValue(expr+"["+i+"]", s.Items, union+"Item", depth+1)
			e.p("}")
		}
		e.p("}")
	case schema.Map:
		n, v := "n"+strconv.Itoa(depth), "v"+strconv.Itoa(depth)
		block := fmt.Sprintf("r.Block(%d)", 1+s.Items.MinSize())
		e.p("%s = nil", expr)
		e.p("for %s := %s; %s > 0; %s = %s {", n, block, n, n, block)
		e.p("if %s == nil {", expr)
		e.p("%s = make(%s, min(%s, 256))", expr, goType(s, union), n)
		e.p("}")
		e.p("for ; %s > 0 && !r.Failed(); %s-- {", n, n)
		if s.Items.MinSize() == 0 {
			e.p("%s[r.String()] = %s{}", expr, goType(s.Items, union+"Value"))
		} else {
			k := "k" + strconv.Itoa(depth)
			e.p("%s := r.String()", k)
			e.p("var %s %s", v, goType(s.Items, union+"Value"))
			e.readValue(v, s.Items, union+"Value", depth+1)
			e.p("%s[%s] = %s", expr, k, v)
		}
		e.p("}")
		e.p("}")
	case schema.Union:
		opt, ok := s.Optional()
		if !ok {
			e.p("%s.readAvro(r)", expr)
			return
		}
		read := "r.Present()"
		if s.Branches[0] == opt {
			read = "r.PresentFirst()"
		}
		e.p("%s = %s{}", expr, goType(s, union))
		e.p("if %s {", read)
		e.p("%s.Valid = true", expr)
		e.readValue(expr+".Value", opt, union, depth)
		if opt.Kind == schema.Array || opt.Kind == schema.Map || opt.Kind == schema.Bytes && opt.Logical == "" {
			// Present and empty must not look like absent in JSON.
			e.p("if %s.Value == nil {\n%s.Value = %s{}\n}", expr, expr, goType(opt, union))
		}
		e.p("}")
	}
}
