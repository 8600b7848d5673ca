package retail_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/schemas"
	"meshwork.dev/schemas/orderproc"
	"meshwork.dev/services/meshwork/feed"
	"meshwork.dev/services/meshwork/retail"
)

const header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"

func read(t testing.TB, text string) (orders []*orderproc.CreateOrder, rejects []retail.Reject) {
	t.Helper()
	r, err := retail.NewReader(strings.NewReader(text), retail.Options{Reject: func(x retail.Reject) { rejects = append(rejects, x) }})
	require.NoError(t, err)
	drain(t, r, func(m feed.Message) {
		if m.Order != nil {
			orders = append(orders, m.Order)
		}
	})
	require.Equal(t, len(rejects), r.Rejects())
	return orders, rejects
}

// A line that cannot be used is left out with its number and the reason; the lines around it are used.
func TestMalformedLines(t *testing.T) {
	good := "536365,85123A,HEART,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom\n"
	for _, c := range []struct{ name, line, reason string }{
		{"columns", "536366,22,x,1,2010-12-01 08:28:00,1.85,17850.0", "7 columns, want 8"},
		{"open quote", `536366,22,"x,1,2010-12-01 08:28:00,1.85,17850.0,UK`, "a quoted field is not closed on this line"},
		{"after quote", `536366,22,"x"y,1,2010-12-01 08:28:00,1.85,17850.0,UK`, "text after the closing quote of a field"},
		{"quantity", "536366,22,x,many,2010-12-01 08:28:00,1.85,17850.0,UK", `column Quantity: "many" is not a whole number of 32 bits`},
		{"huge quantity", "536366,22,x,3000000000,2010-12-01 08:28:00,1.85,17850.0,UK", `column Quantity: "3000000000" is not a whole number of 32 bits`},
		{"no quantity", "536366,22,x,0,2010-12-01 08:28:00,1.85,17850.0,UK", "column Quantity is 0"},
		{"date", "536366,22,x,1,1st of May,1.85,17850.0,UK", `column InvoiceDate: "1st of May" is not a time such as 2010-12-01 08:26:00`},
		{"price", "536366,22,x,1,2010-12-01 08:28:00,1.8505,17850.0,UK", `column UnitPrice: "1.8505": not a decimal of this scale (3 decimals)`},
		{"customer", "536366,22,x,1,2010-12-01 08:28:00,1.85,Bob,UK", `column CustomerID: "Bob" is not a whole number`},
		{"part of a customer", "536366,22,x,1,2010-12-01 08:28:00,1.85,1.5,UK", `column CustomerID: "1.5" is not a whole number`},
		{"no code", "536366,,x,1,2010-12-01 08:28:00,1.85,17850.0,UK", "column StockCode is empty"},
		{"invoice", "X12,22,x,1,2010-12-01 08:28:00,1.85,17850.0,UK", `column InvoiceNo: "X12" is neither a number nor C or A and a number`},
		{"two customers", "536365,22,x,1,2010-12-01 08:26:00,1.85,1.0,United Kingdom", "another customer than the rows before in the same invoice"},
		{"two countries", "536365,22,x,1,2010-12-01 08:26:00,1.85,17850.0,France", "another country than the rows before in the same invoice"},
		{"too long", "536366,22," + strings.Repeat("x", 70_000) + ",1,2010-12-01 08:28:00,1.85,17850.0,UK", "longer than 65536 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			orders, rejects := read(t, header+good+c.line+"\n"+good)
			require.Len(t, rejects, 1)
			require.Equal(t, 3, rejects[0].Line)
			require.Equal(t, c.reason, rejects[0].Reason)
			require.True(t, strings.HasPrefix(c.line, rejects[0].Text))
			require.Len(t, orders, 1)
			require.Len(t, orders[0].Items, 2)
			require.EqualValues(t, 1, orders[0].Items[0].LineNumber)
			require.EqualValues(t, 3, orders[0].Items[1].LineNumber, "a line keeps its number in the file")
		})
	}
}

func TestRowOfAnInvoiceLongEnded(t *testing.T) {
	orders, rejects := read(t, header+
		"1,22,x,1,2010-12-01 08:00:00,1,,UK\n"+
		"2,22,x,1,2010-12-01 08:09:00,1,,UK\n"+
		"1,23,x,1,2010-12-01 08:10:00,1,,UK\n"+ // still open: rows may stand apart
		"3,22,x,1,2010-12-01 09:00:00,1,,UK\n"+
		"1,24,x,1,2010-12-01 09:00:00,1,,UK\n")
	require.Len(t, orders, 3)
	require.Equal(t, []string{"1", "2", "3"}, []string{orders[0].OrderID, orders[1].OrderID, orders[2].OrderID})
	require.Len(t, orders[0].Items, 2)
	require.Len(t, rejects, 1)
	require.Equal(t, retail.Reject{Line: 6, Reason: "a row of an invoice that ended long before", Text: "1,24,x,1,2010-12-01 09:00:00,1,,UK"}, rejects[0])
}

