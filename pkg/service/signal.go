package service

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"go.uber.org/zap"
)

// ExitSignal is the status of a process that a second signal ended.
const ExitSignal = 130

// WithSignals returns a context that ends with the first SIGINT or SIGTERM. A
// second one ends the process at once with ExitSignal: what was committed
// stays, the rest is done again at the next start. stop gives the signals back
// and waits for the watching goroutine.
func WithSignals(parent context.Context, log *zap.Logger) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(parent)
	ch := make(chan os.Signal, 2)
	signal.Notify(ch, os.Interrupt, syscall.SIGTERM)
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		select {
		case s := <-ch:
			log.Info("stopping; a second signal ends at once", zap.Stringer("signal", s))
			cancel()
		case <-quit:
			return
		}
		select {
		case <-ch:
			os.Exit(ExitSignal)
		case <-quit:
		}
	}()
	return ctx, func() {
		signal.Stop(ch)
		close(quit)
		<-done
		cancel()
	}
}
