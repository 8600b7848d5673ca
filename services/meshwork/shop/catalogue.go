package shop

import (
	"strconv"

	"meshwork.dev/schemas"
)

// article is a product of the catalogue.
type article struct {
	price int32 // thousandths of a pound
	gone  bool
	texts articleTexts
}

// articleTexts are made once per product, since most messages name one.
type articleTexts struct{ id, page, url, name string }

// productID is the id of product p: five digits or more, as goods have.
func productID(p int) string { return strconv.Itoa(20000 + p) }

// addArticle lets product p come.
func (s *Simulator) addArticle() int {
	p := len(s.articles)
	d := roll(s.c.Seed, forProduct, uint64(p))
	u := d.next() >> 48
	id := productID(p)
	page := pageID("product", id)
	s.articles = append(s.articles, article{
		price: int32(39+(u*u>>16)*2456>>16) * 10,
		texts: articleTexts{id: id, page: page, url: pathOf(page), name: s.words.productName(p)},
	})
	return p
}

// present gives p, or the nearest product after it that is still there.
func (s *Simulator) present(p int) int {
	for range 64 {
		if !s.articles[p].gone {
			return p
		}
		if p++; p == len(s.articles) {
			p = 0
		}
	}
	return p
}

// choose is a product that somebody comes for.
func (s *Simulator) choose(d *dice) int { return s.present(d.popular(len(s.articles))) }

// neighbours is the number of products that are looked at and bought with a product.
const neighbours = 6

// beside is a product that goes with p: a few of its category, the first of them most often.
func (s *Simulator) beside(p int, d *dice) int {
	which := min(d.below(neighbours), d.below(neighbours))
	n := roll(s.c.Seed, forNeighbour, uint64(p*neighbours+which))
	q := n.popular(s.c.Products)
	q = q - q%categories + p%categories
	if q >= len(s.articles) {
		q = p
	}
	return s.present(q)
}

// favourite is a product that customer k buys again and again.
func (s *Simulator) favourite(k int, d *dice) int {
	which := min(d.below(8), d.below(8))
	f := roll(s.c.Seed, forFavourite, uint64(s.same(k)*8+which))
	return s.present(f.popular(s.c.Products))
}

// inCategory is a product of a category.
func (s *Simulator) inCategory(c int, d *dice) int {
	p := d.popular(len(s.articles))
	p = p - p%categories + c
	if p >= len(s.articles) {
		p = c % len(s.articles)
	}
	return s.present(p)
}

func (s *Simulator) price(p int) schemas.Money { return schemas.Money(s.articles[p].price) }

// stir changes the catalogue by one step, and says when the next one is due: a product comes, goes or has another
// price.
func (s *Simulator) stir(at int64) (p int, gone bool) {
	d := roll(s.c.Seed, forCatalogue, s.stirs)
	s.stirs++
	s.nextStir = at + s.logs.expo(&d, year/int64(s.c.Products*5))
	switch what := d.below(500); {
	case what < 33 && len(s.articles) < 2*MaxProducts:
		return s.addArticle(), false
	case what < 53 && len(s.articles) > 10:
		p = d.below(len(s.articles))
		if !s.articles[p].gone {
			s.articles[p].gone = true
			return p, true
		}
	}
	p = s.choose(&d)
	a := &s.articles[p]
	a.price = max(a.price*int32(80+d.below(41))/1000*10, 100)
	return p, false
}
