package kafka

import (
	"testing"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/broker"
)

// A coordinator that is no longer part of the cluster is forgotten, not asked for ever.
func TestCoordinatorThatLeftTheCluster(t *testing.T) {
	b := broker.New(t)
	c, err := NewClient(Config{Brokers: []string{b.Addr()}})
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.CreateTopics(t.Context(), TopicSpec{Name: "t", Partitions: 1}))
	at := TopicPartition{Topic: "t", Partition: 0}
	const gone = 99
	c.coords.set(toGroup("g"), gone)
	offsets, err := c.CommittedOffsets(t.Context(), "g", []TopicPartition{at})
	require.NoError(t, err)
	require.EqualValues(t, -1, offsets[at])

	p, err := c.NewTxnProducer(t.Context(), TxnConfig{ID: "x"})
	require.NoError(t, err)
	defer p.Close()
	c.coords.set(toTxn("x"), gone)
	txn := p.NewTxn()
	txn.Append(at, 1, []byte("k"), []byte("v"))
	require.NoError(t, p.Commit(t.Context(), txn))
}
