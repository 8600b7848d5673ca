package customer

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"meshwork.dev/schemas"
	"meshwork.dev/schemas/customer"
	"meshwork.dev/schemas/customerint"
)

func TestEmails(t *testing.T) {
	for text, want := range map[string]customer.Email{
		" Jane.Doe@Example.COM ":         {Address: "jane.doe@example.com", Valid: true},
		"Jane <jane+shop@example.co.uk>": {Address: "jane+shop@example.co.uk", Valid: true},
		"mailto:a@b.de":                  {Address: "a@b.de", Valid: true},
		"jürgen@müller.de":               {Address: "jürgen@müller.de", Valid: true},
		"a@b":                            {Address: "a@b"},
		"a..b@example.com":               {Address: "a..b@example.com"},
		".a@example.com":                 {Address: ".a@example.com"},
		"a@-example.com":                 {Address: "a@-example.com"},
		"a b@example.com":                {Address: "a b@example.com"},
		"a@b@example.com":                {Address: "a@b@example.com"},
		"a@example.com1":                 {Address: "a@example.com1", Valid: true},
		"a@10.0.0.1":                     {Address: "a@10.0.0.1"},
		"":                               {},
	} {
		require.Equal(t, want, emailOf(text), text)
	}
}

func TestPhones(t *testing.T) {
	known, err := readCountries(countryText)
	require.NoError(t, err)
	for _, c := range []struct {
		country, text, want string
		valid               bool
	}{
		{"GB", "(020) 7946 0018", "+442079460018", true},
		{"GB", "+44 (0)20 7946 0018", "+442079460018", true},
		{"GB", "0044 20 7946 0018 x12", "+442079460018", true},
		{"US", "1-697-555-0142", "+16975550142", true},
		{"US", "697-555-0142", "+16975550142", true},
		{"IT", "06 1234 5678", "+390612345678", true}, // Italy keeps its zero
		{"FR", "1 (11) 500 555-0132", "+331115005550132", true},
		{"", "555 0142", "5550142", true},
		{"", "12", "12", false},
		{"DE", "", "", false},
	} {
		got, valid := phoneOf(c.text, known.find(c.country))
		require.Equal(t, c.want, got, c.text)
		require.Equal(t, c.valid, valid, c.text)
	}
}

func TestCountries(t *testing.T) {
	known, err := readCountries(countryText)
	require.NoError(t, err)
	for name, want := range map[string]string{
		"united kingdom": "GB", "EIRE": "IE", "RSA": "ZA", "USA": "US", "U.S.A.": "US", "de": "DE", "Hong Kong": "HK",
		"Czech Republic": "CZ", "Côte d’Ivoire": "CI", "Korea, Republic of": "KR",
	} {
		c := known.find(name)
		require.NotNil(t, c, name)
		require.Equal(t, want, c.code, name)
	}
	for _, name := range []string{"", "Unspecified", "European Community", "Channel Islands", "Atlantis"} {
		require.Nil(t, known.find(name), name)
	}
	for country, codes := range map[string]string{
		"GB": "EC1A 1BB|M1 1AE|B33 8TH|CR2 6XH|DN55 1PT|W1A 0AX", "US": "98011|98011-1234", "CA": "K1A 0B6", "NL": "1234 AB",
		"PT": "1000-001", "SE": "114 55", "IE": "D02 AF30", "JP": "100-0001", "PL": "00-950",
	} {
		c := known.find(country)
		for code := range strings.SplitSeq(codes, "|") {
			got, ok := c.postalCode(strings.ReplaceAll(code, " ", ""))
			require.True(t, ok, "%s %s", country, code)
			require.Equal(t, code, got)
		}
		_, ok := c.postalCode("1")
		require.False(t, ok)
	}
	_, err = readCountries("GB;44;0;A9\n")
	require.ErrorContains(t, err, "line 1")
}

// Every combination of quintiles has a segment, and every segment somebody.
func TestSegmentRules(t *testing.T) {
	seen := map[string]int{}
	for r := 1; r <= 5; r++ {
		for f := 1; f <= 5; f++ {
			for m := 1; m <= 5; m++ {
				name, _ := SegmentOf(r, f, m)
				seen[name]++
			}
		}
	}
	require.NotContains(t, seen, "unknown")
	require.Len(t, seen, len(segmentRules()))
}

func TestIDsInOrder(t *testing.T) {
	ids := []string{"b", "10", "9", "a", "009", "18446744073709551616", "", "-1", "100"}
	slices.SortFunc(ids, compareIDs)
	require.Equal(t, []string{"009", "9", "10", "100", "18446744073709551616", "", "-1", "a", "b"}, ids)
}

