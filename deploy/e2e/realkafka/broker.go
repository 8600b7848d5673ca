package realkafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"time"

	"meshwork.dev/pkg/kafka"
)

// Versions are the Apache Kafka versions the project supports and tests against, newest first.
var Versions = []string{"4.3.1", "3.9.2"}

// Options adjust a broker. The zero value is a broker of 512 MB heap with short group sessions.
type Options struct {
	// Properties are added to server.properties, over the defaults.
	Properties map[string]string
	// HeapMB is the largest heap of the JVM; 512 where zero.
	HeapMB int
	// Log receives the broker's own log; discarded where nil.
	Log io.Writer
	// Say receives remarks about how the broker is started; discarded where nil.
	Say func(format string, args ...any)
}

func (o Options) say(format string, args ...any) {
	if o.Say != nil {
		o.Say(format, args...)
	}
}

// Broker is a running Apache Kafka.
type Broker struct {
	// Addr is host:port of the listener for clients.
	Addr string
	// Version is the Apache Kafka version.
	Version string
	// From says how it runs: "docker" or "jvm".
	From string

	stop func(ctx context.Context) error
	proc *process // jvm only
}

// ErrUnavailable is returned by Start where neither a Docker engine nor a JDK with Maven can be used.
var ErrUnavailable = errors.New("no real Apache Kafka can be started here: neither a Docker engine answers nor are java (17 or newer) and mvn on the path")

// Start starts the version and returns once it answers metadata requests with a controller, at most two minutes
// later. End it with Stop.
func Start(ctx context.Context, version string, o Options) (*Broker, error) {
	if o.HeapMB == 0 {
		o.HeapMB = 512
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	var b *Broker
	var err error
	switch from := os.Getenv("MESHWORK_KAFKA_FROM"); {
	case from == "docker":
		b, err = startContainer(ctx, version, o)
	case from == "" && dockerAnswers(ctx):
		b, err = startContainer(ctx, version, o)
		if err != nil && jvmPossible() { // an engine without access to images
			o.say("no container, a local JVM instead: %v", err)
			b, err = startJVM(ctx, version, o)
		}
	case from == "jvm" || from == "" && jvmPossible():
		b, err = startJVM(ctx, version, o)
	case from != "":
		err = fmt.Errorf("MESHWORK_KAFKA_FROM=%s: want docker or jvm", from)
	default:
		err = ErrUnavailable
	}
	if err != nil {
		return nil, fmt.Errorf("starting Apache Kafka %s: %w", version, err)
	}
	if err := b.waitReady(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("broker of Apache Kafka %s (%s) at %s is not ready: %w", version, b.From, b.Addr, err), b.Stop()) //nolint:contextcheck // stopping has its own time
	}
	return b, nil
}

// Stop ends the broker and removes its data.
func (b *Broker) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return b.stop(ctx)
}

// Kill ends a JVM broker as kill -9 does; its data stays for Restart. An error for a broker in a container.
func (b *Broker) Kill() error {
	if b.proc == nil {
		return errors.New("a broker in a container cannot be killed here")
	}
	return b.proc.kill()
}

// Restart starts a killed JVM broker again on the same port and data.
func (b *Broker) Restart(ctx context.Context) error {
	if b.proc == nil {
		return errors.New("a broker in a container cannot be restarted here")
	}
	if err := b.proc.start(); err != nil {
		return err
	}
	return b.waitReady(ctx)
}

// waitReady waits for a metadata answer that names a controller: a port that accepts is not yet a broker.
func (b *Broker) waitReady(ctx context.Context) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		err := b.ping(ctx)
		if err == nil {
			return nil
		}
		if b.proc != nil && b.proc.ended() {
			return fmt.Errorf("the process ended; the end of its log:\n%s", b.proc.tail())
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-tick.C:
		}
	}
}

func (b *Broker) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	c, err := kafka.NewClient(kafka.Config{Brokers: []string{b.Addr}, ClientID: "realkafka"})
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Ping(ctx)
}

// properties of one node that is broker and controller. Group sessions are short, so that a test that kills a
// member does not wait 45 seconds for it.
func properties(version string, o Options) map[string]string {
	p := map[string]string{
		"node.id":                                                     "1",
		"process.roles":                                               "broker,controller",
		"controller.listener.names":                                   "CONTROLLER",
		"listener.security.protocol.map":                              "PLAINTEXT:PLAINTEXT,BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
		"inter.broker.listener.name":                                  "BROKER",
		"offsets.topic.replication.factor":                            "1",
		"offsets.topic.num.partitions":                                "4",
		"transaction.state.log.replication.factor":                    "1",
		"transaction.state.log.min.isr":                               "1",
		"transaction.state.log.num.partitions":                        "4",
		"group.initial.rebalance.delay.ms":                            "0",
		"group.min.session.timeout.ms":                                "1000",
		"group.consumer.min.session.timeout.ms":                       "1000",
		"group.consumer.session.timeout.ms":                           "6000",
		"group.consumer.min.heartbeat.interval.ms":                    "500",
		"group.consumer.heartbeat.interval.ms":                        "1000",
		"auto.create.topics.enable":                                   "false",
		"transaction.partition.verification.enable":                   "true",
		"log.cleaner.min.cleanable.ratio":                             "0.5",
		"num.network.threads":                                         "2",
		"num.io.threads":                                              "4",
		"log.segment.bytes":                                           "268435456",
		"transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
	}
	if version[0] >= '4' {
		p["share.coordinator.state.topic.replication.factor"] = "1"
		p["share.coordinator.state.topic.min.isr"] = "1"
		p["share.coordinator.state.topic.num.partitions"] = "1"
	}
	maps.Copy(p, o.Properties)
	return p
}

// Possible tells whether brokers can be started here by way of "docker" or "jvm".
func Possible(ctx context.Context, from string) bool {
	if from == "docker" {
		return dockerAnswers(ctx)
	}
	return from == "jvm" && jvmPossible()
}
