package glue

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// review is one row of the Women's Clothing reviews.
type review struct {
	row         int32
	rating      int8
	recommended bool
	helpful     int32
	title, text string
}

// readReviews reads the reviews by clothing id, in the order of the file, and the ids by the number of their reviews,
// the most reviewed first (ties: the smaller id).
func readReviews(file string) (byClothing [][]review, rejected int, err error) {
	f, r, err := open(file)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	in := csv.NewReader(r)
	head, err := in.Read()
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", file, err)
	}
	var at [6]int
	for i, name := range []string{"Clothing ID", "Title", "Review Text", "Rating", "Recommended IND", "Positive Feedback Count"} {
		if at[i] = slices.Index(head, name); at[i] < 0 {
			return nil, 0, fmt.Errorf("%s: has no column %s", file, name)
		}
	}
	all := map[int][]review{}
	for row := int32(1); ; row++ {
		rec, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			rejected++
			continue
		}
		id, err1 := strconv.Atoi(rec[at[0]])
		stars, err2 := strconv.Atoi(rec[at[3]])
		helpful, err3 := strconv.ParseInt(rec[at[5]], 10, 32)
		if err1 != nil || err2 != nil || err3 != nil || stars < 1 || stars > 5 {
			rejected++
			continue
		}
		all[id] = append(all[id], review{
			row: row, rating: int8(stars), recommended: rec[at[4]] == "1", helpful: int32(helpful),
			title: strings.TrimSpace(rec[at[1]]), text: strings.TrimSpace(rec[at[2]]),
		})
	}
	ids := make([]int, 0, len(all))
	for id := range all {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b int) int {
		if d := len(all[b]) - len(all[a]); d != 0 {
			return d
		}
		return a - b
	})
	for _, id := range ids {
		byClothing = append(byClothing, all[id])
	}
	return byClothing, rejected, nil
}
