package kafka_test

import (
	"flag"
	"runtime"
	"strconv"
	"testing"

	"go.uber.org/goleak"

	"meshwork.dev/pkg/broker"
	"meshwork.dev/pkg/kafka/kafkatest"
)

// TestMain lets more tests run at a time than there are processors: those that say t.Parallel wait for brokers, sessions
// and deadlines rather than compute.
func TestMain(m *testing.M) {
	flag.Parse()
	if runtime.GOMAXPROCS(0) < waiting {
		if err := flag.Set("test.parallel", strconv.Itoa(waiting)); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(m)
}

// waiting is how many tests that wait may run at a time.
const waiting = 8

func TestConformance(t *testing.T) {
	t.Parallel()
	t.Run("as Kafka 4", func(t *testing.T) {
		t.Parallel()
		b := broker.New(t, broker.WithBrokers(3))
		kafkatest.Exercise(t, b.Addrs(), kafkatest.Features{TransactionVersion: 2, GroupVersion: 1})
	})
	t.Run("as Kafka 3.9", func(t *testing.T) {
		t.Parallel()
		b := broker.New(t, broker.AsKafka39())
		kafkatest.Exercise(t, b.Addrs(), kafkatest.Features{TransactionVersion: 0, GroupVersion: 0})
	})
}
