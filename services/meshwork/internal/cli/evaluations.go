package cli

import (
	"context"
	"io"

	"meshwork.dev/pkg/report"
)

// evaluation is one entry of meshwork evaluate.
type evaluation struct {
	kind   string
	inputs []input
	// run gets the inputs in their order.
	run func(ctx context.Context, in []io.Reader, p report.Progress) ([]report.Table, error)
}

// input is a file that an evaluation reads.
type input struct {
	name string // for --file
	path string // inside the folder of the data sets
}

// evaluations are all there are, in the order in which they are printed. Each lives beside the model that it measures.
func evaluations() []evaluation {
	return nil
}
