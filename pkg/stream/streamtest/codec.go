package streamtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas"
)

// Scripts name topics at run time, when their types are not known any more;
// these helpers reach a topic's codecs by reflection.

// topicValue is the schemas.Topic behind a reference.
func topicValue(ref stream.TopicRef) (reflect.Value, error) {
	v := reflect.ValueOf(ref)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct || !v.Elem().FieldByName("Values").IsValid() {
		return reflect.Value{}, fmt.Errorf("%s is not a typed topic", ref.TopicInfo().Name)
	}
	return v.Elem(), nil
}

// encodeJSON turns a JSON document into key and framed value of a record.
func (d *Driver) encodeJSON(t *topic, doc []byte) (key, value []byte, err error) {
	tv, err := topicValue(t.ref)
	if err != nil {
		return nil, nil, err
	}
	appendFn := tv.FieldByName("Values").FieldByName("Append")
	v := reflect.New(appendFn.Type().In(1).Elem())
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v.Interface()); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", t.info.Name, err)
	}
	head := avro.AppendHeader(nil, d.ids[t.info.Name])
	value = appendFn.Call([]reflect.Value{reflect.ValueOf(head), v})[0].Bytes()
	k := tv.FieldByName("KeyOf").Call([]reflect.Value{v})[0]
	key = tv.FieldByName("Keys").FieldByName("Append").Call([]reflect.Value{reflect.ValueOf([]byte(nil)), k})[0].Bytes()
	return key, value, nil
}

// decodeJSON is a framed value as one line of JSON.
func (d *Driver) decodeJSON(t *topic, value []byte) string {
	if value == nil {
		return "(removed)"
	}
	tv, err := topicValue(t.ref)
	if err != nil || len(value) < avro.HeaderLen {
		return fmt.Sprintf("%q", value)
	}
	decode := tv.FieldByName("Values").FieldByName("Decode")
	v := reflect.New(decode.Type().In(0).Elem())
	if e := decode.Call([]reflect.Value{v, reflect.ValueOf(value[avro.HeaderLen:])})[0]; !e.IsNil() {
		return fmt.Sprintf("%q (%v)", value, e.Interface())
	}
	b, err := json.Marshal(v.Interface())
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// splitJSON takes concatenated documents apart.
func splitJSON(text string) ([]json.RawMessage, error) {
	dec := json.NewDecoder(strings.NewReader(text))
	var all []json.RawMessage
	for {
		var doc json.RawMessage
		err := dec.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("JSON document %d: %w", len(all)+1, err)
		}
		all = append(all, doc)
	}
}

// find is a topic by its short name, name and kind, or full name.
func (d *Driver) find(name string) (*topic, error) {
	if t := d.topics[name]; t != nil {
		return t, nil
	}
	var found []*topic
	for _, t := range d.topics {
		if t.ref != nil && (shortName(t.info) == name || shortName(t.info)+"."+string(t.info.Kind) == name) {
			found = append(found, t)
		}
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("no topic %q", name)
	case 1:
		return found[0], nil
	default:
		return nil, fmt.Errorf("%q may be %s or %s: add .event, .state or .command, or use the whole name", name, found[0].info.Name, found[1].info.Name)
	}
}

func shortName(info *schemas.Info) string {
	if parts := strings.Split(info.Name, "."); len(parts) > 3 {
		return parts[3]
	}
	return info.Name
}
