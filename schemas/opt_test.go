package schemas

import (
	"encoding/json"
	"testing"
)

func TestOpt(t *testing.T) {
	if v, ok := Some(7).Get(); v != 7 || !ok {
		t.Error(v, ok)
	}
	if v, ok := None[int]().Get(); v != 0 || ok {
		t.Error(v, ok)
	}
	if Some("").Or("x") != "" || None[string]().Or("x") != "x" {
		t.Error("Or")
	}
	if Some(0).IsZero() || !None[int]().IsZero() {
		t.Error("absence is not a zero value")
	}
}

func TestOptJSON(t *testing.T) {
	type row struct {
		Name   Opt[string] `json:"name,omitzero"`
		Amount Opt[Money]  `json:"amount"`
	}
	for _, c := range []struct {
		row  row
		text string
	}{
		{row{}, `{"amount":null}`},
		{row{Some(""), Some[Money](0)}, `{"name":"","amount":"0.000"}`},
		{row{Some("a"), Some[Money](-1)}, `{"name":"a","amount":"-0.001"}`},
	} {
		text, err := json.Marshal(c.row)
		if err != nil || string(text) != c.text {
			t.Errorf("%s, %v; want %s", text, err, c.text)
		}
		back := row{Some("left over"), Some[Money](5)}
		if c.row.Name.Valid { // an absent member leaves what is there, as everywhere in encoding/json
			if err := json.Unmarshal(text, &back); err != nil || back != c.row {
				t.Errorf("%s: %+v, %v", text, back, err)
			}
		}
	}
	o := Some(1)
	if err := json.Unmarshal([]byte(" null "), &o); err != nil || o.Valid || o.Value != 0 {
		t.Error(o, err)
	}
	if err := json.Unmarshal([]byte(`"x"`), &o); err == nil || o.Valid {
		t.Error("a value of another type is an error and changes nothing:", o, err)
	}
}
