package registry

import (
	"net/http"
	"strings"
	"time"

	"meshwork.dev/pkg/telemetry"
)

// Operation names a request by a closed set of operations, so that neither subjects nor ids become labels of metrics.
func Operation(method, path string) string {
	switch {
	case strings.Contains(path, "/schemas/"):
		return "schema"
	case strings.Contains(path, "/compatibility/"):
		return "compatibility"
	case strings.Contains(path, "/config"):
		return "config"
	case strings.Contains(path, "/mode"):
		return "mode"
	case method == http.MethodDelete:
		return "delete"
	case strings.HasSuffix(path, "/versions") && method == http.MethodPost:
		return "register"
	case strings.Contains(path, "/versions"):
		return "versions"
	case strings.Contains(path, "/subjects/") && method == http.MethodPost:
		return "lookup"
	default:
		return "other"
	}
}

// measured answers a request and counts it.
func (s *Server) measured(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc) {
	if s.cfg.Metrics == nil {
		answer(w, r)
		return
	}
	began := time.Now()
	sw := &statusWriter{ResponseWriter: w, code: http.StatusOK}
	answer(sw, r)
	s.cfg.Metrics.SchemaRequest(telemetry.SideServer, Operation(r.Method, r.URL.Path), sw.code, time.Since(began))
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	code int
}

// WriteHeader begins the answer.
func (w *statusWriter) WriteHeader(code int) {
	w.code = code
	w.ResponseWriter.WriteHeader(code)
}

// looked counts a question that the cache may answer. c.mu is not held.
func (c *Client) looked(hit bool) { c.metrics.SchemaLookup(telemetry.SideClient, hit) }

// kept publishes how many schemas are held. c.mu is held.
func (c *Client) kept() {
	c.metrics.SetSchemaCache(telemetry.SideClient, len(c.byID)+len(c.byVersion)+len(c.registered)+len(c.text))
}
