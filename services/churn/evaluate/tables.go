package evaluate

import (
	"strconv"

	"meshwork.dev/pkg/report"
	"meshwork.dev/services/churn/model"
)

// none is a cell that does not apply.
const none = "-"

func number(v float64, digits int) string { return strconv.FormatFloat(v, 'f', digits, 64) }

// scored is one row of a table of scores.
type scored struct {
	name string
	// score ranks customers; probability says whether it is one, so that it can be judged as such.
	score       []float64
	probability bool
	published   [3]string // AUC, Brier, ECE
	remark      string
}

// scores makes a table of what scores foretold.
func scores(name, title string, came []bool, rows []scored, notes ...string) report.Table {
	t := report.Table{
		Name: name, Title: title,
		Columns: []string{"score", "AUC", "published", "Brier", "published", "ECE10", "published", "remark"},
		Notes:   notes,
	}
	for _, r := range rows {
		cells := []string{r.name, number(model.AUC(r.score, came), 4), r.published[0], none, r.published[1], none, r.published[2], r.remark}
		if r.probability {
			cells[3], cells[5] = number(model.Brier(r.score, came), 4), number(model.ECE(r.score, came, 10), 4)
		}
		for i, c := range cells {
			if c == "" {
				cells[i] = none
			}
		}
		t.Rows = append(t.Rows, cells)
	}
	return t
}

// histories are customers as the models take them.
func histories(in []Customer) []model.Customer {
	out := make([]model.Customer, len(in))
	for i, c := range in {
		for _, d := range c.Days {
			out[i].Days = append(out[i].Days, model.Day{Day: d.Day, Orders: d.Orders, Value: d.Net.Float()})
		}
	}
	return out
}

// asOf are the customers known at the end of the day end, and whether each bought within horizon days after.
func asOf(in []model.Customer, end, horizon int) (known []model.Customer, came []bool) {
	for _, c := range in {
		if b, ok := c.Before(end); ok {
			known = append(known, b)
			came = append(came, c.Bought(end, horizon))
		}
	}
	return known, came
}

func share(came []bool) float64 {
	n := 0.0
	for _, c := range came {
		if c {
			n++
		}
	}
	return n / float64(len(came))
}

// each computes a number of every customer.
func each(in []model.Customer, f func(model.Customer) float64) []float64 {
	out := make([]float64, len(in))
	for i, c := range in {
		out[i] = f(c)
	}
	return out
}
