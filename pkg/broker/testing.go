package broker

import (
	"context"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kversion"
)

// TB is the part of testing.TB that [New] needs; naming it here keeps package testing out of programs.
type TB interface {
	Helper()
	Cleanup(fn func())
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

// Option adjusts the broker of a test.
type Option func(*Config)

// WithBrokers sets the number of brokers.
func WithBrokers(n int) Option { return func(c *Config) { c.Brokers = n } }

// WithDir keeps the data in a folder.
func WithDir(dir string) Option { return func(c *Config) { c.Dir = dir } }

// WithTopics creates topics with the given number of partitions when the data folder is new.
func WithTopics(partitions int, names ...string) Option {
	return WithKfake(kfake.SeedTopics(int32(partitions), names...))
}

// WithSetting sets a broker option by its Kafka name.
func WithSetting(name, value string) Option {
	return func(c *Config) {
		if c.Settings == nil {
			c.Settings = map[string]string{}
		}
		c.Settings[name] = value
	}
}

// WithKfake passes options to kfake: SASL, TLS, ACLs, limits.
func WithKfake(opts ...kfake.Opt) Option {
	return func(c *Config) { c.Options = append(c.Options, opts...) }
}

// AsKafka39 makes the broker look like Apache Kafka 3.9: no transaction version 2, no consumer-group protocol
// of KIP-848.
func AsKafka39() Option { return WithKfake(kfake.MaxVersions(kversion.V3_9_0())) }

// New runs a broker for one test: in memory on free ports, closed when the test ends.
func New(t TB, opts ...Option) *Broker {
	t.Helper()
	cfg := Config{Listen: "127.0.0.1:0", Settings: map[string]string{"group.consumer.heartbeat.interval.ms": "100"}}
	for _, o := range opts {
		o(&cfg)
	}
	b, err := Start(context.Background(), cfg)
	if err != nil {
		t.Fatalf("start the embedded broker: %v", err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("close the embedded broker: %v", err)
		}
	})
	return b
}
