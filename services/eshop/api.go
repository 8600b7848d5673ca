package eshop

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"meshwork.dev/pkg/ingest"
	"meshwork.dev/schemas/shop"
)

// Actions is the way of actions into the mesh. Start takes an action without waiting: done is called once, with nil
// when the brokers have it, else with the reason why they are not known to. An error of Start itself means that the
// action was not taken. Sending again with the same idempotenceId is safe.
type Actions interface {
	Start(ctx context.Context, a *shop.ShopAction, done func(error)) error
}

// ErrNotReady is returned by Carts while the table is being read.
var ErrNotReady = errors.New("the carts are not readable here yet")

// Carts is the table of carts, as far as it has been materialised.
type Carts interface {
	Cart(ctx context.Context, visitorID string) (c shop.Cart, known bool, err error)
}

// APIConfig is what the ingest API works with.
type APIConfig struct {
	Actions     Actions
	Carts       Carts
	Now         func() time.Time // the clock that actions are taken in by; never nil
	NewID       func() string    // idempotence ids of actions that bring none; never nil
	Timeout     time.Duration    // how long actions may take to be acknowledged; 5 s when 0
	MaxInFlight int              // actions that may wait for that at a time; see Rules
}

// The limits of requests.
const (
	maxBody     = 64 << 10  // bytes of one action
	maxBatch    = 4 << 20   // bytes of a batch
	maxActions  = 1000      // actions in a batch
	maxBodies   = 128 << 20 // bytes of all bodies at a time
	retryBusy   = 1         // seconds until a client may try again when there is too much at once
	retryAway   = 2         // seconds when the mesh is away
	jsonType    = "application/json"
	problemType = "application/problem+json"
	ndjsonType  = "application/x-ndjson"
)

//go:embed openapi.json
var openAPI []byte

// API is the shop's API:
//
//	POST /shop/actions             one action: 202 once it is in the mesh
//	POST /shop/actions:batch       many, as a JSON array or a line each (application/x-ndjson), answered one by one:
//	                               202 when all are in the mesh, else 207
//	GET  /shop/carts/{visitorId}   the latest cart of a visitor
//	GET  /shop/openapi.json        this, for machines
//
// Errors are application/problem+json: 400 for what is not JSON of the right shape and 422 for what is not valid, both
// naming the field; 413 and 415 for bodies that are too large or not JSON; 429 with Retry-After while too many actions
// wait for the brokers; 503 with Retry-After while the mesh cannot be reached.
//
// 202 is a promise: the action is on every in-sync replica. An action that was answered otherwise may be sent again
// under the same idempotenceId, and should be after 429 and 503.
func API(c APIConfig) http.Handler {
	if c.Timeout <= 0 {
		c.Timeout = 5 * time.Second
	}
	a := &api{APIConfig: c}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /shop/actions", a.one)
	mux.HandleFunc("POST /shop/actions:batch", a.batch)
	mux.HandleFunc("GET /shop/carts/{visitorId}", a.cart)
	mux.HandleFunc("GET /shop/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", jsonType)
		_, _ = w.Write(openAPI)
	})
	return mux
}

type api struct {
	APIConfig

	actions atomic.Int64 // waiting for the brokers
	bytes   atomic.Int64 // of bodies being worked on
	bodies  sync.Pool    // *bytes.Buffer
	waits   sync.Pool    // chan error of one place
}

// admit makes room for a request of a size, or reports that there is none. leave gives it back.
func (a *api) admit(size int64) bool {
	if a.bytes.Add(size) > maxBodies {
		a.bytes.Add(-size)
		return false
	}
	if a.actions.Add(1) > int64(a.MaxInFlight) {
		a.leave(size, 1)
		return false
	}
	return true
}

func (a *api) leave(size int64, actions int) {
	a.bytes.Add(-size)
	a.actions.Add(-int64(actions))
}

