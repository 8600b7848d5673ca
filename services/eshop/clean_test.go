package eshop

import (
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestCleanURL(t *testing.T) {
	const blank = " " // at the end of an address, as pasted
	for in, want := range map[string]string{
		"https://shop.example/product/85123A":                         "https://shop.example/product/85123A",
		"https://shop.example/product/85123A?colour=red&size=M":       "https://shop.example/product/85123A?colour=red&size=M",
		"HTTP://Shop.EXAMPLE:80/Lamp#top" + blank:                     "http://shop.example/Lamp",
		"https://shop.example:443":                                    "https://shop.example/",
		"https://shop.example:8443?q=1":                               "https://shop.example:8443/?q=1",
		"https://ada:secret@shop.example/a@b":                         "https://shop.example/a@b",
		"https://shop.example/?utm_source=x&q=lamp&utm_medium=y":      "https://shop.example/?q=lamp",
		"https://shop.example/?UTM_Anything_At_All_However_Long=1":    "https://shop.example/",
		"https://shop.example/?gclid=1&fbclid=2":                      "https://shop.example/",
		"https://shop.example/?Access-Token=abc&q=1&PASSWORD=x&sid=3": "https://shop.example/?q=1",
		"https://shop.example/?%74oken=abc&q=1":                       "https://shop.example/?q=1",
		"https://shop.example/?email=ada%40example.org":               "https://shop.example/",
		"https://shop.example/cart;jsessionid=AB12/items;v=1?q=1":     "https://shop.example/cart/items?q=1",
		"/product/85123A?utm_source=x":                                "/product/85123A",
		"/search?q=a&&q=b":                                            "/search?q=a&q=b",
		"//other.example/x":                                           "//other.example/x",
	} {
		require.True(t, isURL(in), in)
		require.Equal(t, want, cleanURL(in), in)
	}
	for _, in := range []string{"", " ", "about:blank", "javascript:alert(1)", "ftp://a/b", "https://", "https:///x", "https://a b/", "a", "https://a/\nb", "https://a/" + strings.Repeat("x", maxURL)} {
		require.False(t, isURL(in), in)
	}
}

// Cleaning twice changes nothing; what is cleaned is still an address, of the same host, without what was unwanted.
func FuzzCleanURL(f *testing.F) {
	for _, s := range []string{"https://ada:pw@Shop.Example:443/a;x=1/b?token=1&q=2#f", "/a?b", "//h/p", "http://x//y;z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !isURL(s) {
			return
		}
		once := cleanURL(s)
		if !isURL(once) || cleanURL(once) != once {
			t.Fatalf("%q becomes %q becomes %q", s, once, cleanURL(once))
		}
		if strings.Contains(once, "#") {
			t.Fatalf("%q keeps a fragment: %q", s, once)
		}
		before, err := url.Parse(strings.TrimSpace(s))
		if err != nil || !utf8.ValidString(s) {
			return
		}
		after, err := url.Parse(once)
		if err != nil {
			t.Fatalf("%q becomes %q, which is no address: %v", s, once, err)
		}
		if after.User != nil || !strings.EqualFold(before.Hostname(), after.Hostname()) {
			t.Fatalf("%q becomes %q", s, once)
		}
		for name := range after.Query() {
			if unwanted(name + "=") {
				t.Fatalf("%q keeps %q", s, name)
			}
		}
	})
}

func TestRobots(t *testing.T) {
	for agent, want := range map[string]bool{
		"": false,
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36": false,
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15":                                 false,
		"Mozilla/5.0 (Linux; Android 9; CUBOT NOTE 20) AppleWebKit/537.36":                                            false,
		"ShopApp/3.1 okhttp/4.9.0":              false,
		"Mozilla/5.0 (compatible; bingbot/2.0)": true,
		"Googlebot":                             true,
		"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.0)": true,
		"curl/8.4.0":                          true,
		"Go-http-client/1.1":                  true,
		"Scrapy/2.11":                         true,
		"facebookexternalhit/1.1":             true,
		"Mozilla/5.0 HeadlessChrome/119":      true,
		"Baiduspider+(+http://www.baidu.com)": true,
	} {
		require.Equal(t, want, isRobot(agent), agent)
	}
}

func TestCleanTerm(t *testing.T) {
	for in, want := range map[string]string{"": "", "lamp": "lamp", "  White\tLAMP  ": "white lamp", "a  b": "a b", "ÄRMEL": "ärmel", " a": "a"} {
		require.Equal(t, want, cleanTerm(in))
	}
}

func BenchmarkCleanURL(b *testing.B) {
	for name, s := range map[string]string{
		"clean": "https://shop.example/product/85123A?colour=red", "dirty": "https://Shop.Example/product/85123A?utm_source=mail&colour=red#top",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !isURL(s) || cleanURL(s) == "" {
					b.Fatal()
				}
			}
		})
	}
}

func BenchmarkRobot(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if isRobot("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36") {
			b.Fatal()
		}
	}
}
