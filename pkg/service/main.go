package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/alecthomas/kong"
	"go.uber.org/zap"

	"meshwork.dev/pkg/telemetry"
)

// Exit statuses of a service's program.
const (
	ExitOK      = 0
	ExitFailure = 1 // it ran and failed, or could not reach what it needs
	ExitUsage   = 2 // arguments or configuration are wrong
)

// program is the command line of a service.
type program struct {
	Run struct {
		Config `embed:""`
	} `cmd:"" default:"withargs" help:"Run the service (default)."`
	Healthcheck struct {
		HTTPListen string        `name:"http-listen" env:"MESHWORK_HTTP_LISTEN" default:"127.0.0.1:8080" help:"Address the service listens on."`
		Live       bool          `help:"Ask /livez instead of /readyz."`
		Timeout    time.Duration `default:"3s" help:"How long to wait for the answer."`
	} `cmd:"" help:"Ask a running service whether it is ready; for images without a shell."`
	Describe struct {
		Format string `name:"format" short:"o" enum:"text,json,mermaid" default:"text" help:"text, json or mermaid."`
	} `cmd:"" help:"Print the data products that the service materialises."`
	Version struct{} `cmd:"" help:"Print the version."`
}

// Main is the whole of a service's main function: it runs def with the
// process's arguments and exits.
func Main(def Definition) {
	os.Exit(Exec(context.Background(), def, os.Args[1:], os.Stdout, os.Stderr))
}

// Exec runs the command line of a service and returns its exit status.
func Exec(ctx context.Context, def Definition, args []string, stdout, stderr io.Writer) int {
	var cli program
	exited := -1
	parser, err := kong.New(&cli, kong.Name(def.Name), kong.Description(def.Doc), kong.Writers(stdout, stderr),
		kong.UsageOnError(), kong.Exit(func(code int) { exited = code }))
	if err != nil {
		fmt.Fprintln(stderr, "error:", err)
		return ExitFailure
	}
	parsed, err := parser.Parse(args)
	if exited >= 0 { // --help
		return exited
	}
	if err == nil {
		switch parsed.Command() {
		case "healthcheck":
			err = cli.healthcheck(ctx)
		case "describe":
			err = printDescription(stdout, def, &cli.Run.Config, cli.Describe.Format)
		case "version":
			err = json.NewEncoder(stdout).Encode(telemetry.ReadBuild())
		default:
			err = run(ctx, def, cli.Run.Config)
		}
	}
	if err == nil {
		return ExitOK
	}
	fmt.Fprintf(stderr, "%s: %v\n", def.Name, err)
	if _, ok := errors.AsType[*kong.ParseError](err); ok {
		fmt.Fprintf(stderr, "try %s --help\n", def.Name)
		return ExitUsage
	}
	if _, ok := errors.AsType[Faults](err); ok {
		return ExitUsage
	}
	return ExitFailure
}

func (c *program) healthcheck(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.Healthcheck.Timeout)
	defer cancel()
	path := "/readyz"
	if c.Healthcheck.Live {
		path = "/livez"
	}
	return Probe(ctx, c.Healthcheck.HTTPListen, path)
}

// run is the life of a service's process.
func run(ctx context.Context, def Definition, cfg Config) (err error) {
	if err := cfg.LoadSecrets(os.Getenv); err != nil {
		return err
	}
	if err := cfg.Validate(); err != nil {
		return err
	}
	log, err := telemetry.NewLogger(cfg.Log.Telemetry())
	if err != nil {
		return fmt.Errorf("setting up the log: %w", err)
	}
	log = log.Named(def.Name)
	ctx, stopSignals := WithSignals(ctx, log)
	defer stopSignals()
	p, err := Open(ctx, def.Name, cfg, log)
	if err != nil {
		return err
	}
	build := telemetry.ReadBuild()
	log.Info("starting", append(p.Config.Fields(), zap.String("version", build.Version), zap.String("revision", build.Revision))...)
	defer func() {
		// ctx has ended by now; what is under way gets its own time.
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.ShutdownTimeout)
		defer cancel()
		err = errors.Join(err, p.Close(stop))
		if err == nil {
			log.Info("stopped")
		}
	}()
	if err := p.Reach(ctx); err != nil {
		return err
	}
	return p.Run(ctx, def)
}
