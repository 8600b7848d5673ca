package shop

// visit is one visit that is under way.
type visit struct {
	d        dice
	number   uint64 // counts visits; part of the ids of its messages
	visitor  uint64 // what the visitor id is made of
	id       string // the visitor id, once it was needed
	product  int32  // seen last
	customer int32  // -1 is a stranger
	left     int16  // page views still to come
	step     uint16 // counts messages
	flags    uint16
	page     page // where the visitor is
	from     page // where the visitor came from
	category uint8
	n        uint8 // lines in the basket
	queue    [4]kind
	queued   uint8
	basket   [maxLines]line
}

const maxLines = 12

// line is a line of a basket.
type line struct {
	product  int32
	quantity int16
}

const (
	buying   = 1 << iota // will check out
	first                // the customer's first visit
	loggedIn             //
	failed               // the last login was refused
	bot                  // a crawler
	leaving              // the way out has begun
	fresh                // the first page is still to come
	returns              // has been here before
)

// page is a kind of page.
type page uint8

const (
	outside page = iota
	home
	category
	results
	productPage
	basket
	checkoutPage
	account
)

// kind is a kind of action.
type kind uint8

const (
	pageView kind = iota
	search
	add
	remove
	checkout
	register
	login
	garbage
)

// deed is what a visitor does.
type deed struct {
	kind     kind
	product  int // pageView of a product, add, remove
	quantity int // add, remove
	ok       bool
}

// next decides what happens next in a visit; ok is false when it is over.
func (s *Simulator) next(v *visit) (did deed, ok bool) {
	d := &v.d
	if v.flags&bot != 0 {
		if v.left <= 0 {
			return deed{}, false
		}
		v.left--
		return s.view(v, productPage, d.below(len(s.articles))), true
	}
	if v.flags&fresh != 0 {
		v.flags &^= fresh
		v.left--
		return s.arrive(v), true
	}
	if v.queued > 0 {
		v.queued--
		k := v.queue[v.queued]
		if done, ok := s.queued(v, k); ok {
			return done, true
		}
	}
	if v.flags&leaving != 0 {
		return s.leave(v)
	}
	if v.page == productPage && v.flags&bot == 0 {
		if did, ok := s.consider(v); ok {
			return did, true
		}
	}
	if v.left <= 0 {
		v.flags |= leaving
		return s.leave(v)
	}
	v.left--
	return s.wander(v), true
}

// queued does what was decided before, where it still makes sense.
func (s *Simulator) queued(v *visit, k kind) (deed, bool) {
	switch k {
	case login:
		return s.login(v), true
	case register:
		return deed{kind: register}, true
	case garbage:
		return deed{kind: garbage}, true
	default:
		return deed{}, false
	}
}

// login is refused now and then; then it is tried again.
func (s *Simulator) login(v *visit) deed {
	if v.flags&failed == 0 && v.d.in1000(80) {
		v.flags |= failed
		v.push(login)
		return deed{kind: login}
	}
	v.flags = v.flags&^failed | loggedIn
	return deed{kind: login, ok: true}
}

func (v *visit) push(k kind) {
	if int(v.queued) < len(v.queue) {
		v.queue[v.queued] = k
		v.queued++
	}
}

// arrive is the first page.
func (s *Simulator) arrive(v *visit) deed {
	d := &v.d
	if v.customer >= 0 && v.flags&first == 0 && d.in1000(600) {
		v.push(login)
	}
	switch what := d.below(100); {
	case what < 55:
		return s.view(v, home, 0)
	case what < 75:
		return s.view(v, productPage, s.wish(v))
	default:
		v.category = uint8(s.choose(d) % categories)
		return s.view(v, category, 0)
	}
}

// wish is a product the visitor has in mind.
func (s *Simulator) wish(v *visit) int {
	if v.customer >= 0 && v.d.in1000(600) {
		return s.favourite(int(v.customer), &v.d)
	}
	return s.choose(&v.d)
}

func (s *Simulator) view(v *visit, p page, product int) deed {
	v.from, v.page = v.page, p
	if p == productPage {
		v.product = int32(product)
		v.category = uint8(product % categories)
	}
	return deed{kind: pageView, product: product}
}

