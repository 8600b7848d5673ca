package stream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/stream/internal/sample"
)

// quick makes stalls show soon.
func quick(c *Config) { c.StallAfter, c.CatchUpInterval = 100*time.Millisecond, c.CommitInterval }

func (n *node) unready() string { s := n.Status()[0]; return s.Unready(time.Now()) }

// says waits until the product says so of why it is not ready; what it says is a second old at most.
func (n *node) says(t *testing.T, why string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(n.unready(), why) }, 30*time.Second, 5*time.Millisecond, "want %q", why)
}

// becomes waits until the product is not ready because of why, or ready where
// that is "".
func (n *node) becomes(t *testing.T, why string) {
	t.Helper()
	require.Eventually(t, func() bool {
		got := n.unready()
		if why == "" {
			return got == "" && n.Ready()
		}
		return !n.Ready() && len(got) >= len(why) && got[:len(why)] == why
	}, 30*time.Second, 5*time.Millisecond, "want %q", why)
}

// TestNotReadyWhileATransactionHangs holds the answer to a commit back.
func TestNotReadyWhileATransactionHangs(t *testing.T) {
	beside(t)
	w := newWorld(t)
	let := make(chan struct{})
	n := w.start(t.TempDir(), []Definition{Define(w.s.Counts, Spec{}, On(w.s.Hits, addTo))}, quick, func(c *Config) {
		c.wrap = func(p producer) producer {
			return faulty{p, func(_ context.Context, _ transaction, commit func() error) error {
				<-let
				return commit()
			}}
		}
	})
	n.becomes(t, "")
	require.Never(t, func() bool { return strings.HasPrefix(n.unready(), "nothing committed") }, 1500*time.Millisecond, 20*time.Millisecond, "without work there is nothing to commit")
	send(w, w.s.Hits, past, hit("a", 1))
	n.becomes(t, "nothing committed for")
	n.says(t, "a transaction is being committed")
	close(let)
	n.becomes(t, "")
	n.stop(t)
}

// TestNotReadyWhileCommitsFail aborts every transaction for a while.
func TestNotReadyWhileCommitsFail(t *testing.T) {
	beside(t)
	w := newWorld(t)
	var sick atomic.Bool
	sick.Store(true)
	n := w.start(t.TempDir(), []Definition{Define(w.s.Counts, Spec{}, On(w.s.Hits, addTo))}, quick, func(c *Config) {
		c.wrap = func(p producer) producer {
			return faulty{p, func(_ context.Context, txn transaction, commit func() error) error {
				if sick.Load() {
					txn.discard()
					return fmt.Errorf("injected: %w", kafka.ErrTxnAborted)
				}
				return commit()
			}}
		}
	})
	n.becomes(t, "")
	send(w, w.s.Hits, past, hit("a", 1))
	n.becomes(t, "nothing committed for")
	n.says(t, "commits failed in a row")
	sick.Store(false)
	n.becomes(t, "")
	n.caughtUp(t)
	n.stop(t)
}

// TestNotReadyWhileARecordIsTriedAgain lets a reaction fail for a while.
func TestNotReadyWhileARecordIsTriedAgain(t *testing.T) {
	beside(t)
	w := newWorld(t)
	var sick atomic.Bool
	sick.Store(true)
	def := Define(w.s.Counts, Spec{OnError: Retry(1000, 10*time.Millisecond)}, On(w.s.Hits, func(c *Ctx[string, sample.Count], h sample.Hit) error {
		if sick.Load() {
			return errors.New("not now")
		}
		return addTo(c, h)
	}))
	n := w.start(t.TempDir(), []Definition{def}, quick)
	n.becomes(t, "")
	send(w, w.s.Hits, past, hit("a", 1))
	n.becomes(t, "nothing committed for")
	n.says(t, "is to be tried again")
	sick.Store(false)
	n.becomes(t, "")
	n.stop(t)
}

// TestNotReadyWhileBrokersAreSilent cuts every connection that asks for records
// or leaders: nobody knows whether there is work.
func TestNotReadyWhileBrokersAreSilent(t *testing.T) {
	embeddedOnly(t)
	beside(t)
	w := newWorld(t)
	n := w.start(t.TempDir(), []Definition{Define(w.s.Counts, Spec{}, On(w.s.Hits, addTo))}, func(c *Config) { c.StallAfter = 4 * time.Second })
	n.becomes(t, "")
	var cut atomic.Bool
	cut.Store(true)
	w.b.Kfake().ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		w.b.Kfake().KeepControl()
		if cut.Load() {
			return nil, errors.New("cut"), true
		}
		return nil, nil, false
	})
	n.becomes(t, "no answer from the leader of")
	cut.Store(false)
	n.becomes(t, "")
	send(w, w.s.Hits, past, hit("a", 1))
	n.caughtUp(t)
	n.stop(t)
}