func TestOneOrder(t *testing.T) {
	orders, rejects := read(t, "\ufeff"+header+
		`536365,85123a, "odd" NAME ,6,2011-06-01 08:27:00,2.55,17850.0,United Kingdom`+"\r\n"+
		`536365,POST,"A ""B"", C",-0001,2011-06-01 08:26:00,0.001,17850,United Kingdom`+"\n\n")
	require.Empty(t, rejects)
	require.Len(t, orders, 1)
	at := time.Date(2011, 6, 1, 7, 26, 0, 0, time.UTC) // summer time
	require.Equal(t, &orderproc.CreateOrder{
		Identity: orderproc.Identity{EventID: "online-retail/536365/2", IdempotenceID: "online-retail/536365/2", Created: at},
		OrderID:  "536365", Kind: orderproc.OrderKindSale, CustomerID: schemas.Some("17850"), Channel: orderproc.ChannelWeb,
		Currency: "GBP", Country: schemas.Some("United Kingdom"), OrderDate: at,
		Items: []orderproc.OrderItem{
			{LineNumber: 1, ProductID: "85123A", ProductCode: "85123a", Description: schemas.Some(` "odd" NAME `), Quantity: 6, UnitPrice: 2550, OrderedAt: at.Add(time.Minute)},
			{LineNumber: 2, ProductID: "POST", ProductCode: "POST", Description: schemas.Some(`A "B", C`), Quantity: -1, UnitPrice: 1, OrderedAt: at},
		},
	}, orders[0])
}

func TestKinds(t *testing.T) {
	orders, rejects := read(t, header+
		"1,22,damaged,-5,2010-12-01 08:00:00,0,,UK\n"+
		"2,22,x,-5,2010-12-01 08:00:00,0,17.0,UK\n"+
		"C3,22,x,-5,2010-12-01 08:00:00,1,17.0,UK\n"+
		"A4,B,Adjust bad debt,1,2010-12-01 08:00:00,-11062.06,,UK\n")
	require.Empty(t, rejects)
	require.Equal(t, orderproc.OrderKindWriteOff, orders[0].Kind)
	require.Equal(t, orderproc.OrderKindSale, orders[1].Kind, "somebody's order is no write-off; order processing will refuse it")
	require.Equal(t, orderproc.OrderKindCancellation, orders[2].Kind)
	require.Equal(t, orderproc.OrderKindAdjustment, orders[3].Kind)
	require.Equal(t, orderproc.ChannelBackOffice, orders[2].Channel)
}

func TestOtherCopiesOfTheDataSet(t *testing.T) {
	text := "StockCode,InvoiceNo,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n" +
		"22,1,\xa310 VOUCHER,1,12/9/2011 12:50,1.5,17,UK\n"
	orders, rejects := read(t, text)
	require.Empty(t, rejects)
	require.Equal(t, "£10 VOUCHER", orders[0].Items[0].Description.Value)
	require.Equal(t, time.Date(2011, 12, 9, 12, 50, 0, 0, time.UTC), orders[0].OrderDate)
}

func TestNotTheDataSet(t *testing.T) {
	for _, text := range []string{"", "a,b\n", "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,Customer,Country\n"} {
		_, err := retail.NewReader(strings.NewReader(text), retail.Options{})
		require.ErrorIs(t, err, retail.ErrHeader)
	}
	_, err := retail.Open(t.TempDir(), retail.Options{})
	require.ErrorContains(t, err, "is a folder")
}

// A torn download is an error, not the end of the file.
func TestTornFile(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = io.WriteString(z, header+strings.Repeat("1,22,x,1,2010-12-01 08:00:00,1,,UK\n", 1000))
	require.NoError(t, z.Close())
	torn, err := gzip.NewReader(bytes.NewReader(packed.Bytes()[:packed.Len()-12]))
	require.NoError(t, err)
	r, err := retail.NewReader(torn, retail.Options{})
	require.NoError(t, err)
	for err == nil {
		_, err = r.Next()
	}
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

func FuzzReader(f *testing.F) {
	f.Add(header + "536365,85123A,HEART,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom\n\"\n,,,\n")
	f.Fuzz(func(t *testing.T, text string) {
		rejects, items := 0, 0
		r, err := retail.NewReader(strings.NewReader(text), retail.Options{Reject: func(retail.Reject) { rejects++ }})
		if err != nil {
			return
		}
		drain(t, r, func(m feed.Message) {
			if m.Order != nil {
				items += len(m.Order.Items)
			}
		})
		require.Equal(t, r.Rows(), items)
		require.Equal(t, r.Rejects(), rejects)
	})
}
