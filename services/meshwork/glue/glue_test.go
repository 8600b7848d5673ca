package glue_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/services/meshwork/feed"
	"meshwork.dev/services/meshwork/glue"
	"meshwork.dev/services/meshwork/retail"
)

const (
	data   = "../../../../shared/data"
	orders = data + "/online_retail/online_retail.csv.gz"
)

func open(t *testing.T, o glue.Options) (*glue.Glue, *glue.Source) {
	t.Helper()
	if _, err := os.Stat(orders); err != nil {
		t.Skipf("the data sets are not here: %v", err)
	}
	g, err := glue.Open(data, orders, o)
	require.NoError(t, err)
	f, err := retail.Open(orders, retail.Options{MaxRows: o.Rows})
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	s := g.Wrap(f, glue.Parts)
	return g, s
}

func each(t *testing.T, s feed.Source, visit func(m feed.Message)) {
	t.Helper()
	for {
		m, err := s.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(t, err)
		visit(m)
	}
}

// All of every data set is in the feed, once, in the order of time, and refers to what was sold.
func TestWholeDataSets(t *testing.T) {
	g, s := open(t, glue.Options{})
	require.Empty(t, g.Missing())
	require.Zero(t, g.Rejected())
	tables, err := retail.NewTables()
	require.NoError(t, err)
	var last time.Time
	people, emails, products, ids := map[string]bool{}, map[string]string{}, map[string]bool{}, map[string]bool{}
	clicked, lines, sessions, stars := 0, map[string]int{}, map[string]bool{}, [6]int{}
	once := func(id string) {
		if ids[id] {
			t.Fatalf("%s came twice", id)
		}
		ids[id] = true
	}
	each(t, s, func(m feed.Message) {
		if m.At.Before(last) {
			t.Fatalf("time goes back from %v to %v", last, m.At)
		}
		last = m.At
		switch {
		case m.Order != nil:
			tables.AddCommand(m.Order)
			if id, ok := m.Order.CustomerID.Get(); ok && m.Order.Kind.String() == "SALE" {
				require.True(t, people[id], "an order before its customer")
			}
			lines[m.Order.OrderID] = len(m.Order.Items)
		case m.Change != nil:
			products[m.Change.ProductID] = true
		case m.Customer != nil:
			c := m.Customer
			once(c.Identity.IdempotenceID)
			if !people[c.CustomerID] {
				require.Len(t, c.Emails, 1)
				require.Empty(t, emails[c.Emails[0]], "two customers are one person")
				emails[c.Emails[0]] = c.CustomerID
			}
			people[c.CustomerID] = true
			require.NotEmpty(t, c.FirstName.Value)
			require.NotEmpty(t, c.Addresses[0].Line1)
		case m.Interaction != nil:
			i := m.Interaction
			once(i.Identity.IdempotenceID)
			require.True(t, people[i.CustomerID])
			require.Positive(t, lines[i.OrderID.Value], "the order comes first")
			stars[i.Rating.Value]++
		default:
			a := m.Action
			once(a.Identity.IdempotenceID)
			clicked++
			sessions[a.VisitorID] = true
			if !a.Page.Value.ProductID.Valid {
				t.Fatalf("%v has no product", a)
			}
		}
	})
	require.Equal(t, glue.Counts{Clicks: 165_474, Reviews: 23_486, People: s.Counts.People}, s.Counts)
	require.Equal(t, 165_474, clicked)
	require.Len(t, people, 4339, "customers with a sale")
	require.Greater(t, s.Counts.People, 4339, "some have moved")
	require.Equal(t, [6]int{0, 842, 1565, 2871, 5077, 13131}, stars)
	require.Equal(t, "dc0ed5eddf7e19dea9ba5c87d103a0a54b82232ac8622c3c2af769b220f69de2", tables.Digest(), "the orders are as without glue")
	require.Less(t, len(sessions), 24_026, "visitors come again")
	t.Logf("%d people rows, %d visitors", s.Counts.People, len(sessions))
}

func TestSameSeedSameGlue(t *testing.T) {
	digest := func(seed uint64) string {
		_, s := open(t, glue.Options{Seed: seed, Rows: 20_000})
		h := sha256.New()
		each(t, s, func(m feed.Message) {
			switch {
			case m.Action != nil:
				h.Write(m.Action.AppendAvro(nil))
			case m.Customer != nil:
				h.Write(m.Customer.AppendAvro(nil))
			case m.Interaction != nil:
				h.Write(m.Interaction.AppendAvro(nil))
			}
		})
		return hex.EncodeToString(h.Sum(nil))
	}
	first := digest(1)
	require.Equal(t, first, digest(1))
	require.NotEqual(t, first, digest(2))
}

// Without a data set, the others are there.
func TestMissingDataSets(t *testing.T) {
	if _, err := os.Stat(orders); err != nil {
		t.Skipf("the data sets are not here: %v", err)
	}
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "eshop_clickstream"), 0o700))
	abs, err := filepath.Abs(data + "/eshop_clickstream/e-shop-clothing-2008.csv.gz")
	require.NoError(t, err)
	require.NoError(t, os.Symlink(abs, filepath.Join(dir, "eshop_clickstream", "e-shop-clothing-2008.csv.gz")))
	g, err := glue.Open(dir, orders, glue.Options{Rows: 5000})
	require.NoError(t, err)
	require.Len(t, g.Missing(), 3)
	require.Nil(t, g.Person("17850"))
	f, err := retail.Open(orders, retail.Options{MaxRows: 5000})
	require.NoError(t, err)
	defer f.Close()
	s := g.Wrap(f, glue.Parts)
	each(t, s, func(feed.Message) {})
	require.Zero(t, s.Counts.People+s.Counts.Reviews)
}
