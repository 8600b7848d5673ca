package bench

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"

	"meshwork.dev/deploy/bench/load"
)

// Side is one contestant of a workload: what it is called, and one run of it, in a process of its own.
type Side struct {
	Name string
	Run  func(ctx context.Context) (load.Result, error)
	Want float64 // for a rival: our records per CPU-second over its own that we want to reach
}

// Compare runs all sides in turn, rounds times, and writes the medians and our ratio to each rival, in records per
// CPU-second of the client process. The first side is ours.
func Compare(ctx context.Context, out io.Writer, workload string, rounds int, sides ...Side) error {
	runs := make([][]float64, len(sides))
	for round := range rounds {
		for i, s := range sides {
			r, err := s.Run(ctx)
			if err != nil {
				return fmt.Errorf("%s: %s: %w", workload, s.Name, err)
			}
			runs[i] = append(runs[i], r.PerCPU())
			fmt.Fprintf(out, "  round %d  %-28s %12.0f records/CPU-s %12.0f records/s %6d MB\n",
				round+1, s.Name, r.PerCPU(), r.PerSecond(), r.RSS>>20)
		}
	}
	ours := median(runs[0])
	fmt.Fprintf(out, "%s, median of %d rounds:\n  %-28s %12.0f records/CPU-s\n", workload, rounds, sides[0].Name, ours)
	for i, s := range sides[1:] {
		ratio, verdict := ours/median(runs[i+1]), "reached"
		if ratio < s.Want {
			verdict = "NOT reached"
		}
		fmt.Fprintf(out, "  %-28s %12.0f records/CPU-s   ratio %6.2f, wanted %.1f: %s\n", s.Name, median(runs[i+1]), ratio, s.Want, verdict)
	}
	return nil
}

func median(v []float64) float64 {
	v = slices.SortedFunc(slices.Values(v), cmp.Compare[float64])
	return v[len(v)/2]
}

// Process is a run by a command that prints a load.Result as its last line.
func Process(name string, args ...string) func(ctx context.Context) (load.Result, error) {
	return func(ctx context.Context) (load.Result, error) {
		var r load.Result
		out, err := exec.CommandContext(ctx, name, args...).Output()
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
			return r, fmt.Errorf("%w\n%s", err, exit.Stderr)
		}
		if err != nil {
			return r, err
		}
		out = bytes.TrimSpace(out)
		if err := json.Unmarshal(out[bytes.LastIndexByte(out, '\n')+1:], &r); err != nil {
			return r, fmt.Errorf("reading the result in %q: %w", out, err)
		}
		return r, nil
	}
}
