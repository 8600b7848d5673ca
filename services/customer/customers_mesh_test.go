package customer_test

import (
	"archive/tar"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/schemas"
	schema "meshwork.dev/schemas/customer"
)

// The customers of AdventureWorks, with second accounts, moves and deletions added by rule, in any order and repeated,
// give the customers of a batch that knows each account's last change.
func TestCustomersEqualBatch(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	changes := adventureWorks(t)
	want := batch(changes)
	rng := rand.New(rand.NewPCG(3, 4))
	for i := range changes {
		if rng.IntN(10) == 0 {
			changes = append(changes, changes[i])
		}
	}
	rng.Shuffle(len(changes), func(i, j int) { changes[i], changes[j] = changes[j], changes[i] })
	m := newMesh(t, nil)
	send := func(values []schema.CustomerChange) {
		publish(m, schema.CustomerChangeEvent, values,
			func(e *schema.CustomerChange) time.Time { return e.ChangedAt },
			func(e *schema.CustomerChange) string { return e.Identity.IdempotenceID })
	}
	start := time.Now()
	m.start()
	send(changes[:len(changes)/2])
	m.stop()
	send(changes[len(changes)/2:])
	m.start()
	m.caughtUp()
	got := table(m, schema.CustomerState)
	valid, addresses, events := 0, 0, 0
	read(m, schema.AddressChangedEvent, func(string, *schema.AddressChanged) { events++ })
	for id := range got {
		for _, a := range got[id].Addresses {
			addresses++
			if a.Status == schema.AddressStatusValid {
				valid++
			}
		}
	}
	t.Logf("%d changes in %v: %d customers, %d addresses, %d of them valid, %d moves seen", len(changes),
		time.Since(start).Round(time.Millisecond), len(got), addresses, valid, events)
	require.Len(t, got, len(want))
	aliases := 0
	for id, w := range want {
		g, ok := got[id]
		require.True(t, ok, "customer %s", id)
		require.Equal(t, w.aliases, strings.Join(g.Aliases, " "), "customer %s", id)
		require.Equal(t, w.email, g.Emails[0].Address)
		require.True(t, g.Emails[0].Valid)
		require.Equal(t, w.line1, g.Addresses[0].Line1, "customer %s", id)
		require.Equal(t, w.country, g.Addresses[0].Country, "customer %s", id)
		require.Equal(t, w.lastName, g.LastName.Or(""), "customer %s", id)
		require.True(t, w.changed.Equal(g.Changed), "customer %s: %v, want %v", id, g.Changed, w.changed)
		aliases += len(g.Aliases)
	}
	require.Greater(t, aliases, 500)
	require.Equal(t, 1464, addresses-valid) // half postal codes, such as WA1 and V9, and two misspelt ones
}

// person is what the batch knows of a customer.
type person struct {
	aliases, email, line1, country, lastName string
	registered, changed                      time.Time
	id                                       string
}