// sizeOf is the room a request needs: its own size, or the most it may have where it does not say.
func sizeOf(r *http.Request, limit int64) int64 {
	if r.ContentLength < 0 || r.ContentLength > limit {
		return limit
	}
	return r.ContentLength
}

func (a *api) one(w http.ResponseWriter, r *http.Request) {
	size := sizeOf(r, maxBody)
	if !a.admit(size) {
		busy().write(w)
		return
	}
	defer a.leave(size, 1)
	if f := typed(r, jsonType); f != nil {
		f.write(w)
		return
	}
	body, f := a.read(w, r, maxBody)
	if f != nil {
		f.write(w)
		return
	}
	defer a.bodies.Put(body)
	action, f := a.parse(body.Bytes(), r.Header.Get("Idempotency-Key"))
	if f != nil {
		f.write(w)
		return
	}
	if err := a.send(r.Context(), action); err != nil {
		refusal(err).write(w)
		return
	}
	writeJSON(w, http.StatusAccepted, accepted{VisitorID: action.VisitorID, IdempotenceID: action.Identity.IdempotenceID})
}

// send waits for the brokers to have an action before anything is promised.
func (a *api) send(ctx context.Context, action *shop.ShopAction) error {
	ctx, stop := context.WithTimeout(ctx, a.Timeout)
	defer stop()
	acked, ok := a.waits.Get().(chan error)
	if !ok {
		acked = make(chan error, 1)
	}
	if err := a.Actions.Start(ctx, action, func(err error) { acked <- err }); err != nil {
		a.waits.Put(acked)
		return err
	}
	select {
	case err := <-acked:
		a.waits.Put(acked)
		return err
	case <-ctx.Done():
		select {
		case err := <-acked: // it came in time, and was only not looked at yet
			a.waits.Put(acked)
			return err
		default:
			return ctx.Err() // the channel is left to who may still answer
		}
	}
}

func (a *api) batch(w http.ResponseWriter, r *http.Request) {
	size := sizeOf(r, maxBatch)
	if !a.admit(size) {
		busy().write(w)
		return
	}
	n := 1
	defer func() { a.leave(size, n) }()
	if f := typed(r, jsonType, ndjsonType); f != nil {
		f.write(w)
		return
	}
	body, f := a.read(w, r, maxBatch)
	if f != nil {
		f.write(w)
		return
	}
	defer a.bodies.Put(body)
	parts, f := items(body.Bytes())
	if f != nil {
		f.write(w)
		return
	}
	if more := int64(len(parts) - 1); a.actions.Add(more) > int64(a.MaxInFlight) && len(parts) > 1 {
		a.actions.Add(-more)
		busy().write(w)
		return
	}
	n = len(parts)
	a.sendAll(r.Context(), parts, r.Header.Get("Idempotency-Key")).write(w)
}

// sendAll starts all actions of a batch, in their order, and waits for all of them.
func (a *api) sendAll(ctx context.Context, parts [][]byte, key string) *outcome {
	ctx, stop := context.WithTimeout(ctx, a.Timeout)
	defer stop()
	type ack struct {
		i   int
		err error
	}
	acks := make(chan ack, len(parts)) // a place for each, so that late answers block nobody
	out := &outcome{Items: make([]itemOutcome, len(parts))}
	waiting := 0
	for i, part := range parts {
		it := &out.Items[i]
		it.Index = i
		itemKey := key
		if key != "" {
			itemKey = key + "/" + strconv.Itoa(i)
		}
		action, f := a.parse(part, itemKey)
		if f != nil {
			it.refuse(f)
			continue
		}
		it.VisitorID, it.IdempotenceID = action.VisitorID, action.Identity.IdempotenceID
		if err := a.Actions.Start(ctx, action, func(err error) { acks <- ack{i, err} }); err != nil {
			it.refuse(refusal(err))
			continue
		}
		it.Status = http.StatusServiceUnavailable // until it is acknowledged
		it.Detail = notAcknowledged
		waiting++
	}
	answered := func(k ack) {
		it := &out.Items[k.i]
		if it.Status, it.Detail = http.StatusAccepted, ""; k.err != nil {
			it.refuse(refusal(k.err))
		}
	}
	for ; waiting > 0; waiting-- {
		select {
		case k := <-acks:
			answered(k)
		case <-ctx.Done():
			select {
			case k := <-acks: // it came in time, and was only not looked at yet
				answered(k)
			default:
				waiting = 1
			}
		}
	}
	for i := range out.Items {
		if out.Items[i].Status == http.StatusAccepted {
			out.Accepted++
		}
	}
	return out
}

