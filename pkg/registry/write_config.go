package registry

import (
	"context"

	"meshwork.dev/pkg/avro"
)

// setConfig sets the level and normalisation of a subject, or globally.
func (s *Server) setConfig(ctx context.Context, name string, c configBody) error {
	if c.Compatibility == "" {
		c.Compatibility = c.Level
	}
	return s.write(ctx, func(st *state) ([]record, error) {
		if err := st.writable(name); err != nil {
			return nil, err
		}
		level := s.levelOf(st, name)
		if c.Compatibility != "" || c.Normalize == nil {
			var err error
			if level, err = avro.ParseLevel(c.Compatibility); err != nil {
				return nil, refuse(CodeInvalidCompatibility, "Invalid compatibility level. Valid values are none, backward, "+
					"forward, full, backward_transitive, forward_transitive, and full_transitive")
			}
		}
		normalize := c.Normalize
		if normalize == nil {
			normalize = st.config[name].Normalize
		}
		return []record{{
			key:   recordKey{Type: keyConfig, Subject: name}.encode(),
			value: mustJSON(configValue{Subject: name, Level: string(level), Normalize: normalize}),
		}}, nil
	})
}

// deleteConfig returns a subject to the global level, or the global one to its default. It returns what was set.
func (s *Server) deleteConfig(ctx context.Context, name string) (configBody, error) {
	var was configBody
	err := s.write(ctx, func(st *state) ([]record, error) {
		if err := st.writable(name); err != nil {
			return nil, err
		}
		c, ok := st.config[name]
		if !ok && name != "" {
			return nil, subjectNotFound(name)
		}
		was = configBody{Level: c.Level, Normalize: c.Normalize}
		if !ok {
			was.Level = string(s.cfg.Compatibility)
			return nil, nil
		}
		return []record{{key: recordKey{Type: keyConfig, Subject: name}.encode()}}, nil
	})
	return was, err
}

// setMode sets the mode of a subject, or globally. Import mode wants an empty subject unless forced.
func (s *Server) setMode(ctx context.Context, name, mode string, force bool) error {
	if err := checkMode(mode); err != nil {
		return err
	}
	return s.write(ctx, func(st *state) ([]record, error) {
		if mode == modeImport && !force && st.modeOf(name) != modeImport {
			if name == "" && len(st.subjects) > 0 || name != "" && len(st.live(name, true)) > 0 {
				return nil, refuse(CodeOperationNotPermitted, "Cannot import since found existing subjects")
			}
		}
		return []record{{
			key: recordKey{Type: keyMode, Subject: name}.encode(), value: mustJSON(modeValue{Subject: name, Mode: mode}),
		}}, nil
	})
}

// deleteMode returns a subject to the global mode. It returns what was set.
func (s *Server) deleteMode(ctx context.Context, name string) (string, error) {
	var was string
	err := s.write(ctx, func(st *state) ([]record, error) {
		was = st.mode[name]
		if was == "" {
			if name != "" {
				return nil, subjectNotFound(name)
			}
			was = modeReadWrite
			return nil, nil
		}
		return []record{{key: recordKey{Type: keyMode, Subject: name}.encode()}}, nil
	})
	return was, err
}
