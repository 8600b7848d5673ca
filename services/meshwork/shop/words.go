package shop

import "strconv"

// categories is the number of the shop's categories; product p is of category p % categories.
const categories = 12

func things() [categories]string {
	return [categories]string{
		"lantern", "mug", "cake stand", "bunting", "lunch bag", "hook", "candle", "notebook", "clock", "tea towel", "basket", "doormat",
	}
}

func categoryNames() [categories]string {
	return [categories]string{
		"lighting", "kitchen", "baking", "decoration", "bags", "hardware", "candles", "stationery", "clocks", "textiles", "storage",
		"hall",
	}
}

func colours() [8]string {
	return [8]string{"red", "blue", "ivory", "green", "black", "silver", "rose", "amber"}
}

func (w *words) productName(p int) string {
	c := w.colours
	return c[p/categories%len(c)] + " " + w.things[p%categories] + " " + strconv.Itoa(1+p/(categories*len(c)))
}

// words is all the lists, laid once.
type words struct {
	things     [categories]string
	categories [categories]string
	pages      [categories]string // ids of the categories' pages
	urls       [categories]string // their addresses
	campaign   [categories]string // and those in newsletters
	browsers   [6]string
	channels   [5]string

	happy, unhappy, neutral sayings
	colours                 [8]string
	searches                [categories][3]string
	first                   [24]string
	last                    [32]string
	streets                 [12]string
	towns                   [12]town
}

func newWords() *words {
	w := &words{
		things: things(), categories: categoryNames(), colours: colours(), searches: searches(), first: firstNames(),
		last: lastNames(), browsers: browsers(), channels: channels(),
		happy: happy(), unhappy: unhappy(), neutral: neutral(), streets: streets(), towns: towns(),
	}
	for i, c := range w.categories {
		w.pages[i] = pageID("category", c)
		w.urls[i] = pathOf(w.pages[i])
		w.campaign[i] = w.urls[i] + "?utm_source=newsletter&utm_medium=email"
	}
	return w
}

// searches are what people type for a category.
func searches() [categories][3]string {
	return [categories][3]string{
		{"lantern", "garden light", "lamp"},
		{"mug", "tea cup", "coffee mug"},
		{"cake stand", "cupcake", "baking"},
		{"bunting", "party decoration", "garland"},
		{"lunch bag", "tote", "shopper"},
		{"hook", "coat hook", "hanger"},
		{"candle", "t-light", "scented candle"},
		{"notebook", "diary", "writing paper"},
		{"clock", "alarm clock", "wall clock"},
		{"tea towel", "kitchen towel", "apron"},
		{"basket", "storage box", "hamper"},
		{"doormat", "mat", "welcome mat"},
	}
}

func firstNames() [24]string {
	return [24]string{
		"Alma", "Bruno", "Clara", "Dario", "Edith", "Felix", "Greta", "Hugo", "Ines", "Jonas", "Karin", "Leo", "Mara", "Nils",
		"Olga", "Paul", "Rosa", "Simon", "Thea", "Urs", "Vera", "Willem", "Yara", "Zoe",
	}
}

func lastNames() [32]string {
	return [32]string{
		"Abbot", "Baker", "Carver", "Dyer", "Ellis", "Fisher", "Gardener", "Hatter", "Innes", "Joiner", "Keller", "Lister",
		"Mason", "Naylor", "Osborn", "Potter", "Quill", "Roper", "Saddler", "Tanner", "Usher", "Vintner", "Weaver", "Yeoman",
		"Archer", "Butler", "Chandler", "Draper", "Forester", "Glover", "Hooper", "Miller",
	}
}

func streets() [12]string {
	return [12]string{
		"Mill Lane", "High Street", "Church Road", "Station Road", "Park Avenue", "Harbour Walk", "Orchard Close", "Bridge Street",
		"Green Lane", "King's Road", "Market Place", "Windmill Hill",
	}
}

// town is a town with its postal code and country.
type town struct{ name, code, country, landName string }

func towns() [12]town {
	return [12]town{
		{"London", "SW1A 1AA", "GB", "United Kingdom"},
		{"Leeds", "LS1 4DY", "GB", "United Kingdom"},
		{"Bristol", "BS1 5TR", "GB", "United Kingdom"},
		{"Cardiff", "CF10 1EP", "GB", "United Kingdom"},
		{"Glasgow", "G2 1DU", "GB", "United Kingdom"},
		{"Norwich", "NR2 1NH", "GB", "United Kingdom"},
		{"York", "YO1 7HH", "GB", "United Kingdom"},
		{"Hamburg", "20095", "DE", "Germany"},
		{"Lyon", "69002", "FR", "France"},
		{"Utrecht", "3511 AB", "NL", "Netherlands"},
		{"Bern", "3011", "CH", "Switzerland"},
		{"Cork", "T12 W8KP", "IE", "EIRE"},
	}
}
