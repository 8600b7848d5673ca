package sample

import (
	"fmt"
	"time"

	"meshwork.dev/schemas"
	"meshwork.dev/schemas/wire"
)

// Hit is an event that counts.
type Hit struct {
	Key string `json:"key"`
	ID  string `json:"id"`
	N   int64  `json:"n"`
}

// Count is the row of a key.
type Count struct {
	Key   string `json:"key"`
	Hits  int64  `json:"hits"`
	Sum   int64  `json:"sum"`
	Note  string `json:"note"`
	Start int64  `json:"start"` // of a window, ms
}

// Name is the row of the joined table.
type Name struct {
	Key  string `json:"key"`
	Text string `json:"text"`
}

const hitSchema = `{"type":"record","name":"Hit","namespace":"test","fields":[{"name":"key","type":"string"},{"name":"id","type":"string"},{"name":"n","type":"long"}]}`

// OldHitSchema is an earlier version of Hit: the number was an int and there
// was no id.
const OldHitSchema = `{"type":"record","name":"Hit","namespace":"test","fields":[{"name":"key","type":"string"},{"name":"n","type":"int"}]}`

const countSchema = `{"type":"record","name":"Count","namespace":"test","fields":[{"name":"key","type":"string"},{"name":"hits","type":"long"},{"name":"sum","type":"long"},{"name":"note","type":"string"},{"name":"start","type":"long"}]}`

const nameSchema = `{"type":"record","name":"Name","namespace":"test","fields":[{"name":"key","type":"string"},{"name":"text","type":"string"}]}`

// HitSchemaWithDefault is what Hit is read with where old writers are about.
const HitSchemaWithDefault = `{"type":"record","name":"Hit","namespace":"test","fields":[{"name":"key","type":"string"},{"name":"id","type":"string","default":"none"},{"name":"n","type":"long"}]}`

// AppendHit encodes.
func AppendHit(b []byte, v *Hit) []byte {
	return wire.AppendLong(wire.AppendString(wire.AppendString(b, v.Key), v.ID), v.N)
}

// Topics are the contracts, under names of their own per set.
type Topics struct {
	Hits   *schemas.Topic[string, Hit]   // keyed
	Others *schemas.Topic[string, Hit]   // keyed by something else; with its own partitions
	Via    *schemas.Topic[string, Hit]   // Others re-keyed
	Counts *schemas.Topic[string, Count] // compacted
	Names  *schemas.Topic[string, Name]  // compacted
	Alerts *schemas.Topic[string, Hit]
	Totals *schemas.Topic[string, Count] // of a second product
}

// New makes a set: topics have parts partitions, Others has others.
func New(parts, others int) *Topics { return NewIn("test", parts, others) }

// NewIn makes a set in a bounded context of its own.
func NewIn(domain string, parts, others int) *Topics {
	info := func(nameKind string, parts int, schema string) schemas.Info {
		return infoIn(domain, nameKind, parts, schema)
	}
	hit := schemas.Codec[Hit]{Append: AppendHit, Decode: func(v *Hit, src []byte) error {
		r := wire.NewReader(src)
		v.Key, v.ID, v.N = r.String(), r.String(), r.Long()
		return r.Finish("Hit")
	}}
	count := schemas.Codec[Count]{
		Append: func(b []byte, v *Count) []byte {
			b = wire.AppendLong(wire.AppendLong(wire.AppendString(b, v.Key), v.Hits), v.Sum)
			return wire.AppendLong(wire.AppendString(b, v.Note), v.Start)
		},
		Decode: func(v *Count, src []byte) error {
			r := wire.NewReader(src)
			v.Key, v.Hits, v.Sum, v.Note, v.Start = r.String(), r.Long(), r.Long(), r.String(), r.Long()
			return r.Finish("Count")
		},
	}
	name := schemas.Codec[Name]{
		Append: func(b []byte, v *Name) []byte { return wire.AppendString(wire.AppendString(b, v.Key), v.Text) },
		Decode: func(v *Name, src []byte) error {
			r := wire.NewReader(src)
			v.Key, v.Text = r.String(), r.String()
			return r.Finish("Name")
		},
	}
	hits := func(n string, parts int, schema string) *schemas.Topic[string, Hit] {
		return &schemas.Topic[string, Hit]{Info: info(n+".event", parts, schema), Keys: schemas.StringKey(), Values: hit, KeyOf: func(v *Hit) string { return v.Key }}
	}
	counts := func(n string) *schemas.Topic[string, Count] {
		return &schemas.Topic[string, Count]{Info: info(n+".state", parts, countSchema), Keys: schemas.StringKey(), Values: count, KeyOf: func(v *Count) string { return v.Key }}
	}
	return &Topics{
		Hits: hits("hit", parts, HitSchemaWithDefault), Others: hits("other", others, hitSchema), Via: hits("rekeyed", parts, hitSchema), Alerts: hits("alert", parts, hitSchema),
		Counts: counts("count"), Totals: counts("total"),
		Names: &schemas.Topic[string, Name]{Info: info("name.state", parts, nameSchema), Keys: schemas.StringKey(), Values: name, KeyOf: func(v *Name) string { return v.Key }},
	}
}

func infoIn(domain, nameKind string, parts int, schema string) schemas.Info {
	name := "pub.ecomm." + domain + "." + nameKind + ".v1"
	i := schemas.Info{Name: name, Subject: name + "-value", Kind: schemas.Event, Partitions: parts, Cleanup: schemas.Delete, Retention: 100 * 365 * 24 * time.Hour, Schema: schema, Owner: "test", Doc: fmt.Sprintf("Test topic %s.", nameKind)}
	if nameKind[len(nameKind)-6:] == ".state" {
		i.Kind, i.Cleanup, i.Retention = schemas.State, schemas.Compact, 0
	}
	return i
}
