package schemas

import (
	"encoding/json"
	"errors"
	"math"
	"testing"
	"testing/quick"
	"time"
)

func TestDate(t *testing.T) {
	for text, want := range map[string]Date{"1970-01-01": 0, "1969-12-31": -1, "2011-12-09": 15317, "2000-02-29": 11016, "0000-01-01": -719528} {
		d, err := ParseDate(text)
		if err != nil || d != want || d.String() != text {
			t.Errorf("%q: %d %q, %v; want %d", text, d, d, err, want)
		}
	}
	for _, bad := range []string{"", "2011-2-1", "2011-02-30", "09.12.2011", "2011-12-09T00:00:00Z", "+10000-01-01"} {
		if _, err := ParseDate(bad); !errors.Is(err, ErrDate) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for d, want := range map[Date]string{math.MaxInt32: "+5881580-07-11", math.MinInt32: "-5877641-06-23"} {
		if d.String() != want {
			t.Errorf("%d: %s, want %s", int32(d), d, want)
		}
	}
	if err := quick.Check(func(n int32) bool {
		d := Date(n)
		return DateOf(d.Time()) == d && d.AddDays(1).Time().Sub(d.Time()) == 24*time.Hour
	}, nil); err != nil {
		t.Error(err)
	}
}

func TestDateInZones(t *testing.T) {
	london, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Skip("no time zone data here:", err)
	}
	at := time.Date(2011, 7, 1, 23, 30, 0, 0, time.UTC)
	if d := DateOf(at.In(london)); d.String() != "2011-07-02" {
		t.Error(d)
	}
	if start := NewDate(2011, 7, 2).In(london); !start.Equal(time.Date(2011, 7, 1, 23, 0, 0, 0, time.UTC)) {
		t.Error(start)
	}
	// Clocks went from 23:59:59 to 01:00:00 here: the day has no midnight.
	paulo, err := time.LoadLocation("America/Sao_Paulo")
	if err != nil {
		t.Skip(err)
	}
	d := NewDate(2018, 11, 4)
	start := d.In(paulo)
	if DateOf(start) != d || DateOf(start.Add(-time.Nanosecond)) != d-1 {
		t.Errorf("the day starts at %s", start)
	}
}

func TestDateJSON(t *testing.T) {
	text, err := json.Marshal(map[Date]Date{NewDate(2011, 12, 9): 0})
	if err != nil || string(text) != `{"2011-12-09":"1970-01-01"}` {
		t.Error(string(text), err)
	}
	var back map[Date]Date
	if err := json.Unmarshal(text, &back); err != nil || back[NewDate(2011, 12, 9)] != 0 {
		t.Error(back, err)
	}
}
