package cli

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"meshwork.dev/pkg/kafka"
)

// resender publishes records again, byte for byte, and keeps the first error.
type resender struct {
	p      *kafka.Producer
	mu     sync.Mutex
	failed error
	sent   int
}

func newResender(cl *kafka.Client) *resender {
	return &resender{p: cl.NewProducer(kafka.ProducerConfig{Codec: kafka.CodecLZ4})}
}

// send publishes a copy of r. Headers whose name begins with strip are left
// out, unless strip is empty; extra ones are added. partition -1 chooses by
// key.
func (s *resender) send(ctx context.Context, topic string, partition int32, r *kafka.Record, strip string, extra ...kafka.Header) error {
	m := kafka.Message{Timestamp: r.Timestamp, Key: r.Key, Value: r.Value}
	for k, v := range r.Headers() {
		if strip == "" || !strings.HasPrefix(string(k), strip) {
			m.Headers = append(m.Headers, kafka.Header{Key: string(k), Value: v})
		}
	}
	m.Headers = append(m.Headers, extra...)
	s.sent++
	return s.p.Send(ctx, topic, partition, m, func(_ int64, err error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if err != nil && s.failed == nil {
			s.failed = err
		}
	})
}

// flush waits until everything is acknowledged, and returns the first error.
func (s *resender) flush(ctx context.Context) error {
	if err := s.p.Flush(ctx); err != nil {
		return fmt.Errorf("sending: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return fmt.Errorf("sending: %w", s.failed)
	}
	return nil
}

func (s *resender) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
	defer cancel()
	_ = s.p.Close(ctx) // flush has told about errors
}