func (a *api) cart(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("visitorId")
	c, known, err := a.Carts.Cart(r.Context(), id)
	switch {
	case err != nil:
		(&failure{Title: "The cart cannot be read now", Status: http.StatusServiceUnavailable, Detail: ErrNotReady.Error()}).write(w)
	case !known:
		(&failure{
			Title: "No such cart", Status: http.StatusNotFound,
			Detail: "the visitor's cart is empty, was checked out, or is not known yet",
		}).write(w)
	default:
		w.Header().Set("ETag", `"`+strconv.Itoa(int(c.Revision))+`"`)
		writeJSON(w, http.StatusOK, &c)
	}
}

// accepted is the body of a 202.
type accepted struct {
	VisitorID     string `json:"visitorId"`
	IdempotenceID string `json:"idempotenceId"`
}

// outcome is the answer to a batch.
type outcome struct {
	Accepted int           `json:"accepted"`
	Items    []itemOutcome `json:"items"`
}

// itemOutcome is the answer to one action of a batch, as if it had come alone.
type itemOutcome struct {
	Index         int    `json:"index"`
	Status        int    `json:"status"`
	VisitorID     string `json:"visitorId,omitempty"`
	IdempotenceID string `json:"idempotenceId,omitempty"`
	Field         string `json:"field,omitempty"`
	Detail        string `json:"detail,omitempty"`
}

func (o *itemOutcome) refuse(f *failure) { o.Status, o.Field, o.Detail = f.Status, f.Field, f.Detail }

func (o *outcome) write(w http.ResponseWriter) {
	status := http.StatusAccepted
	for i := range o.Items {
		if s := o.Items[i].Status; s != http.StatusAccepted {
			status = http.StatusMultiStatus
			if s == http.StatusServiceUnavailable {
				w.Header().Set("Retry-After", strconv.Itoa(retryAway))
				break
			}
		}
	}
	writeJSON(w, status, o)
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
	h.Set("Content-Type", problemType)
	switch f.Status {
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", strconv.Itoa(retryAway))
	case http.StatusTooManyRequests:
		h.Set("Retry-After", strconv.Itoa(retryBusy))
	}
	w.WriteHeader(f.Status)
	_ = json.NewEncoder(w).Encode(f) // the client is gone when this fails
}

const notAcknowledged = "the mesh did not acknowledge the action; send it again with the same idempotenceId"

// refusal is the answer to an action that could not be sent.
func refusal(err error) *failure {
	if errors.Is(err, ingest.ErrTooLarge) {
		return &failure{Title: "The action is too large", Status: http.StatusRequestEntityTooLarge, Detail: "no broker takes a record of this size"}
	}
	return &failure{Title: "The action was not taken", Status: http.StatusServiceUnavailable, Detail: notAcknowledged}
}

func busy() *failure {
	return &failure{
		Title: "Too much at once", Status: http.StatusTooManyRequests,
		Detail: "more actions than are taken at a time wait for the mesh; send it again a little later with the same idempotenceId",
	}
}

func invalid(p *Problem) *failure {
	return &failure{Title: "The action is not valid", Status: http.StatusUnprocessableEntity, Detail: p.Error(), Field: p.Field}
}

func malformed(field, format string, args ...any) *failure {
	return &failure{Title: "The request is not understood", Status: http.StatusBadRequest, Detail: fmt.Sprintf(format, args...), Field: field}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", jsonType)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client is gone when this fails
}
