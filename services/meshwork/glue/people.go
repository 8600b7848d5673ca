package glue

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Person is one customer of AdventureWorks.
type Person struct {
	First, Last string
	Female      bool
	Birth       time.Time // zero where unknown
	Email       string
	Phone       string
	Line1       string
	Line2       string
	City        string
	Region      string
	PostalCode  string
}

// archive reads the named files of a compressed tar; folders in their names are left out.
func archive(file string, names ...string) (map[string][]byte, error) {
	f, err := os.Open(file) //nolint:gosec // the folder is the user's choice
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	want, got := map[string]bool{}, map[string][]byte{}
	for _, n := range names {
		want[n] = true
	}
	for r := tar.NewReader(z); len(got) < len(names); {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%s: has not all of %s", file, strings.Join(names, ", "))
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if name := path.Base(h.Name); want[name] {
			if got[name], err = io.ReadAll(r); err != nil {
				return nil, fmt.Errorf("%s: %s: %w", file, name, err)
			}
		}
	}
	return got, nil
}

// rows cuts one of AdventureWorks' files: most have tabs and lines, some "+|" and "&|". There are no headers.
func rows(b []byte) [][]string {
	fields, records := "\t", "\n"
	if bytes.Contains(b[:min(len(b), 4096)], []byte("&|")) {
		fields, records = "+|", "&|"
	}
	var out [][]string
	for r := range strings.SplitSeq(string(b), records) {
		if r = strings.Trim(r, "\r\n"); r != "" {
			out = append(out, strings.Split(r, fields))
		}
	}
	return out
}

// readPeople joins the people of the data warehouse, which have names, with the customers of the shop's database, which
// have addresses: CustomerKey there is CustomerID here. The order is that of CustomerKey.
func readPeople(dir string) ([]Person, error) {
	dw, err := archive(dir+"/dw.tar.gz", "DIM_Customer.thanhhuong96.csv")
	if err != nil {
		return nil, err
	}
	db, err := archive(dir+"/oltp.tar.gz", "Customer.csv", "EmailAddress.csv", "BusinessEntityAddress.csv", "Address.csv", "StateProvince.csv")
	if err != nil {
		return nil, err
	}
	person, email, home := index(db["Customer.csv"], 1), index(db["EmailAddress.csv"], 2), index(db["BusinessEntityAddress.csv"], 1)
	states := index(db["StateProvince.csv"], 4)
	addresses := map[string][]string{}
	for _, r := range rows(db["Address.csv"]) {
		if len(r) > 5 {
			addresses[r[0]] = r
		}
	}
	in := csv.NewReader(bytes.NewReader(dw["DIM_Customer.thanhhuong96.csv"]))
	head, err := in.Read()
	if err != nil || len(head) != 10 || strings.TrimPrefix(head[0], "\ufeff") != "CustomerKey" {
		return nil, fmt.Errorf("DIM_Customer: not the file that was expected: %v", head)
	}
	byKey := map[int]Person{}
	first, last := 1<<31, 0
	for {
		r, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("DIM_Customer: %w", err)
		}
		key, err := strconv.Atoi(r[0])
		if err != nil {
			return nil, fmt.Errorf("DIM_Customer: CustomerKey %q", r[0])
		}
		p := Person{First: utf(r[1]), Last: utf(r[2]), Female: r[5] == "Female", Phone: r[7], Line1: utf(r[6]), City: utf(r[9])}
		if t, err := time.Parse("1/2/2006", r[4]); err == nil {
			p.Birth = t
		}
		id := person[r[0]]
		p.Email = email[id]
		if a := addresses[home[id]]; a != nil {
			p.Line1, p.Line2, p.City, p.PostalCode, p.Region = utf(a[1]), utf(a[2]), utf(a[3]), a[5], strings.TrimSpace(states[a[4]])
		}
		byKey[key] = p
		first, last = min(first, key), max(last, key)
	}
	out := make([]Person, 0, len(byKey))
	for k := first; k <= last; k++ {
		if p, ok := byKey[k]; ok {
			out = append(out, p)
		}
	}
	if len(out) == 0 {
		return nil, errors.New("DIM_Customer: has no people")
	}
	return out, nil
}

// index maps the first column of a file to another; the first row of a key counts.
func index(b []byte, value int) map[string]string {
	out := map[string]string{}
	for _, r := range rows(b) {
		if len(r) <= value {
			continue
		}
		if _, ok := out[r[0]]; !ok {
			out[r[0]] = r[value]
		}
	}
	return out
}

// utf undoes what some copies suffered: UTF-8 that was taken for Latin-1 and encoded again.
func utf(s string) string {
	if !strings.ContainsAny(s, "ÃÂ") {
		return s
	}
	b := make([]byte, 0, len(s))
	for _, r := range s {
		if r > 0xff {
			return s
		}
		b = append(b, byte(r))
	}
	if !utf8.Valid(b) {
		return s
	}
	return string(b)
}
