package stream

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTransactionsShareMemory(t *testing.T) {
	m := NewTxnMemory(1000, 100)
	a, b := txnHold{m: m}, txnHold{m: m}
	require.False(t, a.grown(600), "there is room: more than the share")
	require.False(t, b.grown(50))
	require.True(t, a.grown(950), "the budget is used up")
	require.False(t, b.grown(99), "everybody has the share")
	require.True(t, b.grown(100))

	a.seal()
	require.False(t, a.grown(99), "what is being committed counts, and the next one has its share")
	require.True(t, a.grown(100))
	a.committed()
	require.False(t, a.grown(150))
	require.False(t, b.grown(700))
	b.seal()
	b.committed()
	b.dropped()
	a.dropped()
	require.Zero(t, m.used.Load(), "all of it is given back")

	var free txnHold
	require.False(t, free.grown(1<<30), "no budget")
	free.seal()
	free.committed()
	require.Zero(t, free.sealed)
}
