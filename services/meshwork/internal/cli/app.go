package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/alecthomas/kong"

	"meshwork.dev/pkg/broker"
	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/registry"
	"meshwork.dev/pkg/service"
	"meshwork.dev/pkg/telemetry"
)

// Exit statuses.
const (
	exitOK          = 0
	exitFailure     = 1
	exitUsage       = 2
	exitUnreachable = 3
	exitNotFound    = 4
	exitInUse       = 5
)

// commands is the command line.
type commands struct {
	Up         upCmd         `cmd:"" help:"Run the whole mesh in one process: embedded broker, registry, services, a shop."`
	Topics     topicsCmd     `cmd:"" help:"List topics, with what their contracts say."`
	Consume    consumeCmd    `cmd:"" help:"Print the records of a data product or topic, decoded."`
	Sample     sampleCmd     `cmd:"" help:"Print one decoded record of each port of each data product."`
	Describe   describeCmd   `cmd:"" help:"Describe the data products that the services materialise."`
	Reset      resetCmd      `cmd:"" help:"Make a data product read its inputs again from an earlier point."`
	Simulate   simulateCmd   `cmd:"" help:"Let a simulated shop send what happens there to a mesh that runs elsewhere."`
	Replay     replayCmd     `cmd:"" help:"Send a file as commands, or publish a range of a topic again into a shadow topic."`
	DLQ        dlqCmd        `cmd:"" name:"dlq" help:"Look at dead letters and send them again."`
	Evaluate   evaluateCmd   `cmd:"" help:"Measure the models on data sets, beside published figures."`
	Generate   generateCmd   `cmd:"" help:"Generate Go from the contracts."`
	Lint       lintCmd       `cmd:"" help:"Check contracts and descriptors against the rules of the mesh."`
	Registry   registryCmd   `cmd:"" help:"Serve or ask a schema registry."`
	Completion completionCmd `cmd:"" help:"Print shell completion for bash, zsh or fish."`
	Version    versionCmd    `cmd:"" help:"Print the version."`
}

const description = `Meshwork: data products on Kafka, exactly once.

Exit statuses: 0 done; 1 failed or a check found something; 2 wrong arguments; 3 broker or registry cannot be reached;
4 topic, product, group or subject does not exist; 5 port, data folder or group is in use; 130 second interrupt.`

// app is what commands get from their surroundings.
type app struct {
	out, err io.Writer
	getenv   func(string) string
	parser   *kong.Kong
}

// Main runs the command with the process's arguments and exits.
func Main() {
	os.Exit(Run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

// Run runs the command line and returns the exit status.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	a := &app{out: stdout, err: stderr, getenv: os.Getenv}
	var cmds commands
	exited := -1
	parser, err := kong.New(&cmds, kong.Name("meshwork"), kong.Description(description), kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { exited = code }), kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	if err != nil {
		fmt.Fprintln(stderr, "meshwork:", err)
		return exitFailure
	}
	a.parser = parser
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if exited >= 0 { // --help
		return exited
	}
	if err != nil {
		fmt.Fprintf(stderr, "meshwork: %v\ntry meshwork --help\n", err)
		return exitUsage
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	if err := parsed.Run(a); err != nil {
		if text := err.Error(); text != "" {
			fmt.Fprintln(stderr, "meshwork:", telemetry.RedactText(text))
		}
		return status(err)
	}
	return exitOK
}

// notFound is the error for a name that does not exist.
type notFound struct{ what string }

func (e *notFound) Error() string { return e.what }

// usage is the error for arguments that parse but make no sense.
type usage struct{ what string }

func (e *usage) Error() string { return e.what }

func usagef(format string, args ...any) error { return &usage{fmt.Sprintf(format, args...)} }

// quiet is the error of a check that has already printed what it found.
type quiet struct{}

func (quiet) Error() string { return "" }

// status maps an error to the exit status.
func status(err error) int {
	var (
		nf     *notFound
		us     *usage
		faults service.Faults
		lock   *broker.InUseError
		listen *broker.ListenError
	)
	switch {
	case errors.As(err, &us), errors.As(err, &faults):
		return exitUsage
	case errors.As(err, &nf), errors.Is(err, kafka.ErrUnknownTopic), errors.Is(err, kafka.ErrUnknownGroup), registryNotFound(err):
		return exitNotFound
	case errors.As(err, &lock), errors.As(err, &listen), errors.Is(err, service.ErrInUse), errors.Is(err, service.ErrStateInUse), errors.Is(err, kafka.ErrGroupBusy):
		return exitInUse
	case errors.Is(err, kafka.ErrUnreachable), errors.Is(err, registry.ErrUnavailable):
		return exitUnreachable
	default:
		return exitFailure
	}
}

// output is embedded by commands that print data.
type output struct {
	Output string `short:"o" enum:"text,json" default:"text" help:"text or json."`
}

func (o output) json() bool { return o.Output == "json" }

// printJSON prints one document on one line.
func (a *app) printJSON(v any) error {
	enc := json.NewEncoder(a.out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	return nil
}

// table prints rows in columns; the first is the heading.
func (a *app) table(rows [][]string) {
	width := map[int]int{}
	for _, row := range rows {
		for i, cell := range row {
			width[i] = max(width[i], len([]rune(cell)))
		}
	}
	for _, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			b.WriteString(cell)
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", width[i]-len([]rune(cell))+2))
			}
		}
		fmt.Fprintln(a.out, strings.TrimRight(b.String(), " "))
	}
}