// wander goes to another page: where to depends on where the visitor is and on nothing else.
func (s *Simulator) wander(v *visit) deed {
	d := &v.d
	what := d.below(100)
	switch v.page {
	case productPage:
		switch {
		case what < 45:
			return s.view(v, productPage, s.beside(int(v.product), d))
		case what < 70:
			return s.view(v, category, 0)
		case what < 80:
			return s.look(v)
		case what < 85:
			return s.view(v, home, 0)
		}
		return s.view(v, productPage, s.wish(v))
	case category:
		switch {
		case what < 68:
			return s.view(v, productPage, s.inCategory(int(v.category), d))
		case what < 85:
			v.category = uint8(d.below(categories))
			return s.view(v, category, 0)
		case what < 94:
			return s.look(v)
		}
		return s.view(v, home, 0)
	case results:
		switch {
		case what < 75:
			return s.view(v, productPage, s.inCategory(int(v.category), d))
		case what < 88:
			return s.look(v)
		}
		return s.view(v, category, 0)
	default:
		switch {
		case what < 50:
			v.category = uint8(s.choose(d) % categories)
			return s.view(v, category, 0)
		case what < 80:
			return s.view(v, productPage, s.wish(v))
		}
		return s.look(v)
	}
}

// look searches. The page with the results counts as the page view.
func (s *Simulator) look(v *visit) deed {
	v.category = uint8(s.wish(v) % categories)
	v.from, v.page = v.page, results
	return deed{kind: search}
}

// consider decides what to do with the product on the page.
func (s *Simulator) consider(v *visit) (deed, bool) {
	d := &v.d
	want := 60
	switch {
	case v.flags&buying != 0:
		want = 420
	case v.customer >= 0:
		want = 100
	}
	p := int(v.product)
	at := v.find(p)
	switch {
	case at < 0 && int(v.n) < maxLines && d.in1000(want):
		return s.put(v, p, quantity(d)), true
	case at >= 0 && v.from != productPage && d.in1000(60) && v.basket[at].quantity < 100:
		return s.put(v, p, 1), true // one more
	case v.n > 1 && d.in1000(25):
		i := d.below(int(v.n))
		if l := &v.basket[i]; l.quantity > 1 && d.in1000(500) {
			l.quantity--
			return deed{kind: remove, product: int(l.product), quantity: 1}, true
		}
		return v.drop(i), true
	}
	return deed{}, false
}

// quantity is how many pieces are put into a basket at once.
func quantity(d *dice) int {
	switch what := d.below(100); {
	case what < 62:
		return 1
	case what < 82:
		return 2
	case what < 97:
		return 3 + d.below(4)
	default:
		return 6 * (2 + d.below(3))
	}
}

func (v *visit) find(p int) int {
	for i := range int(v.n) {
		if int(v.basket[i].product) == p {
			return i
		}
	}
	return -1
}

func (s *Simulator) put(v *visit, p, q int) deed {
	i := v.find(p)
	if i < 0 {
		i = int(v.n)
		v.n++
		v.basket[i] = line{product: int32(p)}
	}
	v.basket[i].quantity += int16(q)
	return deed{kind: add, product: p, quantity: q}
}

// drop takes a whole line out.
func (v *visit) drop(i int) deed {
	l := v.basket[i]
	copy(v.basket[i:], v.basket[i+1:v.n])
	v.n--
	return deed{kind: remove, product: int(l.product), quantity: int(l.quantity)}
}

// leave is the way out: with a basket to the checkout, or without one.
func (s *Simulator) leave(v *visit) (deed, bool) {
	d := &v.d
	if v.flags&buying == 0 {
		// Half of the baskets that are not bought are emptied, the others left behind.
		if v.n > 0 && v.number%2 == 0 {
			return v.drop(int(v.n) - 1), true
		}
		return deed{}, false
	}
	switch {
	case v.n == 0 && v.page != productPage:
		return s.view(v, productPage, s.wish(v)), true
	case v.n == 0:
		return s.put(v, int(v.product), quantity(d)), true
	case v.page != basket && v.page != checkoutPage:
		return s.view(v, basket, 0), true
	case v.flags&(first|loggedIn) == first:
		v.push(login)
		return deed{kind: register}, true
	case v.flags&loggedIn == 0:
		return s.login(v), true
	case v.page == basket:
		return s.view(v, checkoutPage, 0), true
	}
	v.flags &^= buying
	return deed{kind: checkout}, true
}