// A row tells its purchases before any day apart, in whatever order they came, as long as the day is among the latest.
func TestBooks(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 500 {
		var row customer.CustomerRanking
		type buy struct {
			day   schemas.Date
			spent schemas.Money
		}
		var all []buy
		for range 1 + rng.IntN(12) {
			b := buy{schemas.Date(100 + rng.IntN(8)), schemas.Money(rng.IntN(1000))}
			all = append(all, b)
			book(&row, b.day, b.day-1, b.spent)
			require.LessOrEqual(t, len(row.Days), keptDays)
		}
		for _, day := range []schemas.Date{row.Days[len(row.Days)-1].Day, 1000} {
			tab := newTables(&customer.CustomerRanking{}, day)
			got := tab.standingOf("x", &row).now
			var want figures
			for _, b := range all {
				if b.day < day {
					want.add(1, b.spent, b.day-1)
				}
			}
			if want.orders == 0 {
				require.Zero(t, got.orders)
				continue
			}
			require.Equal(t, want, got)
		}
	}
}

// What a ranking leaves out did not change: whoever keeps what it told before knows all.
func TestRankingTellsAllNews(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	rows := map[string]*customer.CustomerRanking{}
	control := customer.CustomerRanking{}
	known := map[string]string{}
	noted := int64(0)
	for day := schemas.Date(1); day < 400; day++ {
		for range rng.IntN(6) {
			id := strconv.Itoa(rng.IntN(40))
			if rows[id] == nil {
				rows[id] = &customer.CustomerRanking{CustomerID: id}
			}
			if rows[id].Gone {
				continue
			}
			noted++
			rows[id].Noted = noted
			completed := day - schemas.Date(max(0, rng.IntN(12)-8)) // some come late
			book(rows[id], completed, completed, schemas.Money(1000*rng.IntN(5)+1))
		}
		if rng.IntN(3) == 0 { // an account turns out to be somebody's, or its own again, or is deleted
			id, head := strconv.Itoa(rng.IntN(40)), strconv.Itoa(rng.IntN(40))
			switch rng.IntN(5) {
			case 0:
				head = ""
			case 1, 2:
				head = id
			}
			headed := false // whoever stands for others is no alias, and whom others belong to is none either
			for other, row := range rows {
				headed = headed || head != id && head != "" && aliasOf(other, row) == id
			}
			if h := rows[head]; h != nil && head != id && (h.Gone || aliasOf(head, h) != "") {
				headed = true
			}
			if row := rows[id]; row != nil && !row.Gone && !headed {
				noted++
				become(row, id, head, noted)
				if head != id {
					delete(known, id)
				}
			}
		}
		if rng.IntN(3) == 0 {
			continue // no ranking today
		}
		rank := func(all bool, tell tellRank) *tables {
			last := control
			if all {
				last.RankedTo = 0
			}
			tab := newTables(&last, day+1)
			require.NoError(t, tab.rank(func(look func(string, *customer.CustomerRanking)) error {
				for id, row := range rows {
					look(id, row)
				}
				return nil
			}, tell))
			return tab
		}
		write := func(into map[string]string) tellRank {
			return func(id string, now figures, r, f, m int32) {
				if into[id] = fmt.Sprint(now, r, f, m); now.orders == 0 {
					delete(into, id)
				}
			}
		}
		want := map[string]string{}
		rank(true, write(want))
		tab := rank(false, write(known))
		require.Equal(t, want, known, "day %d", day)
		control.RankedDay, control.RankedTo = schemas.Some(day+1), noted
		control.RecencyCuts, control.FrequencyCuts, control.MonetaryCuts = tab.cuts[0], tab.cuts[1], tab.cuts[2]
	}
}

func TestRules(t *testing.T) {
	env := func(values map[string]string) func(string) string {
		return func(name string) string { return values[name] }
	}
	r, err := RulesFrom(env(nil))
	require.NoError(t, err)
	require.Equal(t, DefaultRules(), r)
	r, err = RulesFrom(env(map[string]string{EnvReviews: "-0.1..0.9", EnvRankSoon: "5s", EnvOthers: " -0.2 .. 0.2 "}))
	require.NoError(t, err)
	require.Equal(t, Thresholds{-0.1, 0.9}, r.Reviews)
	require.Equal(t, customerint.MoodNeutral, r.Others.Class(0.1999))
	_, err = RulesFrom(env(map[string]string{EnvReviews: "0.5..0.1", EnvOthers: "NaN..1", EnvRankGrace: "1", EnvRankSoon: "0s"}))
	for _, name := range []string{EnvReviews, EnvOthers, EnvRankGrace, "repeating"} {
		require.ErrorContains(t, err, name)
	}
	bad := filepath.Join(t.TempDir(), "lexicon")
	require.NoError(t, os.WriteFile(bad, []byte("good\tvery\n"), 0o600))
	for _, file := range []string{bad, filepath.Join(t.TempDir(), "none")} {
		_, err = Products(Rules{Lexicon: file, Reviews: r.Reviews, Others: r.Others, RankSoon: 1})
		require.ErrorContains(t, err, EnvLexicon)
	}
}
