package registry

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"go.uber.org/zap"
)

const maxRequest = 8 << 20

// handler answers one request with a value that becomes JSON, or an error.
type handler func(s *Server, r *http.Request) (any, error)

// rawJSON is an answer that is JSON text already.
type rawJSON string

func (s *Server) router() *http.ServeMux {
	routes := map[string]handler{
		"GET /{$}":                 func(*Server, *http.Request) (any, error) { return struct{}{}, nil },
		"GET /v1/metadata/id":      (*Server).getClusterID,
		"GET /v1/metadata/version": (*Server).getServerVersion,
		"GET /contexts":            (*Server).getContexts,
		"GET /exporters":           func(*Server, *http.Request) (any, error) { return []string{}, nil },

		"GET /schemas":                     (*Server).listSchemas,
		"GET /schemas/types":               func(*Server, *http.Request) (any, error) { return []string{Avro}, nil },
		"GET /schemas/ids/{id}":            (*Server).getByID,
		"GET /schemas/ids/{id}/schema":     (*Server).getTextByID,
		"GET /schemas/ids/{id}/subjects":   (*Server).getSubjectsOfID,
		"GET /schemas/ids/{id}/versions":   (*Server).getVersionsOfID,
		"GET /schemas/guids/{guid}":        (*Server).getByGUID,
		"GET /schemas/guids/{guid}/ids":    (*Server).getIDsOfGUID,
		"GET /subjects":                    (*Server).listSubjects,
		"POST /subjects/{subject}":         (*Server).lookup,
		"DELETE /subjects/{subject}":       (*Server).handleDeleteSubject,
		"GET /subjects/{subject}/metadata": (*Server).getByMetadata,

		"GET /subjects/{subject}/versions":                        (*Server).listVersions,
		"POST /subjects/{subject}/versions":                       (*Server).handleRegister,
		"GET /subjects/{subject}/versions/{version}":              (*Server).getVersion,
		"DELETE /subjects/{subject}/versions/{version}":           (*Server).handleDeleteVersion,
		"GET /subjects/{subject}/versions/{version}/schema":       (*Server).getVersionText,
		"GET /subjects/{subject}/versions/{version}/referencedby": (*Server).getReferencedBy,

		"POST /compatibility/subjects/{subject}/versions":           (*Server).checkAll,
		"POST /compatibility/subjects/{subject}/versions/{version}": (*Server).checkOne,

		"GET /config":              (*Server).getConfig,
		"PUT /config":              (*Server).putConfig,
		"DELETE /config":           (*Server).handleDeleteConfig,
		"GET /config/{subject}":    (*Server).getConfig,
		"PUT /config/{subject}":    (*Server).putConfig,
		"DELETE /config/{subject}": (*Server).handleDeleteConfig,
		"GET /mode":                (*Server).getMode,
		"PUT /mode":                (*Server).putMode,
		"DELETE /mode":             (*Server).handleDeleteMode,
		"GET /mode/{subject}":      (*Server).getMode,
		"PUT /mode/{subject}":      (*Server).putMode,
		"DELETE /mode/{subject}":   (*Server).handleDeleteMode,
	}
	mux := http.NewServeMux()
	for pattern, h := range routes {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			answer, err := h(s, r)
			s.answer(w, answer, err)
		})
	}
	return mux
}

// ServeHTTP serves the REST API. Paths it does not know are answered with 404 in the form of the API.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p := r.URL.Path; len(p) > 1 && strings.HasSuffix(p, "/") {
		clone := *r
		u := *r.URL
		u.Path, u.RawPath = strings.TrimSuffix(p, "/"), strings.TrimSuffix(u.RawPath, "/")
		clone.URL = &u
		r = &clone
	}
	s.measured(w, r, s.route)
}

func (s *Server) route(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxRequest)
	if _, pattern := s.routes.Handler(r); pattern == "" {
		s.answer(w, nil, s.noRoute(r))
		return
	}
	s.routes.ServeHTTP(w, r)
}

// noRoute tells a path that does not exist from one that takes another method.
func (s *Server) noRoute(r *http.Request) error {
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
		other := *r
		other.Method = method
		if _, pattern := s.routes.Handler(&other); pattern != "" {
			return refuse(http.StatusMethodNotAllowed, "HTTP 405 Method Not Allowed")
		}
	}
	return errNoSuchPage
}

func (s *Server) answer(w http.ResponseWriter, answer any, err error) {
	w.Header().Set("Content-Type", mediaType)
	status := http.StatusOK
	if err != nil {
		var r *refusal
		if !errors.As(err, &r) {
			s.cfg.Log.Error("answering a request", zap.Error(err))
			r = &refusal{code: CodeStore, message: "Error in the backend data store"}
		}
		status, answer = r.status(), errorBody{Code: r.code, Message: r.message}
	}
	text, raw := answer.(rawJSON)
	if !raw {
		text = rawJSON(mustJSON(answer))
	}
	w.WriteHeader(status)
	if _, err := io.WriteString(w, string(text)); err != nil {
		s.cfg.Log.Debug("the client is gone", zap.Error(err))
	}
}

// decode reads the body of a request. Members it does not know are left alone: clients are ahead of servers.
func decode(r *http.Request, into any) error {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return refuse(http.StatusRequestEntityTooLarge, "Request is larger than %d bytes", maxRequest)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return refuse(http.StatusBadRequest, "Unreadable request: %v", err)
	}
	return nil
}

func flag(r *http.Request, name string) bool {
	on, err := strconv.ParseBool(r.URL.Query().Get(name))
	return err == nil && on
}

// page cuts the part out of a list that offset and limit ask for; a limit below 1 is none.
func page[T any](r *http.Request, list []T) []T {
	offset, err := strconv.Atoi(r.URL.Query().Get("offset"))
	if err != nil || offset < 0 {
		offset = 0
	}
	list = list[min(offset, len(list)):]
	if limit, err := strconv.Atoi(r.URL.Query().Get("limit")); err == nil && limit > 0 {
		list = list[:min(limit, len(list))]
	}
	return list
}

// news reports whether the client says that it can bear members of answers that it does not know. Older Java clients
// cannot.
func news(r *http.Request) bool {
	on, err := strconv.ParseBool(r.Header.Get("Confluent-Accept-Unknown-Properties"))
	return err == nil && on
}