// batch keeps the last change of every account, and of the accounts with one e-mail address the earliest.
func batch(changes []schema.CustomerChange) map[string]person {
	last := map[string]schema.CustomerChange{}
	opened := map[string]time.Time{}
	for _, e := range changes {
		if was, ok := last[e.CustomerID]; !ok || e.ChangedAt.After(was.ChangedAt) {
			last[e.CustomerID] = e
		}
		at := e.RegisteredAt.Or(e.ChangedAt)
		if was, ok := opened[e.CustomerID]; !ok || at.Before(was) {
			opened[e.CustomerID] = at
		}
	}
	groups := map[string][]person{}
	for id, e := range last {
		if e.Op == schema.ChangeOpDelete {
			continue
		}
		p := person{
			id: id, email: strings.ToLower(strings.TrimSpace(e.Emails[0])), registered: opened[id], changed: e.ChangedAt,
			lastName: strings.TrimSpace(e.LastName.Or("")), line1: strings.TrimSpace(e.Addresses[0].Line1), country: e.Addresses[0].Country,
		}
		groups[p.email] = append(groups[p.email], p)
	}
	out := map[string]person{}
	for _, list := range groups {
		slices.SortFunc(list, func(a, b person) int {
			return cmp.Or(a.registered.Compare(b.registered), cmp.Compare(len(a.id), len(b.id)), cmp.Compare(a.id, b.id))
		})
		head := list[0]
		var rest []string
		for _, p := range list[1:] {
			rest = append(rest, p.id)
		}
		slices.SortFunc(rest, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
		head.aliases = strings.Join(rest, " ")
		out[head.id] = head
	}
	return out
}

// adventureWorks makes changes of the individual customers of the database: who they are from DIM_Customer, where they
// live and how to reach them from the tables of the shop, which are in two dialects without headers.
func adventureWorks(t *testing.T) []schema.CustomerChange {
	t.Helper()
	files := untar(t, "adventureworks/oltp.tar.gz")
	table := func(name string) [][]string {
		var rows [][]string
		text := files["oltp/"+name+".csv"]
		ends, fields := "\n", "\t"
		if strings.Contains(text, "&|") {
			ends, fields = "&|", "+|"
		}
		for row := range strings.SplitSeq(text, ends) {
			if row = strings.TrimLeft(strings.TrimRight(row, "\r"), "\r\n"); row != "" {
				rows = append(rows, strings.Split(row, fields))
			}
		}
		require.NotEmpty(t, rows, name)
		return rows
	}
	country := map[string]string{}
	region := map[string]string{}
	for _, f := range table("StateProvince") {
		country[f[0]], region[f[0]] = f[2], f[4]
	}
	email, phone, address := map[string]string{}, map[string]string{}, map[string]schema.RawAddress{}
	for _, f := range table("EmailAddress") {
		email[f[0]] = f[2]
	}
	for _, f := range table("PersonPhone") {
		phone[f[0]] = f[1]
	}
	for _, f := range table("Address") {
		address[f[0]] = schema.RawAddress{
			Kind: schema.AddressKindMain, Line1: f[1], City: f[3], Region: schemas.Some(region[f[4]]), PostalCode: f[5], Country: country[f[4]],
		}
	}
	home := map[string]schema.RawAddress{}
	for _, f := range table("BusinessEntityAddress") {
		home[f[0]] = address[f[1]]
	}
	people := map[string][]string{}
	for name, text := range untar(t, "adventureworks/dw.tar.gz") {
		if strings.HasPrefix(path.Base(name), "DIM_Customer") {
			rows, err := csv.NewReader(strings.NewReader(latin1(text))).ReadAll()
			require.NoError(t, err)
			for _, f := range rows[1:] {
				people[f[0]] = f
			}
		}
	}
	var out []schema.CustomerChange
	for _, f := range table("Customer") {
		who, known := people[f[0]]
		where, settled := home[f[1]]
		if !known || !settled || email[f[1]] == "" {
			continue // stores and their contacts
		}
		first, err := time.Parse("1/2/2006", who[8])
		require.NoError(t, err)
		born, err := time.Parse("1/2/2006", who[4])
		require.NoError(t, err)
		e := schema.CustomerChange{
			CustomerID: f[0], Op: schema.ChangeOpUpsert, FirstName: schemas.Some(who[1]), LastName: schemas.Some(who[2]),
			BirthDate: schemas.Some(schemas.DateOf(born)), Emails: []string{email[f[1]]}, Phones: []schema.RawPhone{{Number: phone[f[1]]}},
			Addresses: []schema.RawAddress{where}, RegisteredAt: schemas.Some(first), ChangedAt: first,
		}
		out = append(out, variants(e, len(out))...)
	}
	for i := range out {
		out[i].Identity.IdempotenceID = fmt.Sprint("aw/", i)
	}
	require.Greater(t, len(out), 18_000)
	return out
}

// variants adds what the database does not have: moves, second accounts, deletions, by the number of the customer.
func variants(e schema.CustomerChange, n int) []schema.CustomerChange {
	out := []schema.CustomerChange{e}
	if n%10 == 0 {
		moved := e
		moved.ChangedAt = e.ChangedAt.AddDate(0, 1, 0)
		moved.Addresses = slices.Clone(e.Addresses)
		moved.Addresses[0].Line1 = "1 New Street "
		out = append(out, moved)
	}
	if n%20 == 3 {
		second := e
		second.CustomerID = "9" + e.CustomerID
		second.Emails = []string{" " + strings.ToUpper(e.Emails[0])}
		second.RegisteredAt = schemas.Some(e.RegisteredAt.Value.AddDate(0, n%3-1, 0)) // earlier, at once or later
		out = append(out, second)
	}
	if n%50 == 7 {
		gone := schema.CustomerChange{CustomerID: e.CustomerID, Op: schema.ChangeOpDelete, ChangedAt: e.ChangedAt.AddDate(0, 2, 0)}
		out = append(out, gone)
	}
	return out
}

// latin1 makes UTF-8 of Latin 1, which DIM_Customer is.
func latin1(text string) string {
	var b strings.Builder
	for i := range len(text) {
		b.WriteRune(rune(text[i]))
	}
	return b.String()
}

// untar reads the files of an archive.
func untar(t *testing.T, name string) map[string]string {
	t.Helper()
	out := map[string]string{}
	r := tar.NewReader(openData(t, name))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		require.NoError(t, err)
		b, err := io.ReadAll(r)
		require.NoError(t, err)
		out[h.Name] = string(b)
	}
}
