package registry

import (
	"net/http"

	"meshwork.dev/pkg/avro"
)

func (s *Server) handleRegister(r *http.Request) (any, error) {
	var b schemaBody
	if err := decode(r, &b); err != nil {
		return nil, err
	}
	done, err := s.register(r.Context(), r.PathValue("subject"), b, flag(r, "normalize"))
	if err != nil {
		return nil, err
	}
	if !news(r) {
		return map[string]int{"id": done.ID}, nil
	}
	return done, nil
}

func (s *Server) lookup(r *http.Request) (any, error) {
	var sent, found schemaBody
	if err := decode(r, &sent); err != nil {
		return nil, err
	}
	name := r.PathValue("subject")
	err := s.read(r.Context(), func(st *state) error {
		if len(st.live(name, flag(r, "deleted"))) == 0 {
			return subjectNotFound(name)
		}
		c, err := s.candidate(st, name, sent, flag(r, "normalize"), false)
		if err != nil {
			return err
		}
		v := st.matching(name, c.key, flag(r, "deleted"))
		if v == nil {
			return refuse(CodeSchemaNotFound, "Schema not found")
		}
		found = s.shown(r, name, v)
		return nil
	})
	return found, err
}

func (s *Server) handleDeleteSubject(r *http.Request) (any, error) {
	return s.deleteSubject(r.Context(), r.PathValue("subject"), flag(r, "permanent"))
}

func (s *Server) handleDeleteVersion(r *http.Request) (any, error) {
	number, err := parseVersion(r.PathValue("version"))
	if err != nil {
		return nil, err
	}
	return s.deleteVersion(r.Context(), r.PathValue("subject"), number, flag(r, "permanent"))
}

func (s *Server) checkAll(r *http.Request) (any, error) { return s.check(r, nil) }

func (s *Server) checkOne(r *http.Request) (any, error) {
	number, err := parseVersion(r.PathValue("version"))
	if err != nil {
		return nil, err
	}
	return s.check(r, &number)
}

// check says whether a schema could follow the versions of a subject, or one of them.
func (s *Server) check(r *http.Request, number *int) (any, error) {
	var sent schemaBody
	if err := decode(r, &sent); err != nil {
		return nil, err
	}
	name := r.PathValue("subject")
	var answer compatibilityBody
	// A subject without versions accepts everything, so this is never answered from a state that may be behind.
	if err := s.catchUp(r.Context()); err != nil {
		return nil, s.broken("reading the schemas topic", err)
	}
	err := s.ask(func(st *state) error {
		live := st.live(name, false)
		if number != nil && (*number != latest || len(live) > 0) {
			v, err := st.version(name, *number, false)
			if err != nil {
				return err
			}
			live = []*version{v}
		}
		c, err := s.candidate(st, name, sent, flag(r, "normalize"), true)
		if err != nil {
			return err
		}
		messages := s.incompatibilities(st, s.levelOf(st, name), c.parsed, live)
		answer.IsCompatible = len(messages) == 0
		if flag(r, "verbose") {
			answer.Messages = messages
		}
		return nil
	})
	return answer, err
}

func (s *Server) getConfig(r *http.Request) (any, error) {
	name := r.PathValue("subject")
	var b configBody
	err := s.read(r.Context(), func(st *state) error {
		c, ok := st.config[name]
		if !ok && name != "" && !flag(r, "defaultToGlobal") {
			return refuse(CodeSubjectCompatibilityNotSet, "Subject '%s' does not have subject-level compatibility configured", name)
		}
		if !ok {
			c = st.config[""]
		}
		b = configBody{Level: string(s.levelOf(st, name)), Normalize: c.Normalize}
		return nil
	})
	return b, err
}

func (s *Server) putConfig(r *http.Request) (any, error) {
	var b configBody
	if err := decode(r, &b); err != nil {
		return nil, err
	}
	if err := s.setConfig(r.Context(), r.PathValue("subject"), b); err != nil {
		return nil, err
	}
	if b.Compatibility == "" {
		b.Compatibility = b.Level
	}
	if level, err := avro.ParseLevel(b.Compatibility); err == nil {
		b.Compatibility = string(level)
	}
	b.Level = ""
	return b, nil
}

func (s *Server) handleDeleteConfig(r *http.Request) (any, error) {
	return s.deleteConfig(r.Context(), r.PathValue("subject"))
}

func (s *Server) getMode(r *http.Request) (any, error) {
	name := r.PathValue("subject")
	var b modeBody
	err := s.read(r.Context(), func(st *state) error {
		if _, ok := st.mode[name]; !ok && name != "" && !flag(r, "defaultToGlobal") {
			return refuse(CodeSubjectModeNotSet, "Subject '%s' does not have subject-level mode configured", name)
		}
		b.Mode = st.modeOf(name)
		return nil
	})
	return b, err
}

func (s *Server) putMode(r *http.Request) (any, error) {
	var b modeBody
	if err := decode(r, &b); err != nil {
		return nil, err
	}
	if err := s.setMode(r.Context(), r.PathValue("subject"), b.Mode, flag(r, "force")); err != nil {
		return nil, err
	}
	return b, nil
}

func (s *Server) handleDeleteMode(r *http.Request) (any, error) {
	mode, err := s.deleteMode(r.Context(), r.PathValue("subject"))
	return modeBody{Mode: mode}, err
}

var _ http.Handler = (*Server)(nil)
