package orderprocessing

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"meshwork.dev/schemas/orderproc"
)

// Commands is the way of commands into the mesh. Both calls return nil only once the broker has acknowledged the
// command, and an error when it is not known to have it; sending again with the same idempotenceId is safe.
type Commands interface {
	CreateOrder(ctx context.Context, cmd *orderproc.CreateOrder) error
	CancelOrder(ctx context.Context, cmd *orderproc.CancelOrder) error
}

// ErrNotReady is returned by Orders while the table is being restored, or an order lives on another instance.
var ErrNotReady = errors.New("the orders are not readable here yet")

// Orders is the table of orders, as far as it has been materialised.
type Orders interface {
	Order(ctx context.Context, id string) (o orderproc.Order, known bool, err error)
}

// APIConfig is what the REST API works with.
type APIConfig struct {
	Commands Commands
	Orders   Orders
	Rules    Rules
	Now      func() time.Time // the clock for orders that bring no date; never nil
	NewID    func() string    // ids of orders that bring neither id nor Idempotency-Key; never nil
	Timeout  time.Duration    // how long a command may take to be acknowledged; 5 s when 0
}

// retryAfter is what a client is told to wait when the mesh is away, in seconds.
const retryAfter = 2

// maxBody bounds the body of a request, in bytes.
const maxBody = 2 << 20

//go:embed openapi.json
var openAPI []byte

// API is the REST API for orders:
//
//	POST /orders               202 and Location once the command is in the mesh
//	POST /partner-orders       202 likewise, for partners: the partner's reference makes the order's id
//	POST /orders/{id}/cancel   202 once the command is in the mesh; 409 where it is known to be too late
//	GET  /orders/{id}          the latest state of an order
//	GET  /orders/openapi.json  this, for machines
//
// Errors are application/problem+json: 400 for what is not JSON of the right shape, 422 naming the field that is not
// valid, 413 and 415 for bodies that are too large or not JSON, 503 with Retry-After while the mesh cannot be reached.
func API(c APIConfig) http.Handler {
	if c.Timeout <= 0 {
		c.Timeout = 5 * time.Second
	}
	a := &api{c}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders", a.create)
	mux.HandleFunc("POST /partner-orders", a.createForPartner)
	mux.HandleFunc("POST /orders/{id}/cancel", a.cancel)
	mux.HandleFunc("GET /orders/{id}", a.get)
	mux.HandleFunc("GET /orders/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(openAPI)
	})
	return mux
}

type api struct{ APIConfig }

// accepted is the body of a 202.
type accepted struct {
	OrderID       string `json:"orderId"`
	IdempotenceID string `json:"idempotenceId"`
	Location      string `json:"location"`
}

func (a *api) create(w http.ResponseWriter, r *http.Request) {
	key, prob := idempotencyKey(r)
	if prob != nil {
		prob.write(w)
		return
	}
	var req orderRequest
	body, prob := readJSON(w, r, &req, false)
	if prob != nil {
		prob.write(w)
		return
	}
	cmd, p := req.command(key, body, a.Now(), a.NewID)
	if p == nil {
		p = a.Rules.check(cmd)
	}
	if p != nil {
		invalid(p).write(w)
		return
	}
	a.send(w, r, cmd.OrderID, cmd.Identity.IdempotenceID, func(ctx context.Context) error {
		return a.Commands.CreateOrder(ctx, cmd)
	})
}

func (a *api) createForPartner(w http.ResponseWriter, r *http.Request) {
	var req partnerRequest
	body, prob := readJSON(w, r, &req, false)
	if prob != nil {
		prob.write(w)
		return
	}
	cmd, p := req.command(body, a.Now())
	if p == nil {
		p = a.Rules.check(cmd)
	}
	if p != nil {
		invalid(p).write(w)
		return
	}
	a.send(w, r, cmd.OrderID, cmd.Identity.IdempotenceID, func(ctx context.Context) error {
		return a.Commands.CreateOrder(ctx, cmd)
	})
}

func (a *api) cancel(w http.ResponseWriter, r *http.Request) {
	key, prob := idempotencyKey(r)
	if prob != nil {
		prob.write(w)
		return
	}
	id := r.PathValue("id")
	if p := checkText("orderId", id, maxText); p != nil {
		invalid(p).write(w)
		return
	}
	var req cancelRequest
	body, prob := readJSON(w, r, &req, true)
	if prob != nil {
		prob.write(w)
		return
	}
	if len(req.Reason) > maxComment {
		invalid(problem("reason", "%d bytes, at most %d are taken", len(req.Reason), maxComment)).write(w)
		return
	}
	cmd := req.command(id, key, body, a.Now())
	// The table is a little behind the mesh, so it can only tell what is too late for ever.
	if o, known, err := a.Orders.Order(r.Context(), id); err == nil && known && !awaited(&o) &&
		o.WithdrawnBy.Or("") != cmd.Identity.IdempotenceID {
		if _, reason := next(o.Status, moveWithdraw); reason != "" {
			(&failure{Title: "The order cannot be withdrawn", Status: http.StatusConflict, Detail: reason}).write(w)
			return
		}
	}
	a.send(w, r, id, cmd.Identity.IdempotenceID, func(ctx context.Context) error {
		return a.Commands.CancelOrder(ctx, cmd)
	})
}

// send waits for the mesh to have a command before it promises anything.
func (a *api) send(w http.ResponseWriter, r *http.Request, id, idempotenceID string, send func(context.Context) error) {
	ctx, stop := context.WithTimeout(r.Context(), a.Timeout)
	defer stop()
	if err := send(ctx); err != nil {
		away("The order was not taken", "the mesh did not acknowledge the command; send it again with the same Idempotency-Key").write(w)
		return
	}
	location := "/orders/" + pathEscape(id)
	w.Header().Set("Location", location)
	writeJSON(w, http.StatusAccepted, accepted{OrderID: id, IdempotenceID: idempotenceID, Location: location})
}

func (a *api) get(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	o, known, err := a.Orders.Order(r.Context(), id)
	switch {
	case err != nil:
		away("The order cannot be read now", ErrNotReady.Error()).write(w)
	case !known:
		(&failure{
			Title: "No such order", Status: http.StatusNotFound,
			Detail: fmt.Sprintf("no order %q is known; one that was just accepted appears in a moment", id),
		}).write(w)
	default:
		if o.Items == nil {
			o.Items = []orderproc.OrderItem{} // an empty list in JSON, not null
		}
		w.Header().Set("ETag", `"`+strconv.Itoa(int(o.Revision))+`"`)
		writeJSON(w, http.StatusOK, &o)
	}
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
	if f.Status == http.StatusServiceUnavailable {
		h.Set("Retry-After", strconv.Itoa(retryAfter))
	}
	w.WriteHeader(f.Status)
	_ = json.NewEncoder(w).Encode(f) // the client is gone when this fails
}

func invalid(p *Problem) *failure {
	return &failure{Title: "The order is not valid", Status: http.StatusUnprocessableEntity, Detail: p.Error(), Field: p.Field}
}

func malformed(field, format string, args ...any) *failure {
	return &failure{Title: "The request is not understood", Status: http.StatusBadRequest, Detail: fmt.Sprintf(format, args...), Field: field}
}

func away(title, detail string) *failure {
	return &failure{Title: title, Status: http.StatusServiceUnavailable, Detail: detail}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client is gone when this fails
}
