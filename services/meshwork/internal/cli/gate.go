package cli

import (
	"context"
	"sync/atomic"
	"time"

	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/service"
	"meshwork.dev/pkg/stream"
	"meshwork.dev/services/meshwork/feed/sender"
	"meshwork.dev/services/meshwork/shop"
)

// gate keeps a feed at full speed from running ahead of the products: it is shut while one of them has more than a
// number of records before it. What reaches a product by a short way would otherwise be months ahead, in event time, of
// what comes by a long one, and timers would fire before what they wait for is there.
type gate struct {
	most   int64
	client *kafka.Client
	fed    map[string]bool // topics
	status func() []service.Status
	sent   func() int64
	shut   atomic.Bool
}

// gateInterval is how often the gate looks.
const gateInterval = 50 * time.Millisecond

// gate makes the gate of a feed of these kinds of messages; nil where it has no bound.
func (u *up) gate(parts shop.Parts) *gate {
	if u.cmd.Backlog <= 0 {
		return nil
	}
	g := &gate{
		most: u.cmd.Backlog, client: u.platform.Kafka, fed: map[string]bool{},
		status: u.platform.Services, sent: u.counts.Acked.Load,
	}
	for _, t := range sender.Topics(parts) {
		g.fed[t.Name] = true
	}
	return g
}

// watch moves the gate until ctx ends.
func (g *gate) watch(ctx context.Context) {
	tick := time.NewTicker(gateInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			g.shut.Store(false)
			return
		case <-tick.C:
		}
		services := g.status()
		ends, err := g.client.ListOffsets(ctx, g.inputs(services), kafka.Latest, kafka.ReadCommitted)
		if err != nil {
			continue // as it was: the next look tells
		}
		g.shut.Store(g.behind(services, ends) >= g.most)
	}
}

// inputs are the partitions that are fed and read. A product with enough before it does not ask for their ends.
func (g *gate) inputs(services []service.Status) (out []kafka.TopicPartition) {
	seen := map[kafka.TopicPartition]bool{}
	for _, s := range services {
		for _, p := range s.Products {
			for _, in := range p.Inputs {
				tp := kafka.TopicPartition{Topic: in.Topic, Partition: in.Partition}
				if g.fed[in.Topic] && !seen[tp] {
					seen[tp] = true
					out = append(out, tp)
				}
			}
		}
	}
	return out
}

// behind is how many records the product has before it that has most of them. As long as one does not know its place
// yet, everything that was sent is before it.
func (g *gate) behind(services []service.Status, ends map[kafka.TopicPartition]int64) int64 {
	most := int64(0)
	for _, s := range services {
		for _, p := range s.Products {
			if p.State == stream.Starting || p.State == stream.Restoring {
				most = max(most, g.sent())
			}
			n := int64(0)
			for _, in := range p.Inputs {
				end, fed := ends[kafka.TopicPartition{Topic: in.Topic, Partition: in.Partition}]
				if !fed {
					end = in.End
				}
				n += max(end-in.Next, 0)
			}
			most = max(most, n)
		}
	}
	return most
}

// wait returns when the next message may be sent, and ctx's error when it has ended. A nil gate is open.
func (g *gate) wait(ctx context.Context) error {
	if g == nil || !g.shut.Load() {
		return ctx.Err()
	}
	tick := time.NewTicker(gateInterval / 10)
	defer tick.Stop()
	for g.shut.Load() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}
