package kafka_test

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"meshwork.dev/pkg/kafka/kafkatest"
)

// TestConformanceOutside runs the suite against the cluster named by KAFKA ("host:port,host:port"); KAFKA_TV and
// KAFKA_GV say which levels of transaction.version and group.version it has finalized.
func TestConformanceOutside(t *testing.T) {
	brokers := os.Getenv("KAFKA")
	if brokers == "" {
		t.Skip("no cluster given in KAFKA")
	}
	level := func(name string) int {
		n, _ := strconv.Atoi(os.Getenv(name))
		return n
	}
	kafkatest.Exercise(t, strings.Split(brokers, ","), kafkatest.Features{TransactionVersion: level("KAFKA_TV"), GroupVersion: level("KAFKA_GV")})
}
