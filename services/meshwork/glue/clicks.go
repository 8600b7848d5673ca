package glue

import (
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// click is one row of the clickstream.
type click struct {
	at       time.Time // made up, but for the day
	row      int32     // number of the data row
	session  int32
	number   int16 // within the session
	model    int16 // index of its code
	category uint8
	colour   uint8
}

// clickstream is the whole of it.
type clickstream struct {
	clicks []click
	models []string // by index
	ranked []int    // indexes of models, the most clicked first; ties by code
	rank   []int    // the inverse
}

func open(file string) (io.ReadCloser, io.Reader, error) {
	f, err := os.Open(file) //nolint:gosec // the folder is the user's choice
	if err != nil {
		return nil, nil, err
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		_ = f.Close()
		return nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	return f, z, nil
}

// readClicks reads the clickstream; times are the days'. rejected counts rows that are not understood.
func readClicks(file string) (c *clickstream, rejected int, err error) {
	f, r, err := open(file)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	in := csv.NewReader(r)
	in.Comma, in.ReuseRecord = ';', true
	if _, err := in.Read(); err != nil {
		return nil, 0, fmt.Errorf("%s: %w", file, err)
	}
	c = &clickstream{}
	ids, count := map[string]int16{}, []int{}
	for row := int32(1); ; row++ {
		rec, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || len(rec) != 14 {
			rejected++
			continue
		}
		var n [14]int
		bad := false
		for i, s := range rec {
			if i == 7 {
				continue
			}
			n[i], err = strconv.Atoi(s)
			bad = bad || err != nil
		}
		if bad {
			rejected++
			continue
		}
		id, ok := ids[rec[7]]
		if !ok {
			id = int16(len(c.models))
			ids[strings.Clone(rec[7])] = id
			c.models = append(c.models, strings.Clone(rec[7]))
			count = append(count, 0)
		}
		count[id]++
		c.clicks = append(c.clicks, click{
			at:  time.Date(n[0], time.Month(n[1]), n[2], 0, 0, 0, 0, time.UTC),
			row: row, session: int32(n[5]), number: int16(n[3]), model: id, category: uint8(n[6]), colour: uint8(n[8]),
		})
	}
	c.ranked = make([]int, len(c.models))
	for i := range c.ranked {
		c.ranked[i] = i
	}
	slices.SortFunc(c.ranked, func(a, b int) int {
		if count[a] != count[b] {
			return count[b] - count[a]
		}
		return strings.Compare(c.models[a], c.models[b])
	})
	return c, rejected, nil
}

// categoryNames and colourNames are the data set's legend.
func categoryNames() []string { return []string{"", "trousers", "skirts", "blouses", "sale"} }

func colourNames() []string {
	return []string{
		"", "beige", "black", "blue", "brown", "burgundy", "gray", "green", "navy blue", "of many colors", "olive", "pink", "red",
		"violet", "white",
	}
}

// readPauses reads how many seconds visitors of Online Shoppers spent on a product page, one mean per session.
func readPauses(file string) ([]float64, error) {
	f, r, err := open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	in := csv.NewReader(r)
	in.ReuseRecord = true
	head, err := in.Read()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	n, d := slices.Index(head, "ProductRelated"), slices.Index(head, "ProductRelated_Duration")
	if n < 0 || d < 0 {
		return nil, fmt.Errorf("%s: has no columns ProductRelated and ProductRelated_Duration", file)
	}
	var out []float64
	for {
		rec, err := in.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		pages, err1 := strconv.Atoi(rec[n])
		seconds, err2 := strconv.ParseFloat(rec[d], 64)
		if err1 == nil && err2 == nil && pages > 1 && seconds > 0 {
			out = append(out, min(seconds/float64(pages), 1200))
		}
	}
}

// timeClicks gives clicks their times: days moved so that the first is that of start or the first after it of the same
// weekday, hours as in the histogram, pauses as in pauses.
func (c *clickstream) timeClicks(seed uint64, start time.Time, hours [24]int, pauses []float64) {
	if len(c.clicks) == 0 {
		return
	}
	if len(pauses) == 0 {
		pauses = []float64{45}
	}
	first := c.clicks[0].at
	day := start.UTC().Truncate(24 * time.Hour)
	for day.Weekday() != first.Weekday() {
		day = day.AddDate(0, 0, 1)
	}
	total := 0
	for _, h := range hours {
		total += h
	}
	var now time.Time
	for i := range c.clicks {
		k := &c.clicks[i]
		if i == 0 || c.clicks[i-1].session != k.session {
			h := dice(seed, "session", strconv.Itoa(int(k.session)))
			hour := 12
			if total > 0 {
				pick := int(h % uint64(total))
				for hour = range hours {
					if pick -= hours[hour]; pick < 0 {
						break
					}
				}
			}
			within := time.Duration(h>>32%3_600_000) * time.Millisecond
			now = day.Add(k.at.Sub(first)).Add(time.Duration(hour)*time.Hour + within)
		} else {
			mean := pauses[dice(seed, "pauses", strconv.Itoa(int(k.session)))%uint64(len(pauses))]
			h := dice(seed, "pause", strconv.Itoa(int(k.row)))
			// Half to one and a half times the session's mean.
			now = now.Add(time.Second + time.Duration(mean*float64(500+h%1000))*time.Millisecond)
		}
		k.at = now
	}
	slices.SortStableFunc(c.clicks, func(a, b click) int { return a.at.Compare(b.at) })
}
