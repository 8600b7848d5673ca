package broker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// ListenError says that a listen address cannot be had, with a hint for the common causes.
type ListenError struct {
	Addr string
	Hint string
	Err  error
}

func (e *ListenError) Error() string {
	return fmt.Sprintf("embedded broker: cannot listen on %s: %v (%s)", e.Addr, e.Err, e.Hint)
}

func (e *ListenError) Unwrap() error { return e.Err }

// listenAll opens one listener per broker on consecutive ports (or on free ports, for port 0).
func listenAll(ctx context.Context, host string, port, n int, advertise string) ([]net.Listener, error) {
	var lc net.ListenConfig
	lns := make([]net.Listener, 0, n)
	for i := range n {
		p := port
		if p != 0 {
			p += i
		}
		addr := net.JoinHostPort(host, strconv.Itoa(p))
		ln, err := lc.Listen(ctx, "tcp", addr)
		if err != nil {
			for _, l := range lns {
				_ = l.Close()
			}
			return nil, &ListenError{Addr: addr, Hint: listenHint(err), Err: err}
		}
		if advertise != "" {
			_, got, _ := net.SplitHostPort(ln.Addr().String())
			ln = advertised{Listener: ln, addr: textAddr(net.JoinHostPort(advertise, got))}
		}
		lns = append(lns, ln)
	}
	return lns, nil
}

func listenHint(err error) string {
	switch {
	case errors.Is(err, errAddrInUse):
		return "another process uses that port, perhaps a Kafka broker or a second meshwork: stop it, choose another " +
			"port, or use that broker instead of the embedded one"
	case errors.Is(err, syscall.EACCES):
		return "ports below 1024 need privileges: choose a higher one"
	case errors.Is(err, errAddrNotAvail):
		return "this machine has no such address"
	default:
		return "check the address"
	}
}

// advertised is a listener whose address, as told to clients, is not the one it is bound to.
type advertised struct {
	net.Listener
	addr textAddr
}

func (a advertised) Addr() net.Addr { return a.addr }

type textAddr string

func (textAddr) Network() string  { return "tcp" }
func (t textAddr) String() string { return string(t) }
