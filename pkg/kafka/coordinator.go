package kafka

import (
	"context"
	"sync"
)

// coordinators remembers which broker coordinates a group or transactional id.
type coordinators struct {
	mu sync.Mutex
	at map[route]int32
}

func (s *coordinators) get(to route) (int32, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, ok := s.at[to]
	return id, ok
}

func (s *coordinators) set(to route, id int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at == nil {
		s.at = map[route]int32{}
	}
	s.at[to] = id
}

func (s *coordinators) forget(to route) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.at, to)
}

// coordinator is the broker that coordinates the group or transactional id of to, found once and remembered until
// a request to it fails with a coordinator code or gets no answer.
func (c *Client) coordinator(ctx context.Context, to route) (int32, error) {
	if id, ok := c.coords.get(to); ok {
		return id, nil
	}
	var kind int8
	if to.kind == routeTxn {
		kind = 1
	}
	id, host, port := int32(-1), "", int32(0)
	err := c.do(ctx, &request{
		api: apiFindCoordinator, min: 1, max: 5, to: toAny(),
		write: func(e *encoder, v int16) {
			if v >= 4 {
				e.i8(kind)
				e.arr(1)
				e.str(to.key)
			} else {
				e.str(to.key)
				e.i8(kind)
			}
			e.tags()
		},
		read: func(d *decoder, v int16) error {
			d.throttled()
			if v < 4 {
				code, msg := d.i16(), d.str()
				id, host, port = d.i32(), d.str(), d.i32()
				return codeErrMsg(apiFindCoordinator, code, msg)
			}
			if d.arr() < 1 {
				return codeErr(apiFindCoordinator, codeCoordinatorUnavailable)
			}
			d.str() // key
			id, host, port = d.i32(), d.str(), d.i32()
			code, msg := d.i16(), d.str()
			return codeErrMsg(apiFindCoordinator, code, msg)
		},
	})
	if err != nil {
		return -1, err
	}
	if id < 0 {
		return -1, codeErr(apiFindCoordinator, codeCoordinatorUnavailable)
	}
	c.meta.learnBroker(id, host, port)
	c.coords.set(to, id)
	return id, nil
}
