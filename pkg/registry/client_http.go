package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"go.uber.org/zap"
)

const (
	mediaType   = "application/vnd.schemaregistry.v1+json"
	maxAnswer   = 64 << 20
	longestWait = 5 * time.Second
)

// do sends a request to the registry and decodes the answer into answer, unless that is nil. It goes through the
// endpoints until one answers with anything but a server error, several rounds with growing waits between them.
func (c *Client) do(ctx context.Context, op, method, path string, query url.Values, request, answer any) error {
	var payload []byte
	if request != nil {
		var err error
		if payload, err = json.Marshal(request); err != nil {
			return fmt.Errorf("%s: %w", op, err)
		}
	}
	c.mu.Lock()
	first := c.preferred
	c.mu.Unlock()
	wait := c.wait
	var last error
	for round := range c.rounds {
		if round > 0 {
			c.log.Warn("schema registry does not answer; trying again", zap.String("operation", op),
				zap.Duration("wait", wait), zap.Error(last))
			if err := pause(ctx, wait); errors.Is(err, context.Canceled) {
				return fmt.Errorf("%s: %w", op, err)
			} else if err != nil {
				return fmt.Errorf("%s: %w: %w: last attempt: %w", op, ErrUnavailable, err, last)
			}
			wait = min(2*wait, longestWait)
		}
		for i := range c.endpoints {
			n := (first + i) % len(c.endpoints)
			err := c.once(ctx, c.endpoints[n], op, method, path, query, payload, answer)
			var refused *Error
			if err == nil || errors.As(err, &refused) && !refused.retriable() {
				c.mu.Lock()
				c.preferred = n
				c.mu.Unlock()
				return err
			}
			last = err
			if errors.Is(ctx.Err(), context.Canceled) {
				return fmt.Errorf("%s: %w", op, ctx.Err()) // the caller's wish, not the registry's fault
			}
			if ctx.Err() != nil {
				return fmt.Errorf("%s: %w: %w", op, ErrUnavailable, last)
			}
		}
	}
	return fmt.Errorf("%w after %d attempts: %w", ErrUnavailable, c.rounds*len(c.endpoints), last)
}

// pause waits about as long as told, at random, so that many clients do not come back together.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d/2 + rand.N(d/2+1))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *Client) once(ctx context.Context, e endpoint, op, method, path string, query url.Values, payload []byte, answer any) error {
	address := e.base.String() + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(payload))
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	r.Header.Set("Accept", mediaType+", application/json;q=0.9")
	r.Header.Set("Confluent-Accept-Unknown-Properties", "true")
	if payload != nil {
		r.Header.Set("Content-Type", mediaType)
	}
	switch {
	case e.auth != nil:
		e.auth(r)
	case c.auth != nil:
		c.auth(r)
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("%s at %s: reading the answer: %w", op, e.base, err)
	}
	if resp.StatusCode/100 != 2 {
		return c.refusal(op, e, resp.StatusCode, text)
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return &Error{
			Op: op, URL: e.base.String(), Status: http.StatusNotFound,
			Message: "the answer is not that of a schema registry: " + err.Error(),
		}
	}
	return nil
}

func (c *Client) refusal(op string, e endpoint, status int, text []byte) error {
	refused := &Error{Op: op, URL: e.base.String(), Status: status}
	var b errorBody
	if json.Unmarshal(text, &b) == nil && b.Code != 0 {
		refused.Code, refused.Message = b.Code, b.Message
		return refused
	}
	refused.Message = strings.ToLower(http.StatusText(status))
	return refused
}
