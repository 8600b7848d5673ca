package service

import (
	"encoding/json"
	"html/template"
	"net/http"
	"strings"
)

// Index is what a process offers: its services with their products and APIs, and the standard pages. It is served
// at "/", as HTML to browsers and as JSON to everyone else.
type Index struct {
	Services []IndexService `json:"services"`
	Pages    []IndexPage    `json:"pages"`
}

// IndexService is one service of an Index.
type IndexService struct {
	Name     string         `json:"name"`
	Doc      string         `json:"doc,omitempty"`
	Products []IndexProduct `json:"products"`
	APIs     []IndexPage    `json:"apis"`
}

// IndexProduct is one data product of an IndexService.
type IndexProduct struct {
	Name string `json:"name"`
	Doc  string `json:"doc,omitempty"`
	// Topic is where the product's rows are.
	Topic string `json:"topic"`
}

// IndexPage is something to be fetched.
type IndexPage struct {
	Name string `json:"name"`
	Path string `json:"path"`
}

// OpenAPIPath is where the OpenAPI document of an API is served: /<api>/openapi.json.
func OpenAPIPath(api string) string { return "/" + api + "/openapi.json" }

// newIndex lists what services offer; description is theirs.
func newIndex(description Description, services []Definition) Index {
	ix := Index{Pages: []IndexPage{
		{"metrics", "/metrics"}, {"ready", "/readyz"}, {"alive", "/livez"}, {"data products", "/describe"},
	}}
	for i, s := range services {
		entry := IndexService{Name: s.Name, Doc: s.Doc, Products: []IndexProduct{}, APIs: []IndexPage{}}
		for _, p := range description[i].Products {
			entry.Products = append(entry.Products, IndexProduct{p.Name, p.Doc, p.Output})
		}
		for _, api := range s.APIs {
			entry.APIs = append(entry.APIs, IndexPage{api, OpenAPIPath(api)})
		}
		ix.Services = append(ix.Services, entry)
	}
	return ix
}

var indexPage = template.Must(template.New("index").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Meshwork</title>
<style>body{font:16px system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em}code{font-size:90%}</style>
<h1>Meshwork</h1>
{{range .Services}}<h2>{{.Name}}</h2><p>{{.Doc}}</p><ul>
{{range .Products}}<li><b>{{.Name}}</b> <code>{{.Topic}}</code><br>{{.Doc}}
{{end}}{{range .APIs}}<li>API <a href="{{.Path}}">{{.Name}}</a>
{{end}}</ul>
{{end}}<p>{{range .Pages}}<a href="{{.Path}}">{{.Name}}</a> {{end}}</p></html>
`))

// serve answers GET /.
func (ix Index) serve(w http.ResponseWriter, r *http.Request) {
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_ = indexPage.Execute(w, ix) // the client is gone when this fails
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(ix)
}
