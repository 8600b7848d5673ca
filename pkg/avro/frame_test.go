package avro_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/avro"
)

type headers map[string][]byte

func (h headers) Header(name string) ([]byte, bool) { v, ok := h[name]; return v, ok }

func TestFraming(t *testing.T) {
	guid, err := avro.ParseGUID("0a1b2c3d-0102-0304-0506-0708090a0b0c")
	require.NoError(t, err)
	require.Equal(t, "0a1b2c3d-0102-0304-0506-0708090a0b0c", guid.String())
	payload := []byte{9, 8}
	byID := append(avro.AppendHeader(nil, 258), payload...)
	require.Equal(t, []byte{0, 0, 0, 1, 2, 9, 8}, byID)
	byGUID := append(append([]byte{1}, guid[:]...), payload...)
	for _, c := range []struct {
		name    string
		value   []byte
		headers avro.Headers
		want    avro.Frame
	}{
		{"id", byID, nil, avro.Frame{ID: 258, Payload: payload}},
		{"GUID", byGUID, nil, avro.Frame{GUID: guid, Payload: payload}},
		{"header with GUID", payload, headers{avro.ValueHeader: append([]byte{1}, guid[:]...)}, avro.Frame{GUID: guid, Payload: payload}},
		{"header with bare GUID", payload, headers{avro.ValueHeader: guid[:]}, avro.Frame{GUID: guid, Payload: payload}},
		{"header with id", payload, headers{avro.ValueHeader: avro.AppendHeader(nil, 7)}, avro.Frame{ID: 7, Payload: payload}},
		{"header goes before prefix", byID, headers{avro.ValueHeader: avro.AppendHeader(nil, 7)}, avro.Frame{ID: 7, Payload: byID}},
		{"header of the key", byID, headers{avro.KeyHeader: avro.AppendHeader(nil, 7)}, avro.Frame{ID: 258, Payload: payload}},
	} {
		f, err := avro.ParseFrame(c.value, c.headers)
		require.NoError(t, err, c.name)
		require.Equal(t, c.want, f, c.name)
	}
	f, err := avro.ParseKeyFrame(payload, headers{avro.KeyHeader: avro.AppendHeader(nil, 7)})
	require.NoError(t, err)
	require.Equal(t, int32(7), f.ID)
	for _, bad := range [][]byte{nil, {0}, {0, 0, 0, 0}, {0, 0xff, 0, 0, 0, 1}, {0, 0, 0, 0, 0, 1}, {1, 2, 3}, {2, 0, 0, 0, 1}, []byte(`{"json":true}`)} {
		_, err := avro.ParseFrame(bad, nil)
		require.ErrorIs(t, err, avro.ErrMalformed, "%x", bad)
	}
	_, err = avro.ParseFrame(byID, headers{avro.ValueHeader: {1, 2}})
	require.ErrorIs(t, err, avro.ErrMalformed)
}
