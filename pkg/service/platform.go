package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.uber.org/zap"

	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/registry"
	"meshwork.dev/pkg/stream"
	"meshwork.dev/pkg/telemetry"
)

// Platform is what the services of one process share. Open makes it, Run runs
// services on it, Close gives everything back.
type Platform struct {
	Config   Config
	Log      *zap.Logger
	Kafka    *kafka.Client
	Registry *registry.Client
	Metrics  *telemetry.Metrics
	Gatherer *prometheus.Registry
	Health   *telemetry.Health
	Server   *Server

	memory *memory
	engine *engine
	stops  []namedStop
	lock   io.Closer // of the state folder
}

type namedStop struct {
	name string
	stop func() error
}

// readyWait is how long Open waits for the brokers and the registry to answer
// before it goes on unready: at a rollout they may come up later than us.
const readyWait = 10 * time.Second

// Open checks the configuration, makes the clients and opens the HTTP address.
// It does not wait for Kafka: Run does.
func Open(ctx context.Context, name string, cfg Config, log *zap.Logger) (p *Platform, err error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	id, err := Instance(cfg.StateDir, cfg.InstanceID)
	if err != nil {
		return nil, err
	}
	cfg.InstanceID = id
	lock, err := lockState(cfg.StateDir)
	if err != nil {
		return nil, err
	}
	limits := newMemory(cfg.StateDir, cfg.Memory)
	defer func() {
		if err != nil {
			err = errors.Join(err, limits.close(), lock.Close())
		}
	}()
	p = &Platform{Config: cfg, Log: log, lock: lock, memory: limits, Gatherer: prometheus.NewRegistry(), Health: telemetry.NewHealth()}
	p.Gatherer.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	p.Metrics = telemetry.NewMetrics(p.Gatherer)
	p.Health.Wait("start", "starting")
	if p.Server, err = Listen(ctx, cfg.HTTPListen, p.Gatherer, p.Health, log); err != nil {
		return nil, err
	}
	if p.Kafka, err = cfg.Kafka.Client("meshwork-"+name, log.Named("kafka"), p.Metrics); err != nil {
		return nil, errors.Join(err, p.Server.Stop(ctx))
	}
	if p.Registry, err = cfg.Registry.Client(log.Named("registry"), p.Metrics); err != nil {
		p.Kafka.Close()
		return nil, errors.Join(err, p.Server.Stop(ctx))
	}
	return p, nil
}

// Prepare builds the products of the services and mounts their routes. Run
// calls it when it has not been called.
func (p *Platform) Prepare(services ...Definition) error {
	for _, s := range services {
		p.Metrics.SetBuild(s.Name, telemetry.ReadBuild())
		p.Metrics.SetReady(s.Name, false)
	}
	e, err := p.newEngine(services)
	if err != nil {
		return err
	}
	p.engine = e
	description, err := Describe(&p.Config, services...)
	if err != nil {
		return err
	}
	p.Server.Mux.HandleFunc("GET /describe", description.serve)
	p.Server.Mux.HandleFunc("GET /{$}", newIndex(description, services).serve)
	for _, s := range services {
		if s.Routes == nil {
			continue
		}
		deps := Deps{
			Config: &p.Config, Kafka: p.Kafka, Registry: p.Registry, Metrics: p.Metrics, Health: p.Health,
			Log: p.Log.Named(s.Name), Pages: p.memory.pages, OnStop: p.onStop,
		}
		if err := s.Routes(p.Server.Mux, deps); err != nil {
			return fmt.Errorf("service %s: routes: %w", s.Name, err)
		}
	}
	return nil
}

func (p *Platform) onStop(name string, stop func() error) {
	p.stops = append(p.stops, namedStop{name, stop})
}

// Reach waits until a broker and the registry answer, and returns why not when
// they have not after a while.
func (p *Platform) Reach(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWait)
	defer cancel()
	if err := p.Kafka.Ping(ctx); err != nil {
		return fmt.Errorf("reaching Kafka at %v: %w", p.Config.Kafka.Brokers, err)
	}
	if err := p.Registry.Ping(ctx); err != nil {
		return fmt.Errorf("reaching the schema registry: %w", err)
	}
	return nil
}

// Run runs the services until ctx ends or one of their products fails for
// good. It returns after everything it started has ended: nil when ctx ended
// and the stop was orderly.
func (p *Platform) Run(ctx context.Context, services ...Definition) error {
	if p.engine == nil {
		if err := p.Prepare(services...); err != nil {
			return err
		}
	}
	p.Server.Start()
	p.Log.Info("serving HTTP", zap.String("address", p.Server.Addr()))
	p.Health.Wait("products", "starting") // before start is lifted: there is no moment of false readiness
	p.Health.Hold("start")
	watched := make(chan struct{})
	watch, stopWatch := context.WithCancel(ctx)
	go func() {
		defer close(watched)
		p.watchReady(watch, services)
	}()
	err := p.runEngine(ctx)
	stopWatch()
	<-watched
	p.Health.Wait("start", "stopping")
	for _, s := range services {
		p.Metrics.SetReady(s.Name, false)
	}
	return err
}

// watchInterval is how often readiness is taken over from the engine.
const watchInterval = 250 * time.Millisecond

// watchReady takes the engine's state over into health and metrics.
func (p *Platform) watchReady(ctx context.Context, services []Definition) {
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	was := false
	for {
		p.beat()
		if why := p.engine.unready(); why != "" {
			p.Health.Wait("products", why)
		} else {
			p.Health.Hold("products")
		}
		ready := len(p.Health.Unready()) == 0
		for _, s := range services {
			p.Metrics.SetReady(s.Name, ready)
		}
		if ready && !was {
			p.Log.Info("ready")
		}
		was = ready
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// deadAfter is for how long the loop of a product may be stuck. It waits for
// the end of a transaction when partitions are taken from it, which may last as
// long as transactions do.
const deadAfter = 2 * time.Minute

// beat passes signs of life of the products' loops on.
func (p *Platform) beat() {
	for _, s := range p.Status() {
		switch {
		case s.State == stream.Stopped:
			p.Health.Rest(s.Group)
		case !s.At.IsZero() && time.Since(s.At) <= 2*stream.StatusEvery:
			p.Health.Beat(s.Group, deadAfter)
		}
	}
}

// Close stops the HTTP server, then what services registered, then the
// clients. It waits for requests under way until ctx is done.
func (p *Platform) Close(ctx context.Context) error {
	err := p.Server.Stop(ctx)
	for _, s := range slices.Backward(p.stops) {
		if e := s.stop(); e != nil {
			err = errors.Join(err, fmt.Errorf("stopping %s: %w", s.name, e))
		}
	}
	p.Kafka.Close()
	return errors.Join(err, p.memory.close(), p.lock.Close())
}
