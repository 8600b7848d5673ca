package registry

import (
	"context"
	"net/http"
	"strconv"
	"strings"
)

func (s *Server) getClusterID(*http.Request) (any, error) {
	return map[string]any{"id": "", "scope": map[string]any{
		"path": []string{}, "clusters": map[string]string{"schema-registry-cluster": strings.TrimPrefix(s.cfg.Topic, "_")},
	}}, nil
}

func (s *Server) getServerVersion(*http.Request) (any, error) {
	return map[string]string{"version": s.cfg.Version, "commitId": ""}, nil
}

func (s *Server) getContexts(r *http.Request) (any, error) {
	var list []string
	err := s.read(r.Context(), func(st *state) error { list = st.contexts(); return nil })
	return page(r, list), err
}

func idOf(r *http.Request) (int, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 32)
	if err != nil {
		return 0, errNoSuchPage
	}
	return int(id), nil
}

// byID runs a question on the schema of the id in the path, by one of the two ways to read.
func (s *Server) byID(r *http.Request, read func(context.Context, func(*state) error) error, ask func(*state, *content) error) error {
	id, err := idOf(r)
	if err != nil {
		return err
	}
	return read(r.Context(), func(st *state) error {
		c := st.byID[id]
		if c == nil {
			return schemaNotFound(strconv.Itoa(id))
		}
		return ask(st, c)
	})
}

func (s *Server) contentBody(r *http.Request, st *state, c *content) (byIDBody, error) {
	b := byIDBody{Type: c.Type, Schema: c.Text, References: c.References, Metadata: c.Metadata, RuleSet: c.RuleSet}
	if news(r) {
		b.GUID = c.guid
	}
	if flag(r, "fetchMaxId") {
		b.MaxID = st.maxID
	}
	if r.URL.Query().Get("format") == "resolved" && len(c.References) > 0 {
		parsed, err := st.schemaOf(c)
		if err != nil {
			return b, refuse(CodeInvalidSchema, "Schema %d: %v", c.id, err)
		}
		b.Schema, b.References = parsed.Full(), nil
	}
	return b, nil
}

func (s *Server) getByID(r *http.Request) (any, error) {
	var b byIDBody
	err := s.byID(r, s.readFixed, func(st *state, c *content) (err error) {
		b, err = s.contentBody(r, st, c)
		return err
	})
	return b, err
}

func (s *Server) getTextByID(r *http.Request) (any, error) {
	var text string
	err := s.byID(r, s.readFixed, func(_ *state, c *content) error { text = c.Text; return nil })
	return rawJSON(text), err
}

func (s *Server) getSubjectsOfID(r *http.Request) (any, error) {
	list := []string{}
	err := s.byID(r, s.read, func(st *state, c *content) error {
		for _, use := range st.usesOf(c.id, r.URL.Query().Get("subject"), flag(r, "deleted")) {
			if len(list) == 0 || list[len(list)-1] != use.Subject {
				list = append(list, use.Subject)
			}
		}
		return nil
	})
	return page(r, list), err
}

func (s *Server) getVersionsOfID(r *http.Request) (any, error) {
	var list []subjectVersionBody
	err := s.byID(r, s.read, func(st *state, c *content) error {
		list = st.usesOf(c.id, r.URL.Query().Get("subject"), flag(r, "deleted"))
		return nil
	})
	return page(r, list), err
}

func (s *Server) getByGUID(r *http.Request) (any, error) {
	var b byIDBody
	guid := strings.ToLower(r.PathValue("guid"))
	err := s.readFixed(r.Context(), func(st *state) (err error) {
		c := st.byGUID[guid]
		if c == nil {
			return schemaNotFound(guid)
		}
		b, err = s.contentBody(r, st, c)
		b.GUID = c.guid
		return err
	})
	return b, err
}

