package e2e

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// program is a program of the project run as a process of its own; it is ended with the test.
type program struct {
	t    *testing.T
	name string
	args []string
	cmd  *exec.Cmd
	done chan struct{}
	log  string
}

func startProgram(t *testing.T, label, name string, args ...string) *program {
	t.Helper()
	p := &program{t: t, name: command(t, name), args: args, log: filepath.Join(t.TempDir(), label+".log")}
	t.Cleanup(func() {
		if p.running() {
			p.kill()
		}
		if t.Failed() {
			t.Logf("the end of the log of %s:\n%s", label, p.tail())
		}
	})
	p.start()
	return p
}

func (p *program) start() {
	p.t.Helper()
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(p.t, err)
	cmd := exec.CommandContext(context.WithoutCancel(p.t.Context()), p.name, p.args...)
	cmd.Stdout, cmd.Stderr = log, log
	require.NoError(p.t, cmd.Start())
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait() // how it ended is the test's affair
		_ = log.Close()
		close(done)
	}()
	p.cmd, p.done = cmd, done
}

func (p *program) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// kill ends the process as kill -9 does and waits until it is gone.
func (p *program) kill() {
	_ = p.cmd.Process.Signal(syscall.SIGKILL) // an error means that it has ended already
	<-p.done
}

// stop asks the process to end and reports its exit status.
func (p *program) stop(within time.Duration) int {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-p.done:
	case <-time.After(within):
		p.t.Fatalf("%s did not stop within %s", p.name, within)
	}
	return p.cmd.ProcessState.ExitCode()
}

func (p *program) tail() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-4000):])
}

// freeAddr is an address on the loopback interface that nobody listens on now.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// until asks again and again until ok, and fails the test with what was seen last.
func until(t *testing.T, within time.Duration, what string, ok func() (bool, string)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		good, seen := ok()
		if good {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not within %s; last seen: %s", what, within, seen)
		case <-tick.C:
		}
	}
}

// untilOK waits for a good answer of an HTTP address.
func untilOK(t *testing.T, within time.Duration, url string) {
	t.Helper()
	until(t, within, url, func() (bool, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
		require.NoError(t, err)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return false, err.Error()
		}
		defer res.Body.Close()
		return res.StatusCode == http.StatusOK, res.Status
	})
}
