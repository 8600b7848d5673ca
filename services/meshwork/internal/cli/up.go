package cli

import (
	"context"
	"errors"
	"fmt"
	httppprof "net/http/pprof"
	"os"
	"path/filepath"
	"runtime/pprof"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"meshwork.dev/pkg/broker"
	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/service"
	"meshwork.dev/pkg/telemetry"
	"meshwork.dev/services/meshwork/glue"
	"meshwork.dev/services/meshwork/internal/replay"
	"meshwork.dev/services/meshwork/retail"
	"meshwork.dev/services/meshwork/shop"
)

type upCmd struct {
	output
	DataDir        string   `name:"data-dir" env:"MESHWORK_DATA_DIR" default:"./data" placeholder:"DIR" help:"Folder of everything this run keeps: broker, state, rejects."`
	KafkaListen    string   `name:"kafka-listen" default:"127.0.0.1:9092" placeholder:"HOST:PORT" help:"Address of the embedded broker; any Kafka client can connect."`
	RegistryListen string   `name:"registry-listen" default:"127.0.0.1:8081" placeholder:"HOST:PORT" help:"Address of the embedded schema registry."`
	HTTPListen     string   `name:"http-listen" env:"MESHWORK_HTTP_LISTEN" default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Address of the APIs, /metrics, /livez, /readyz and /describe."`
	Only           []string `placeholder:"NAME" help:"Run only these services: eshop, customer, product, orderprocessing, recommendation, churn."`

	Kafka        []string              `name:"kafka" placeholder:"HOST:PORT" help:"Use these brokers instead of the embedded one."`
	Registry     []string              `name:"registry" placeholder:"URL" help:"Use this schema registry instead of the embedded one."`
	Security     service.KafkaSecurity `embed:"" prefix:"kafka-" envprefix:"MESHWORK_KAFKA_"`
	RegistryAuth service.RegistryAuth  `embed:"" prefix:"registry-" envprefix:"MESHWORK_REGISTRY_"`

	Replay  string `placeholder:"FILE" help:"Replay this Online Retail file (plain or gzip) instead of simulating a shop."`
	Speed   string `default:"max" help:"Of a replay, or of a shop with --start or --days: max, or how many times faster than real time."`
	Rows    int    `default:"0" help:"Replay only the first rows of the file; 0: all."`
	Rejects string `placeholder:"FILE" help:"Where lines of the file that cannot be used go; default: rejects.tsv in the data folder."`
	Glue    string `placeholder:"DIR" help:"With --replay: add the clicks, reviews and people of the other data sets in this folder; see docs/online-retail.md."`
	Backlog int64  `default:"30000" placeholder:"N" help:"A feed at full speed waits while a product has so many records before it; 0: it does not wait."`
	Exit    bool   `help:"Stop with status 0 when everything sent has been materialised everywhere."`

	simFlags
	Idle        bool `help:"Neither replay nor simulate: only run."`
	KeepHistory bool `name:"keep-history" default:"true" negatable:"" help:"Lift the retention of topics when old data is sent: brokers delete by the records' own times. meshwork topics --apply restores it."`

	Summary        time.Duration `default:"5s" help:"Time between two summaries; 0: none."`
	Memory         int           `name:"memory" env:"MESHWORK_MEMORY" default:"960" placeholder:"MIB" help:"Stay near so many MiB of resident memory; state beyond its part lies in a file of the data folder. 0: no limit."`
	CommitInterval time.Duration `name:"commit-interval" env:"MESHWORK_COMMIT_INTERVAL" default:"100ms" help:"How long a transaction gathers records; up to a second while more wait than were taken."`
	Profile        string        `placeholder:"FILE" help:"Write a CPU profile of the run, for go tool pprof."`
	LogLevel       string        `name:"log-level" env:"MESHWORK_LOG_LEVEL" default:"warn" help:"debug, info, warn or error; what goes on is in the summaries."`
	LogFormat      string        `name:"log-format" env:"MESHWORK_LOG_FORMAT" default:"auto" help:"json, console, or auto: console on a terminal."`
}

// Help is the long help of the command.
func (upCmd) Help() string {
	return `Ctrl-C stops in order; the next run resumes. A replay may be interrupted and run again: every order carries its
invoice number and every line its row number as identity, so what has arrived is recognised and nothing is counted twice.
A shop that lives by the clock has quick orders: they complete after seconds, where MESHWORK_ORDERS_... does not say
otherwise. With --start or --days it lives in a time of its own.
With --kafka and --registry nothing is embedded, and other instances may run beside this one.`
}

// up is a running mesh.
type up struct {
	cmd      *upCmd
	app      *app
	log      *zap.Logger
	broker   *broker.Broker // nil when outside
	registry *embeddedRegistry
	platform *service.Platform
	services []service.Definition
	sim      *sim // nil without a simulated shop
	counts   replay.Counts
}

