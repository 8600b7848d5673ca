package service

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"meshwork.dev/pkg/stream"
)

// Status is the state of the products that run in a process.
type Status struct{}

// engine is what a Platform needs of the stream engine.
type engine interface {
	run(ctx context.Context) error
	unready() string // "" when ready, else what is missing
	status() Status
}

type stubEngine struct{}

func (stubEngine) run(ctx context.Context) error { <-ctx.Done(); return nil }
func (stubEngine) unready() string               { return "" }
func (stubEngine) status() Status                { return Status{} }

func newEngine(_ *Platform, _ []stream.Definition) (engine, error) { return stubEngine{}, nil }

func describe(_ []stream.Definition) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotImplemented) }
}

func printDescription(w io.Writer, def Definition, _ *Config, _ string) error {
	_, err := fmt.Fprintln(w, def.Name)
	return err
}
