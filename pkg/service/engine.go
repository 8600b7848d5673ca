package service

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/stream"
)

// engine is the stream runners of a process, one per service so that metrics
// tell services apart.
type engine struct{ runners []serviceRunner }

type serviceRunner struct {
	service string
	*stream.Runner
}

func (p *Platform) newEngine(services []Definition) (*engine, error) {
	e, tables := &engine{}, &stream.Tables{}
	all, count := make([][]stream.Definition, len(services)), 0
	for i, s := range services {
		if s.Products == nil {
			continue
		}
		products, err := s.Products(&p.Config)
		if err != nil {
			return nil, fmt.Errorf("service %s: %w", s.Name, err)
		}
		all[i] = products
		count += len(products)
	}
	p.memory.share(count)
	txns := p.memory.transactions(count)
	for i, s := range services {
		products := all[i]
		if len(products) == 0 {
			continue
		}
		r, err := stream.NewRunner(stream.Config{
			Kafka: p.Kafka, Registry: stream.FromRegistry(p.Registry), Service: s.Name,
			StateDir: filepath.Join(p.Config.StateDir, s.Name), InstanceID: p.Config.InstanceID,
			Log: p.Log.Named(s.Name), Metrics: p.Metrics, CommitInterval: p.Config.CommitInterval, StopTimeout: p.Config.ShutdownTimeout * 2 / 3,
			State: p.memory.options(), TxnMemory: txns, MaxFetchBytes: p.memory.fetchBytes(count),
			HistoryIdle: p.Config.HistoryIdle, MaxAhead: p.Config.MaxAhead, StallAfter: p.Config.StallAfter,
			Tables: tables, Codec: p.Config.codec(), NoTopics: !p.Config.CreateTopics, NoRegister: !p.Config.CreateTopics,
		}, products...)
		if err != nil {
			return nil, fmt.Errorf("service %s: %w", s.Name, err)
		}
		e.runners = append(e.runners, serviceRunner{s.Name, r})
	}
	return e, nil
}

func (e *engine) run(ctx context.Context) error {
	if len(e.runners) == 0 {
		<-ctx.Done()
		return nil
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, r := range e.runners {
		g.Go(func() error {
			if err := r.Run(ctx); err != nil {
				return fmt.Errorf("service %s: %w", r.service, err)
			}
			return nil
		})
	}
	return g.Wait()
}

// unready says what is missing, "" when nothing is.
func (e *engine) unready() string {
	var missing []string
	now := time.Now()
	for _, r := range e.runners {
		for _, s := range r.Status() {
			if why := s.Unready(now); why != "" {
				missing = append(missing, s.Name+": "+why)
			}
		}
	}
	return strings.Join(missing, "; ")
}

// Status is how the products of all services are doing in this process.
func (p *Platform) Status() []stream.ProductStatus {
	if p.engine == nil {
		return nil
	}
	var all []stream.ProductStatus
	for _, r := range p.engine.runners {
		all = append(all, r.Status()...)
	}
	return all
}

// Status is how the products of one service are doing in this process.
type Status struct {
	Service  string                 `json:"service"`
	Products []stream.ProductStatus `json:"products"`
}

// Services is Status by service.
func (p *Platform) Services() []Status {
	if p.engine == nil {
		return nil
	}
	all := make([]Status, 0, len(p.engine.runners))
	for _, r := range p.engine.runners {
		all = append(all, Status{r.service, r.Status()})
	}
	return all
}

// EndHistory tells the products of this process that a replay is over: what
// waits for time to go on need not wait for Config.HistoryIdle.
func (p *Platform) EndHistory() {
	if p.engine == nil {
		return
	}
	for _, r := range p.engine.runners {
		r.EndHistory()
	}
}

// CaughtUp says whether everything in the inputs of all products has been
// processed and committed, and no timer is due. It is conclusive when this
// process alone runs the products.
//
// Services feed each other, so one that was idle may have been given work by
// the next before that became idle too. Therefore two rounds must agree and no
// position may have moved between them.
func (p *Platform) CaughtUp(ctx context.Context) (bool, error) {
	if p.engine == nil {
		return false, nil
	}
	var before map[string]map[kafka.TopicPartition]int64
	for range 2 {
		for _, r := range p.engine.runners {
			if ok, err := r.CaughtUp(ctx); err != nil || !ok {
				return false, err
			}
		}
		now := p.positions()
		if before != nil && !maps.EqualFunc(before, now, maps.Equal) {
			return false, nil
		}
		before = now
	}
	return true, nil
}

// positions are the next offsets of all inputs, by product.
func (p *Platform) positions() map[string]map[kafka.TopicPartition]int64 {
	all := map[string]map[kafka.TopicPartition]int64{}
	for _, s := range p.Status() {
		m := map[kafka.TopicPartition]int64{}
		for _, in := range s.Inputs {
			m[kafka.TopicPartition{Topic: in.Topic, Partition: in.Partition}] = in.Next
		}
		all[s.Group] = m
	}
	return all
}

// errStopped marks a process whose products ended although nobody asked.
var errStopped = errors.New("the products stopped by themselves")

func (p *Platform) runEngine(ctx context.Context) error {
	err := p.engine.run(ctx)
	switch {
	case err == nil && ctx.Err() == nil:
		err = errStopped
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		err = nil // asked to stop while it was starting
	}
	if err != nil {
		p.Log.Error("products ended", zap.Error(err))
	}
	return err
}
