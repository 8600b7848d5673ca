package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/telemetry"
)

// ServerConfig configures a Server. The zero value is usable.
type ServerConfig struct {
	Topic         string        // compacted topic of one partition that holds the state. Default _schemas
	Replication   int           // of the topic if it must be created. Default -1, the broker's
	Compatibility avro.Level    // until another is set through the API. Default FULL_TRANSITIVE
	Timeout       time.Duration // of one request's work on the topic. Default 30 s
	Version       string        // told to clients that ask. Default "meshwork"
	Log           *zap.Logger   // Default none

	// Metrics counts requests and schemas. Default none.
	Metrics *telemetry.Metrics
}

func (c ServerConfig) withDefaults() ServerConfig {
	if c.Topic == "" {
		c.Topic = "_schemas"
	}
	if c.Replication == 0 {
		c.Replication = -1
	}
	if c.Compatibility == "" {
		c.Compatibility = avro.LevelFullTransitive
	}
	if c.Timeout <= 0 {
		c.Timeout = 30 * time.Second
	}
	if c.Version == "" {
		c.Version = "meshwork"
	}
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	return c
}

// Server is one instance of the registry, an http.Handler. Any number of instances may serve one topic, and all of
// them take writes.
type Server struct {
	cfg     ServerConfig
	journal journal
	state   *state
	routes  *http.ServeMux

	writing chan struct{} // holds one token: the right to write, one request at a time
	writer  bool          // this instance acquired the journal last, as far as it knows; guarded by writing

	stop    context.CancelFunc
	tailing sync.WaitGroup
	closing sync.Once
	err     error
}

// NewMemoryServer returns a server on a journal in memory, for tests and tools.
func NewMemoryServer(ctx context.Context, m *Memory, cfg ServerConfig) (*Server, error) {
	return newServer(ctx, &memoryHandle{m: m}, cfg)
}

// newServer reads the whole journal before it returns.
func newServer(ctx context.Context, j journal, cfg ServerConfig) (*Server, error) {
	s := &Server{cfg: cfg.withDefaults(), journal: j, state: newState(), writing: make(chan struct{}, 1)}
	if _, err := avro.ParseLevel(string(s.cfg.Compatibility)); err != nil {
		return nil, errors.Join(fmt.Errorf("schema registry: %w", err), j.Close())
	}
	s.writing <- struct{}{}
	s.routes = s.router()
	tail, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	s.tailing.Go(func() { s.tail(tail) })
	if err := s.reach(ctx, s.journal.End); err != nil {
		return nil, errors.Join(fmt.Errorf("schema registry: reading topic %s: %w", s.cfg.Topic, err), s.Close())
	}
	s.state.mu.RLock()
	defer s.state.mu.RUnlock()
	s.cfg.Log.Info("schema registry has read its topic", zap.String("topic", s.cfg.Topic),
		zap.Int64("position", s.state.position), zap.Int("subjects", len(s.state.subjects)), zap.Int("schemas", len(s.state.byID)))
	return s, nil
}

// Close stops the instance and waits for it. Requests that are still being served fail.
func (s *Server) Close() error {
	s.closing.Do(func() {
		s.stop()
		s.tailing.Wait()
		<-s.writing // the last write has ended; the token is not given back
		s.err = s.journal.Close()
	})
	return s.err
}

// Ready reports, with an error, when the topic cannot be read up to its end now.
func (s *Server) Ready(ctx context.Context) error { return s.catchUp(ctx) }

// tail applies records as they come until ctx is done.
func (s *Server) tail(ctx context.Context) {
	wait := 50 * time.Millisecond
	position := int64(0)
	for ctx.Err() == nil {
		records, next, err := s.journal.Read(ctx, position)
		if err != nil {
			if ctx.Err() != nil {
				return
			}
			s.cfg.Log.Error("reading the schemas topic", zap.String("topic", s.cfg.Topic), zap.Error(err), zap.Duration("wait", wait))
			if pause(ctx, wait) != nil {
				return
			}
			wait = min(2*wait, longestWait)
			continue
		}
		wait = 50 * time.Millisecond
		for _, r := range records {
			if err := s.state.apply(r.key, r.value); err != nil {
				s.cfg.Log.Error("skipping an unreadable record of the schemas topic; what it says is not served",
					zap.String("topic", s.cfg.Topic), zap.Int64("offset", r.offset), zap.Error(err))
			}
		}
		position = next
		if s.cfg.Metrics != nil { // first: whoever waits for the position finds its schemas counted
			s.cfg.Metrics.SetSchemaCache(telemetry.SideServer, s.state.size())
		}
		s.state.advance(next)
	}
}

// catchUp waits until everything that is settled in the journal now has been applied.
func (s *Server) catchUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	return s.reach(ctx, s.journal.End)
}