// errDone ends a run whose work is done.
var errDone = errors.New("done")

// stopTimeout is how long an orderly stop may take.
const stopTimeout = 45 * time.Second

// Run runs the mesh.
func (c *upCmd) Run(ctx context.Context, a *app) (err error) {
	u := &up{cmd: c, app: a}
	getenv := a.getenv
	if c.Replay == "" && !c.Idle && c.byTheClock() {
		getenv = quickly(getenv)
	}
	if u.services, err = pick(c.Only, getenv); err != nil { //nolint:contextcheck // requests and the stop have contexts of their own
		return err
	}
	if c.Replay == "" && !c.Idle {
		parts, err := emit(u.services)
		if err != nil {
			return err
		}
		if u.sim, err = c.sim(parts, c.Speed, filepath.Join(c.DataDir, "shop.json")); err != nil {
			return err
		}
	}
	if c.Exit && c.Replay == "" && (u.sim == nil || !u.sim.ends()) {
		return usagef("--exit needs an end: --replay FILE, --count N or --days N")
	}
	if (len(c.Kafka) == 0) != (len(c.Registry) == 0) {
		return usagef("--kafka and --registry go together: both outside, or both embedded")
	}
	if _, err := parseSpeed(c.Speed); err != nil {
		return err
	}
	if u.log, err = telemetry.NewLogger(telemetry.LogConfig{Level: c.LogLevel, Format: c.LogFormat, Out: a.err}); err != nil {
		return &usage{err.Error()}
	}
	if err := os.MkdirAll(c.DataDir, 0o750); err != nil {
		return fmt.Errorf("creating the data folder: %w", err)
	}
	ctx, stopSignals := service.WithSignals(ctx, u.log)
	defer stopSignals()
	defer func() { err = errors.Join(err, u.close(ctx)) }()
	if c.Profile != "" {
		f, err := os.Create(c.Profile)
		if err != nil {
			return fmt.Errorf("profile: %w", err)
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return fmt.Errorf("profile: %w", err)
		}
		defer pprof.StopCPUProfile()
	}
	if err := u.start(ctx); err != nil {
		return err
	}
	if err := u.run(ctx); err != nil {
		return err
	}
	if ctx.Err() != nil {
		fmt.Fprintln(a.err, "stopping: what was processed is committed, the next run resumes here")
	}
	return nil
}

// start brings up broker, registry and platform.
func (u *up) start(ctx context.Context) (err error) {
	c := u.cmd
	cfg := service.Config{
		Kafka:      service.KafkaConfig{Brokers: c.Kafka, KafkaSecurity: c.Security},
		Registry:   service.RegistryConfig{URLs: c.Registry, RegistryAuth: c.RegistryAuth},
		Log:        service.LogConfig{Level: c.LogLevel, Format: c.LogFormat},
		StateDir:   filepath.Join(c.DataDir, "state"),
		HTTPListen: c.HTTPListen, CommitInterval: c.CommitInterval, Memory: c.Memory, Compression: "snappy", CreateTopics: true, ShutdownTimeout: stopTimeout,
	}
	if c.Replay != "" || u.sim != nil && !u.sim.live {
		cfg.HistoryIdle = -1 // however slowly it is told: feed says when it is over
	}
	if u.sim != nil && !u.sim.live {
		cfg.MaxAhead = -1 // a shop with a time of its own may be ahead of ours
	}
	if len(c.Kafka) == 0 {
		u.broker, err = broker.Start(ctx, broker.Config{Dir: filepath.Join(c.DataDir, "kafka"), Listen: c.KafkaListen, Log: u.brokerLog()})
		if err != nil {
			return fmt.Errorf("%w; choose other addresses with --kafka-listen, another folder with --data-dir", err)
		}
		cfg.Kafka.Brokers, cfg.Kafka.Dial = []string{u.broker.Addr()}, u.broker.Dial
		if u.registry, err = serveRegistry(ctx, cfg.Kafka, c.RegistryListen, "--registry-listen", u.log.Named("registry")); err != nil {
			return err
		}
		cfg.Registry.URLs = []string{u.registry.URL()}
	}
	if err := cfg.LoadSecrets(u.app.getenv); err != nil {
		return err
	}
	if u.platform, err = service.Open(ctx, "up", cfg, u.log); err != nil {
		return err
	}
	if err := u.platform.Reach(ctx); err != nil {
		return err
	}
	if err := u.platform.Prepare(u.services...); err != nil {
		return err
	}
	if err := u.reconcile(ctx); err != nil {
		return err
	}
	mux := u.platform.Server.Mux
	mux.HandleFunc("GET /debug/pprof/", httppprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", httppprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", httppprof.Trace)
	return nil
}

