package kafka_test

import (
	"testing"

	"go.uber.org/goleak"

	"meshwork.dev/pkg/broker"
	"meshwork.dev/pkg/kafka/kafkatest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	t.Run("as Kafka 4", func(t *testing.T) {
		b := broker.New(t, broker.WithBrokers(3))
		kafkatest.Exercise(t, b.Addrs(), kafkatest.Features{TransactionVersion: 2, GroupVersion: 1})
	})
	t.Run("as Kafka 3.9", func(t *testing.T) {
		b := broker.New(t, broker.AsKafka39())
		kafkatest.Exercise(t, b.Addrs(), kafkatest.Features{TransactionVersion: 0, GroupVersion: 0})
	})
}