func (s *Server) getIDsOfGUID(r *http.Request) (any, error) {
	type contextID struct {
		Context string `json:"context"`
		ID      int    `json:"id"`
	}
	list := []contextID{}
	guid := strings.ToLower(r.PathValue("guid"))
	err := s.readFixed(r.Context(), func(st *state) error {
		c := st.byGUID[guid]
		if c == nil {
			return schemaNotFound(guid)
		}
		list = append(list[:0], contextID{".", c.id})
		return nil
	})
	return list, err
}

func (s *Server) listSchemas(r *http.Request) (any, error) {
	list := []schemaBody{}
	q := r.URL.Query()
	err := s.read(r.Context(), func(st *state) error {
		for _, name := range st.names(q.Get("subjectPrefix"), flag(r, "deleted"), false) {
			versions := st.live(name, flag(r, "deleted"))
			if flag(r, "latestOnly") && len(versions) > 0 {
				versions = versions[len(versions)-1:]
			}
			for _, v := range versions {
				list = append(list, s.shown(r, name, v))
			}
		}
		return nil
	})
	return page(r, list), err
}

// shown is a version as this client may see it.
func (s *Server) shown(r *http.Request, name string, v *version) schemaBody {
	b := describe(name, v)
	if !news(r) {
		b.GUID, b.Deleted = "", false
	}
	return b
}

func (s *Server) listSubjects(r *http.Request) (any, error) {
	var list []string
	err := s.read(r.Context(), func(st *state) error {
		list = st.names(r.URL.Query().Get("subjectPrefix"), flag(r, "deleted"), flag(r, "deletedOnly"))
		return nil
	})
	return page(r, list), err
}

func (s *Server) listVersions(r *http.Request) (any, error) {
	name := r.PathValue("subject")
	list := []int{}
	err := s.read(r.Context(), func(st *state) error {
		list = list[:0]
		for _, v := range st.live(name, flag(r, "deleted") || flag(r, "deletedOnly")) {
			if !flag(r, "deletedOnly") || v.deleted {
				list = append(list, v.number)
			}
		}
		if len(list) == 0 {
			return subjectNotFound(name)
		}
		return nil
	})
	return page(r, list), err
}

// atVersion runs a question on the version in the path.
func (s *Server) atVersion(r *http.Request, ask func(*state, *version) error) error {
	number, err := parseVersion(r.PathValue("version"))
	if err != nil {
		return err
	}
	return s.read(r.Context(), func(st *state) error {
		v, err := st.version(r.PathValue("subject"), number, flag(r, "deleted"))
		if err != nil {
			return err
		}
		return ask(st, v)
	})
}

func (s *Server) getVersion(r *http.Request) (any, error) {
	var b schemaBody
	err := s.atVersion(r, func(st *state, v *version) error {
		b = s.shown(r, r.PathValue("subject"), v)
		if r.URL.Query().Get("format") == "resolved" {
			resolved, err := s.contentBody(r, st, v.content)
			b.Schema, b.References = resolved.Schema, resolved.References
			return err
		}
		return nil
	})
	return b, err
}

func (s *Server) getVersionText(r *http.Request) (any, error) {
	var text string
	err := s.atVersion(r, func(_ *state, v *version) error { text = v.Text; return nil })
	return rawJSON(text), err
}

func (s *Server) getReferencedBy(r *http.Request) (any, error) {
	var ids []int
	err := s.atVersion(r, func(st *state, v *version) error {
		ids = st.referenced(r.PathValue("subject"), v.number)
		return nil
	})
	return page(r, ids), err
}

func (s *Server) getByMetadata(r *http.Request) (any, error) {
	name := r.PathValue("subject")
	keys, values := r.URL.Query()["key"], r.URL.Query()["value"]
	if len(keys) != len(values) {
		return nil, refuse(http.StatusUnprocessableEntity, "Every key needs a value")
	}
	want := make(map[string]string, len(keys))
	for i := range keys {
		want[keys[i]] = values[i]
	}
	var b schemaBody
	err := s.read(r.Context(), func(st *state) error {
		v, err := st.withMetadata(name, want, flag(r, "deleted"))
		if err == nil {
			b = s.shown(r, name, v)
		}
		return err
	})
	return b, err
}