// brokerLog leaves out the embedded broker's warnings, which are about its own
// pace, unless everything is asked for.
func (u *up) brokerLog() *zap.Logger {
	log := u.log.Named("broker")
	if u.cmd.LogLevel == "debug" {
		return log
	}
	return log.WithOptions(zap.IncreaseLevel(zap.ErrorLevel))
}

// run runs services, feed and summary until one of them ends the run.
func (u *up) run(ctx context.Context) error {
	began := time.Now()
	u.announce()
	running, stop := context.WithCancel(ctx)
	defer stop()
	g, running := errgroup.WithContext(running)
	g.Go(func() error { return u.platform.Run(running, u.services...) })
	g.Go(func() error {
		err := u.feed(running, began)
		if err != nil && running.Err() != nil {
			return nil //nolint:nilerr // stopped from outside: the feed's end is no failure
		}
		return err
	})
	if u.cmd.Summary > 0 {
		g.Go(func() error {
			u.summaries(running)
			return nil
		})
	}
	err := g.Wait()
	if errors.Is(err, errDone) {
		err = nil
	}
	return err
}

// feed sends what there is to send, and with --exit ends the run when all of it
// has been materialised.
func (u *up) feed(ctx context.Context, began time.Time) (err error) {
	c := u.cmd
	if c.Idle {
		return nil
	}
	parts := retailParts
	switch {
	case u.sim != nil:
		parts = u.sim.config.Emit
	case c.Glue != "":
		wanted, err := emit(u.services)
		if err != nil {
			return err
		}
		parts |= glue.Parts & wanted
	}
	if c.KeepHistory && (u.sim == nil || !u.sim.live) {
		if err := retail.KeepHistory(ctx, u.platform.Kafka); err != nil {
			return fmt.Errorf("keeping history: %w", err)
		}
	}
	s, err := openSink(ctx, u.platform.Kafka, u.platform.Registry, "/meshwork/up", parts)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := s.Close(ctx); err == nil {
			err = cerr
		}
	}()
	if err := u.send(ctx, s, parts, began); err != nil {
		return err
	}
	u.platform.EndHistory()
	if !c.Exit {
		return nil
	}
	if err := u.settle(ctx); err != nil {
		return err
	}
	took := time.Since(began)
	last := u.measure(nil)
	u.show(last)
	n, what := u.counts.Acked.Load(), "messages"
	if u.sim == nil {
		n, what = u.counts.Lines.Load(), "rows"
	}
	fmt.Fprintf(u.app.err, "all %d products have caught up with everything sent: %s in all, %.0f %s/s end to end\n",
		last.products(), took.Round(10*time.Millisecond), float64(n)/took.Seconds(), what)
	return errDone
}

// send sends all there is, no faster than the products take it.
func (u *up) send(ctx context.Context, s *sink, parts shop.Parts, began time.Time) error {
	gate := u.gate(parts)
	if gate != nil {
		watching, stop := context.WithCancel(ctx)
		var done sync.WaitGroup
		done.Go(func() { gate.watch(watching) })
		defer done.Wait()
		defer stop()
	}
	if u.sim != nil {
		return u.sim.run(ctx, s, &u.counts, gate.wait)
	}
	return u.replay(ctx, s, parts, began, gate.wait)
}

// replay sends a file, and what is glued to it of these kinds.
func (u *up) replay(ctx context.Context, s *sink, parts shop.Parts, began time.Time, hold func(context.Context) error) error {
	c := u.cmd
	rejects := c.Rejects
	if rejects == "" {
		rejects = filepath.Join(c.DataDir, "rejects.tsv")
	}
	file, err := openFile(c.Replay, c.Speed, rejects, c.Rows)
	if err != nil {
		return err
	}
	defer file.file.Close()
	if err := file.stick(c.Glue, c.Rows, parts, u.app.err); err != nil {
		return err
	}
	if err := file.run(ctx, s, u.app.err, &u.counts, hold); err != nil {
		return err
	}
	fmt.Fprintln(u.app.err, file.summary(&u.counts, time.Since(began)))
	return nil
}

// settleInterval is how often settle asks.
const settleInterval = 100 * time.Millisecond

// settle waits until all products have caught up.
func (u *up) settle(ctx context.Context) error {
	tick := time.NewTicker(settleInterval)
	defer tick.Stop()
	for {
		ok, err := u.platform.CaughtUp(ctx)
		if err != nil && ctx.Err() == nil && !kafka.IsRetriable(err) {
			return fmt.Errorf("waiting for the products: %w", err)
		}
		if ok {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// close stops in the reverse order of start.
func (u *up) close(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if u.platform != nil {
		err = u.platform.Close(ctx)
	}
	if u.registry != nil {
		err = errors.Join(err, u.registry.Close(ctx))
	}
	if u.broker != nil {
		err = errors.Join(err, u.broker.Close())
	}
	return err
}