// reach waits until the state is at a position.
func (s *Server) reach(ctx context.Context, position func(context.Context) (int64, error)) error {
	end, err := position(ctx)
	if err != nil {
		return err
	}
	for {
		s.state.mu.RLock()
		position, moved := s.state.position, s.state.moved
		s.state.mu.RUnlock()
		if position >= end {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return fmt.Errorf("at offset %d of %d: %w", position, end, ctx.Err())
		}
	}
}

// write runs one change: it makes this instance the writer, reads everything there is, lets decide look at the state
// and say which records make the change, and appends them. It returns once they are read back. If another instance
// became the writer meanwhile, nothing was written and it starts over, so decide may run several times.
func (s *Server) write(ctx context.Context, decide func(*state) ([]record, error)) error {
	// A client that goes away must not leave a write half done.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.Timeout)
	defer cancel()
	select {
	case <-s.writing:
	case <-ctx.Done():
		return refuse(CodeTimeout, "Timed out waiting for earlier writes")
	}
	defer func() { s.writing <- struct{}{} }()
	wait := 5 * time.Millisecond
	for {
		retry, err := s.tryWrite(ctx, decide)
		if !retry {
			return err
		}
		s.writer = false
		s.cfg.Log.Info("writing to the schemas topic again", zap.String("topic", s.cfg.Topic), zap.Error(err))
		if pause(ctx, wait) != nil {
			return refuse(CodeTimeout, "Timed out writing to the schemas topic; the change may have taken place")
		}
		wait = min(2*wait, 200*time.Millisecond)
	}
}

// settleTime is how long a write waits for others' to be settled before it ends them.
const settleTime = 3 * time.Second

// tryWrite says whether to start over: when nothing was written because another instance wrote, or when it is unknown
// whether it was, which becoming the writer again settles.
func (s *Server) tryWrite(ctx context.Context, decide func(*state) ([]record, error)) (retry bool, err error) {
	if !s.writer {
		if err := s.journal.Acquire(ctx); err != nil {
			if errors.Is(err, errNotWriter) {
				return true, err
			}
			return false, s.broken("becoming the writer of the schemas topic", err)
		}
		s.writer = true
	}
	// Only the end of it all tells that nothing is on its way which decide would have to know.
	soon, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	if err := s.reach(soon, s.journal.Tip); err != nil {
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			return true, err // an instance that died may have left a write open, which acquiring ends
		}
		return false, s.broken("reading the schemas topic", err)
	}
	s.state.mu.RLock()
	records, err := decide(s.state)
	s.state.mu.RUnlock()
	if err != nil || len(records) == 0 {
		return false, err
	}
	switch err := s.journal.Append(ctx, records...); {
	case errors.Is(err, errNotWriter), errors.Is(err, errUnsettled):
		return true, err
	case err != nil:
		s.writer = false
		return false, s.broken("writing to the schemas topic", err)
	}
	if err := s.reach(ctx, s.journal.Tip); err != nil {
		return false, s.broken("reading back from the schemas topic", err)
	}
	return false, nil
}

// broken turns a failure of the topic into the answer for it; the log has the details.
func (s *Server) broken(what string, err error) error {
	s.cfg.Log.Error(what, zap.String("topic", s.cfg.Topic), zap.Error(err))
	if errors.Is(err, context.DeadlineExceeded) {
		return refuse(CodeTimeout, "Timed out %s", what)
	}
	return refuse(CodeStore, "Error %s", what)
}

// readTime is how long a question waits for the topic before it is answered from what is known.
const readTime = 2 * time.Second

// read runs a question whose answer can change: it first catches up with what other instances have written. Where the
// topic does not answer, what is known is better than nothing; but that something is not there cannot be said then.
func (s *Server) read(ctx context.Context, ask func(*state) error) error {
	soon, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	behind := s.catchUp(soon)
	if behind != nil {
		s.cfg.Log.Warn("answering from what was read of the schemas topic so far", zap.String("topic", s.cfg.Topic), zap.Error(behind))
	}
	err := s.ask(ask)
	if behind != nil && missing(err) {
		return s.broken("reading the schemas topic", behind)
	}
	return err
}

// readFixed runs a question whose answer cannot change once there is one, such as the schema of an id.
func (s *Server) readFixed(ctx context.Context, ask func(*state) error) error {
	if err := s.ask(ask); !missing(err) {
		return err
	}
	return s.read(ctx, ask)
}

func missing(err error) bool {
	var r *refusal
	return errors.As(err, &r) && r.status() == http.StatusNotFound
}

func (s *Server) ask(ask func(*state) error) error {
	s.state.mu.RLock()
	defer s.state.mu.RUnlock()
	return ask(s.state)
}
