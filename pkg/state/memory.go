package state

import (
	"bytes"
	"slices"
)

type memory struct {
	m   map[string][]byte
	pos []byte
	n   int64
}

// OpenMemory opens the in-memory store kept in dir.
func OpenMemory(dir string, opts Options) (Store, error) {
	return &memory{m: map[string][]byte{}}, nil
}

func (s *memory) Get(key []byte) ([]byte, bool) { v, ok := s.m[string(key)]; return v, ok }

func (s *memory) Apply(b *Batch, pos []byte) error {
	if err := b.check(); err != nil {
		return err
	}
	b.Range(func(k, v []byte, deleted bool) bool {
		if deleted {
			delete(s.m, string(k))
		} else {
			s.m[string(k)] = append(make([]byte, 0, len(v)), v...)
		}
		return true
	})
	s.pos = append(make([]byte, 0, len(pos)), slices.Clone(pos)...)
	return nil
}
func (s *memory) Position() []byte { return s.pos }
func (s *memory) Scan(prefix []byte, fn func(key, value []byte) bool) error {
	for k, v := range s.m {
		if bytes.HasPrefix([]byte(k), prefix) && !fn([]byte(k), v) {
			break
		}
	}
	return nil
}
func (s *memory) Len() int     { return len(s.m) }
func (s *memory) Bytes() int64 { return s.n }
func (s *memory) Err() error   { return nil }
func (s *memory) Sync() error  { return nil }
func (s *memory) Stats() Stats { return Stats{Keys: int64(len(s.m))} }
func (s *memory) Close() error { return nil }
