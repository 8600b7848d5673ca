package cli

import (
	"context"
	"fmt"
	"time"

	"meshwork.dev/pkg/service"
	"meshwork.dev/pkg/telemetry"
)

type registryServeCmd struct {
	kafkaFlags
	Listen string            `name:"listen" env:"MESHWORK_REGISTRY_LISTEN" default:"127.0.0.1:8081" placeholder:"HOST:PORT" help:"Address to serve on."`
	Log    service.LogConfig `embed:"" prefix:"log-" envprefix:"MESHWORK_LOG_"`
}

// Help is the long help of the command.
func (registryServeCmd) Help() string {
	return "The state is the topic _schemas of the cluster: any number of instances may serve it, and a restart loses nothing. " +
		"Beside the API of a registry it answers /metrics, /livez and /readyz."
}

// Run serves until interrupted.
func (c *registryServeCmd) Run(ctx context.Context, a *app) error {
	log, err := telemetry.NewLogger(telemetry.LogConfig{Level: c.Log.Level, Format: c.Log.Format, Out: a.err})
	if err != nil {
		return &usage{err.Error()}
	}
	ctx, stopSignals := service.WithSignals(ctx, log)
	defer stopSignals()
	cl, err := a.connect(ctx, c.kafkaFlags)
	if err != nil {
		return err
	}
	cl.Close()
	cfg, err := a.config(c.kafkaFlags, registryFlags{})
	if err != nil {
		return err
	}
	r, err := serveRegistry(ctx, cfg.Kafka, c.Listen, "--listen", log)
	if err != nil {
		return err
	}
	fmt.Fprintln(a.err, "schema registry at", r.URL())
	<-ctx.Done()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return r.Close(ctx)
}
