package avro

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTranscodeAddsRemovesReordersWidens(t *testing.T) {
	w := `{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"gone","type":"string"},{"name":"b","type":"string"}]}`
	r := `{"type":"record","name":"x.R","fields":[{"name":"bb","aliases":["b"],"type":["null","string"],"default":null},{"name":"a","type":"double"},{"name":"new","type":"int","default":7}]}`
	tr, err := NewTranscoder(w, r)
	require.NoError(t, err)
	out, err := tr.Transcode(nil, []byte{6, 2, 'x', 4, 'h', 'i'})
	require.NoError(t, err)
	require.Equal(t, []byte{2, 4, 'h', 'i', 0, 0, 0, 0, 0, 0, 8, 0x40, 14}, out)
	for i := range out {
		_, err := tr.Transcode(nil, []byte{6, 2, 'x', 4, 'h', 'i'}[:min(i, 5)])
		require.ErrorIs(t, err, ErrMalformed)
	}
}
