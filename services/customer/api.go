package customer

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"meshwork.dev/schemas/customerint"
)

// Commands is the way of interactions into the mesh.
type Commands interface {
	// Start sends an interaction without waiting. done is called once: with nil when the brokers have it, or with why
	// they are not known to. An error of Start itself means it was not taken; done is not called then. Sending again with
	// the same idempotenceId is safe.
	Start(ctx context.Context, cmd *customerint.Interaction, done func(error)) error
}

// APIConfig is what the REST API works with.
type APIConfig struct {
	Commands Commands
	Now      func() time.Time // the clock for interactions that bring no time; never nil
	NewID    func() string    // ids of interactions that bring no id and no Idempotency-Key; never nil
	Timeout  time.Duration    // how long interactions may take to be acknowledged; 5 s when 0
	// InFlight bounds the interactions that are not acknowledged yet, over all requests; 20,000 when 0. Beyond it requests
	// are answered with 429.
	InFlight int
}

// The bounds of a request.
const (
	maxBody  = 4 << 20 // bytes
	maxBatch = 1000    // interactions
)

// retryAfter is what a client is told to wait, in seconds.
const retryAfter = 1

//go:embed openapi.json
var openAPI []byte

// API is the REST API for interactions:
//
//	POST /interactions               one interaction, or an array of up to 1,000; 202 once all of them are in the mesh
//	GET  /interactions/openapi.json  this, for machines
//
// Errors are application/problem+json: 400 for what is not JSON of the right shape, 422 naming the field that is not
// valid ("[3].rating" in a batch), 413 and 415 for bodies that are too large or not JSON, 429 when too much is on its
// way and 503 while the mesh cannot be reached, both with Retry-After. A batch is taken as a whole or refused as a
// whole, except that after a 503 some of it may be in the mesh: sent again, with the same Idempotency-Key or ids,
// nothing is taken twice.
func API(c APIConfig) http.Handler {
	if c.Timeout <= 0 {
		c.Timeout = 5 * time.Second
	}
	if c.InFlight <= 0 {
		c.InFlight = 20_000
	}
	a := &api{APIConfig: c, free: make(chan struct{}, c.InFlight)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /interactions", a.post)
	mux.HandleFunc("GET /interactions/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(openAPI)
	})
	return mux
}

type api struct {
	APIConfig
	free chan struct{} // holds a token for every interaction on its way
}

// accepted is the body of a 202.
type accepted struct {
	Accepted     int            `json:"accepted"`
	Interactions []acceptedItem `json:"interactions"`
}

type acceptedItem struct {
	InteractionID string `json:"interactionId"`
	IdempotenceID string `json:"idempotenceId"`
}

func (a *api) post(w http.ResponseWriter, r *http.Request) {
	key := r.Header.Get("Idempotency-Key")
	if len(key) > maxText || tidy(key) != key {
		malformed("Idempotency-Key", "Idempotency-Key: at most %d bytes of plain text are taken", maxText).write(w)
		return
	}
	items, single, fail := readItems(w, r)
	if fail != nil {
		fail.write(w)
		return
	}
	now := a.Now().UTC().Truncate(time.Millisecond)
	cmds := make([]customerint.Interaction, len(items))
	for i := range items {
		at := ""
		if !single {
			at = fmt.Sprintf("[%d].", i)
		}
		if fail := items[i].command(&cmds[i], key, i, now, a.NewID); fail != nil {
			fail.Field = at + fail.Field
			fail.Detail = fail.Field + ": " + fail.Detail
			fail.write(w)
			return
		}
	}
	if !a.reserve(len(cmds)) {
		(&failure{
			Title: "Too much is on its way", Status: http.StatusTooManyRequests,
			Detail: "the mesh is still taking in earlier interactions; send these again later",
		}).write(w)
		return
	}
	if err := a.send(r.Context(), cmds); err != nil {
		(&failure{
			Title: "The interactions were not taken", Status: http.StatusServiceUnavailable,
			Detail: "the mesh did not acknowledge them all; send them again with the same Idempotency-Key or ids",
		}).write(w)
		return
	}
	out := accepted{Accepted: len(cmds), Interactions: make([]acceptedItem, len(cmds))}
	for i := range cmds {
		out.Interactions[i] = acceptedItem{cmds[i].InteractionID, cmds[i].Identity.IdempotenceID}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_ = json.NewEncoder(w).Encode(out) // the client is gone when this fails
}

// reserve takes a token for each of n interactions, or none.
func (a *api) reserve(n int) bool {
	for i := range n {
		select {
		case a.free <- struct{}{}:
		default:
			a.release(i)
			return false
		}
	}
	return true
}

func (a *api) release(n int) {
	for range n {
		<-a.free
	}
}

// send returns when all interactions are acknowledged, or one is known not to be, or it takes too long. The tokens come
// back as the answers do, however late.
func (a *api) send(ctx context.Context, cmds []customerint.Interaction) error {
	ctx, stop := context.WithTimeout(ctx, a.Timeout)
	defer stop()
	acked := make(chan error, len(cmds))
	for i := range cmds {
		err := a.Commands.Start(ctx, &cmds[i], func(err error) {
			a.release(1)
			acked <- err
		})
		if err != nil {
			a.release(len(cmds) - i)
			return err
		}
	}
	for range cmds {
		select {
		case err := <-acked:
			if err != nil {
				return err
			}
		case <-ctx.Done():
			select {
			case err := <-acked: // it came in time, and was only not looked at yet
				if err != nil {
					return err
				}
			default:
				return ctx.Err()
			}
		}
	}
	return nil
}

// failure is a problem document (RFC 9457). Field is the field that is not valid, where there is one.
type failure struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Field  string `json:"field,omitempty"`
}

func (f *failure) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	if f.Status == http.StatusServiceUnavailable || f.Status == http.StatusTooManyRequests {
		h.Set("Retry-After", strconv.Itoa(retryAfter))
	}
	w.WriteHeader(f.Status)
	_ = json.NewEncoder(w).Encode(f) // the client is gone when this fails
}

func malformed(field, format string, args ...any) *failure {
	return &failure{
		Title: "The request is not understood", Status: http.StatusBadRequest, Detail: fmt.Sprintf(format, args...), Field: field,
	}
}

func invalid(field, format string, args ...any) *failure {
	return &failure{
		Title: "An interaction is not valid", Status: http.StatusUnprocessableEntity, Detail: fmt.Sprintf(format, args...), Field: field,
	}
}
