package registry

import (
	"bytes"
	"crypto/md5" //nolint:gosec // a name for equal schemas, no protection against forgery
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/avro/schema"
)

// contentKey is equal for schemas that say the same, however they are laid out.
type contentKey [md5.Size]byte

// keyOf depends on nothing but its argument, so that it is the same whatever order records come in.
func keyOf(s Schema) contentKey {
	text := s.Text
	if len(s.References) == 0 && (s.Type == "" || s.Type == Avro) {
		if parsed, err := schema.Parse(s.Text); err == nil {
			text = parsed.Full()
		}
	} else if sorted, err := sortedJSON([]byte(s.Text)); err == nil {
		text = string(sorted)
	}
	return digest(s, text)
}

// guidOf is a GUID that every registry of this kind gives the same schema: the MD5 of text, references, metadata and
// rules.
func guidOf(s Schema) string { return avro.GUID(digest(s, s.Text)).String() }

func digest(s Schema, text string) contentKey {
	h := md5.New() //nolint:gosec // see above
	fmt.Fprintf(h, "%d:%s", len(text), text)
	if s.Type != "" && s.Type != Avro {
		fmt.Fprintf(h, "type:%s", s.Type)
	}
	for _, r := range s.References {
		fmt.Fprintf(h, "ref:%d:%s:%d:%s:%d", len(r.Name), r.Name, len(r.Subject), r.Subject, r.Version)
	}
	for i, extra := range []json.RawMessage{s.Metadata, s.RuleSet} {
		if sorted, err := sortedJSON(extra); err == nil {
			fmt.Fprintf(h, "extra:%d:%d:%s", i, len(sorted), sorted)
		}
	}
	return contentKey(h.Sum(nil))
}

// sortedJSON writes JSON without white space and with members in the order of their names; numbers stay as written.
func sortedJSON(text []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	return json.Marshal(v)
}

// stored is the schema as it is kept: without white space, and in one fixed form if normalize is set.
func stored(s Schema, parsed *schema.Schema, normalize bool) Schema {
	if s.Type == Avro {
		s.Type = ""
	}
	var compact bytes.Buffer
	if json.Compact(&compact, []byte(s.Text)) == nil {
		s.Text = compact.String()
	}
	if !normalize {
		return s
	}
	if len(s.References) == 0 {
		s.Text = parsed.Full()
		return s
	}
	s.References = slices.Clone(s.References)
	slices.SortFunc(s.References, func(a, b Reference) int {
		return strings.Compare(a.Name+"\x00"+a.Subject, b.Name+"\x00"+b.Subject)
	})
	s.References = slices.Compact(s.References)
	if sorted, err := sortedJSON([]byte(s.Text)); err == nil {
		s.Text = string(sorted)
	}
	return s
}
