package cli

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"meshwork.dev/pkg/report"
	"meshwork.dev/pkg/service"
)

type evaluateCmd struct {
	output
	What []string `arg:"" optional:"" enum:"clv,churn,recommendation,sentiment,rfm,all" default:"all" help:"clv, churn, recommendation, sentiment, rfm or all."`
	Data string   `placeholder:"DIR" help:"Folder of the data sets; default: ../shared/data, where there is one."`
	File []string `placeholder:"[NAME=]FILE" sep:"none" help:"Use this file, plain or gzip, for the input of that name; without a name, for the only input."`
}

// defaultData is where the data sets are looked for, which are not part of the project.
const defaultData = "../shared/data"

// Help is the long help of the command.
func (evaluateCmd) Help() string {
	var b strings.Builder
	b.WriteString(`Runs the models of the mesh on data sets and prints what they reach beside what is published, by the printed protocol.
Inputs, by name, with their place in the data folder:
`)
	for _, in := range inputsOf(evaluations()) {
		fmt.Fprintf(&b, "  %-16s %s\n", in.name, in.path)
	}
	b.WriteString(`Any file of the same format will do: meshwork evaluate clv --file CDNOW_master.txt. Progress goes to stderr.`)
	return b.String()
}

// Run evaluates.
func (c *evaluateCmd) Run(ctx context.Context, a *app) error {
	ctx, stop := service.WithSignals(ctx, zap.NewNop())
	defer stop()
	chosen := c.chosen()
	files, err := c.files(inputsOf(chosen))
	if err != nil {
		return err
	}
	failed := 0
	for _, e := range chosen {
		began := time.Now()
		show := newProgress(a.err, e.kind)
		tables, err := e.evaluate(ctx, files, show.step)
		show.finish()
		if ctx.Err() != nil {
			return fmt.Errorf("%s: interrupted", e.kind)
		}
		if err != nil { // the others may still go
			failed++
			fmt.Fprintf(a.err, "meshwork: %s: %v\n", e.kind, err)
			continue
		}
		if err := c.print(a, e.kind, tables); err != nil {
			return err
		}
		fmt.Fprintf(a.err, "%s: %s\n", e.kind, time.Since(began).Round(10*time.Millisecond))
	}
	if failed > 0 {
		return quiet{}
	}
	return nil
}

// chosen are the evaluations asked for, in the order of the table.
func (c *evaluateCmd) chosen() []evaluation {
	var list []evaluation
	for _, e := range evaluations() {
		if len(c.What) == 0 || slices.Contains(c.What, "all") || slices.Contains(c.What, e.kind) {
			list = append(list, e)
		}
	}
	return list
}

// inputsOf lists the inputs of evaluations once each.
func inputsOf(list []evaluation) []input {
	var all []input
	for _, e := range list {
		for _, in := range e.inputs {
			if !slices.Contains(all, in) {
				all = append(all, in)
			}
		}
	}
	return all
}

// files finds the file of each input, by its name, and checks that it is there.
func (c *evaluateCmd) files(inputs []input) (map[string]string, error) {
	files := map[string]string{}
	for _, f := range c.File {
		name, path, named := strings.Cut(f, "=")
		switch {
		case named && slices.ContainsFunc(inputs, func(in input) bool { return in.name == name }):
			files[name] = path
		case len(inputs) == 1:
			files[inputs[0].name] = f
		default:
			return nil, usagef("--file %s: say for which input, as NAME=FILE; there are %s", f, strings.Join(names(inputs), ", "))
		}
	}
	dir := c.Data
	if dir == "" {
		dir = defaultData
	}
	for _, in := range inputs {
		if files[in.name] == "" {
			files[in.name] = filepath.Join(dir, in.path)
		}
		info, err := os.Stat(files[in.name])
		if err == nil && info.IsDir() {
			err = errors.New("it is a folder")
		}
		if err != nil {
			return nil, &notFound{fmt.Sprintf("no data for %s (%v): name the folder of the data sets with --data DIR, or the file with --file %s=FILE",
				in.name, err, in.name)}
		}
	}
	return files, nil
}

func names(inputs []input) []string {
	list := make([]string, len(inputs))
	for i, in := range inputs {
		list[i] = in.name
	}
	return list
}

// evaluate opens the files of one evaluation and runs it.
func (e evaluation) evaluate(ctx context.Context, files map[string]string, p report.Progress) (_ []report.Table, err error) {
	readers := make([]io.Reader, len(e.inputs))
	for i, in := range e.inputs {
		r, closer, err := openPlain(files[in.name])
		if err != nil {
			return nil, err
		}
		defer closer.Close() //nolint:gocritic // three files at most, all needed to the end
		readers[i] = r
	}
	tables, err := e.run(ctx, readers, p)
	if err != nil {
		return nil, fmt.Errorf("evaluating %s: %w", e.kind, err)
	}
	return tables, nil
}

// openPlain opens a file, gzip or not: the first bytes tell.
func openPlain(path string) (io.Reader, io.Closer, error) {
	f, err := os.Open(path) //nolint:gosec // the file is the user's choice
	if err != nil {
		return nil, nil, fmt.Errorf("opening: %w", err)
	}
	r := bufio.NewReaderSize(f, 1<<16)
	if magic, err := r.Peek(2); err != nil || magic[0] != 0x1f || magic[1] != 0x8b {
		return r, f, nil //nolint:nilerr // too short for gzip is plain
	}
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("reading %s: %w", path, err), f.Close())
	}
	return z, f, nil
}

// evaluated is one table as printed with -o json.
type evaluated struct {
	Kind    string     `json:"kind"`
	Name    string     `json:"name"`
	Title   string     `json:"title"`
	Columns []string   `json:"columns"`
	Rows    [][]string `json:"rows"`
	Notes   []string   `json:"notes,omitempty"`
}

// print prints tables.
func (c *evaluateCmd) print(a *app, kind string, tables []report.Table) error {
	for _, t := range tables {
		if c.json() {
			if err := a.printJSON(evaluated{kind, t.Name, t.Title, t.Columns, t.Rows, t.Notes}); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(a.out, "%s\n", t.Title)
		a.table(append([][]string{t.Columns}, t.Rows...))
		for _, n := range t.Notes {
			fmt.Fprintf(a.out, "  %s\n", n)
		}
		fmt.Fprintln(a.out)
	}
	return nil
}
