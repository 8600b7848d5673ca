package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/registry"
	"meshwork.dev/pkg/service"
)

// kafkaFlags say which Kafka to talk to.
type kafkaFlags struct {
	Kafka    []string              `name:"kafka" env:"MESHWORK_KAFKA_BROKERS" default:"127.0.0.1:9092" placeholder:"HOST:PORT" help:"Brokers to ask first."`
	Security service.KafkaSecurity `embed:"" prefix:"kafka-" envprefix:"MESHWORK_KAFKA_"`
}

// registryFlags say which schema registry to talk to.
type registryFlags struct {
	Registry []string             `name:"registry" env:"MESHWORK_REGISTRY_URL" default:"http://127.0.0.1:8081" placeholder:"URL" help:"Addresses of the schema registry."`
	Auth     service.RegistryAuth `embed:"" prefix:"registry-" envprefix:"MESHWORK_REGISTRY_"`
}

// reachTimeout bounds the first question to a broker, so that a wrong address
// is an error and not a hang.
const reachTimeout = 10 * time.Second

// config checks the flags and reads the secrets.
func (a *app) config(k kafkaFlags, r registryFlags) (service.Config, error) {
	cfg := service.Config{
		Kafka:    service.KafkaConfig{Brokers: k.Kafka, KafkaSecurity: k.Security},
		Registry: service.RegistryConfig{URLs: r.Registry, RegistryAuth: r.Auth},
	}
	if err := cfg.LoadSecrets(a.getenv); err != nil {
		return cfg, fmt.Errorf("reading secrets: %w", err)
	}
	return cfg, nil
}

// connect makes a Kafka client and checks that the cluster answers.
func (a *app) connect(ctx context.Context, k kafkaFlags) (*kafka.Client, error) {
	cfg, err := a.config(k, registryFlags{})
	if err != nil {
		return nil, err
	}
	cl, err := cfg.Kafka.Client("meshwork-cli", zap.NewNop(), nil)
	if err != nil {
		return nil, &usage{err.Error()}
	}
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	if err := cl.Ping(ctx); err != nil {
		cl.Close()
		return nil, fmt.Errorf("%w (asked %s; choose brokers with --kafka HOST:PORT)", err, strings.Join(k.Kafka, ", "))
	}
	return cl, nil
}

// registryClient makes a registry client. It does not connect.
func (a *app) registryClient(r registryFlags) (*registry.Client, error) {
	cfg, err := a.config(kafkaFlags{}, r)
	if err != nil {
		return nil, err
	}
	cl, err := cfg.Registry.Client(zap.NewNop(), nil)
	if err != nil {
		return nil, &usage{err.Error()}
	}
	return cl, nil
}
