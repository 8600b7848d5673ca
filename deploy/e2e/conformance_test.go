package e2e

import (
	"testing"

	"meshwork.dev/deploy/e2e/realkafka"
	"meshwork.dev/pkg/kafka/kafkatest"
	"meshwork.dev/pkg/registry/registrytest"
)

func TestKafkaLayer(t *testing.T) {
	finalized := map[string]kafkatest.Features{
		"4.3.1": {TransactionVersion: 2, GroupVersion: 1},
		"3.9.2": {},
	}
	sideBySide(t, func(t *testing.T, b *realkafka.Broker) {
		kafkatest.Exercise(t, []string{b.Addr}, finalized[b.Version])
	})
}

func TestRegistry(t *testing.T) {
	onEveryKafka(t, func(t *testing.T, b *realkafka.Broker) {
		url := startRegistry(t, b)
		registrytest.Exercise(t, url, registrytest.Features{Name: "meshwork"})
	})
}
