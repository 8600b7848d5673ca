package registry_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/registry"
)

// stub answers every request with one status and body, and counts.
type stub struct {
	status atomic.Int32
	body   string
	asked  atomic.Int32
	auth   atomic.Value
	path   atomic.Value
}

func (s *stub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.asked.Add(1)
	s.auth.Store(r.Header.Get("Authorization"))
	s.path.Store(r.URL.EscapedPath())
	w.WriteHeader(int(s.status.Load()))
	fmt.Fprint(w, s.body)
}

func newStub(t *testing.T, status int, body string) (*stub, string) {
	t.Helper()
	s := &stub{body: body}
	s.status.Store(int32(status))
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	return s, web.URL
}

const answered = `{"schema":"\"string\""}`

func TestClientGoesOnToTheNextAddress(t *testing.T) {
	down, downURL := newStub(t, http.StatusBadGateway, "no")
	up, upURL := newStub(t, http.StatusOK, answered)
	c, err := registry.NewClient([]string{"http://127.0.0.1:1", downURL, upURL + "/base/path/"}, registry.WithRetries(2, time.Millisecond))
	require.NoError(t, err)
	text, err := c.SchemaByID(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, `"string"`, text)
	require.Equal(t, "/base/path/schemas/ids/1", up.path.Load())
	require.EqualValues(t, 1, down.asked.Load())
	_, err = c.SchemaByID(t.Context(), 1)
	require.NoError(t, err)
	require.EqualValues(t, 1, up.asked.Load(), "an id is asked for once")
	_, err = c.SchemaByID(t.Context(), 2)
	require.NoError(t, err)
	require.EqualValues(t, 1, down.asked.Load(), "the address that answered is asked first")
}

func TestClientTriesAgain(t *testing.T) {
	s, url := newStub(t, http.StatusServiceUnavailable, `{"error_code":50301,"message":"starting"}`)
	c, err := registry.NewClient([]string{url}, registry.WithRetries(3, time.Millisecond))
	require.NoError(t, err)
	_, err = c.SchemaByID(t.Context(), 1)
	require.ErrorIs(t, err, registry.ErrUnavailable)
	require.NotErrorIs(t, err, avro.ErrUnknownSchema)
	require.EqualValues(t, 3, s.asked.Load())
	s.status.Store(http.StatusOK)
	s.body = answered
	_, err = c.SchemaByID(t.Context(), 1)
	require.NoError(t, err)
}

func TestClientTellsAnswersApart(t *testing.T) {
	for _, c := range []struct {
		name    string
		status  int
		body    string
		is      error
		isNot   error
		message string
	}{
		{"unknown id", 404, `{"error_code":40403,"message":"Schema 1 not found"}`, avro.ErrUnknownSchema, registry.ErrUnavailable, "same registry"},
		{"not a registry", 404, `<html>`, nil, avro.ErrUnknownSchema, "base path"},
		{"a page with status 200", 200, `<html>`, nil, avro.ErrUnknownSchema, "not that of a schema registry"},
		{"unauthorized", 401, `{"error_code":401,"message":"Unauthorized"}`, nil, avro.ErrUnknownSchema, "user, password"},
		{"broken store", 500, `{"error_code":50001,"message":"Error in the backend"}`, registry.ErrUnavailable, avro.ErrUnknownSchema, "50001"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, url := newStub(t, c.status, c.body)
			client, err := registry.NewClient([]string{url}, registry.WithRetries(1, 0))
			require.NoError(t, err)
			_, err = client.SchemaByID(t.Context(), 1)
			require.Error(t, err)
			if c.is != nil {
				require.ErrorIs(t, err, c.is)
			}
			require.NotErrorIs(t, err, c.isNot)
			require.ErrorContains(t, err, c.message)
		})
	}
}

func TestSecretsAreNotTold(t *testing.T) {
	const secret = "s3cr3t"
	s, url := newStub(t, http.StatusInternalServerError, `{}`)
	core, logs := observer.New(zap.DebugLevel)
	withUser := strings.Replace(url, "http://", "http://me:"+secret+"@", 1)
	for _, c := range []struct {
		urls []string
		opts []registry.Option
		auth string
	}{
		{[]string{withUser}, nil, "Basic "},
		{[]string{url}, []registry.Option{registry.WithBasicAuth("me", secret)}, "Basic "},
		{[]string{url}, []registry.Option{registry.WithBearer(secret)}, "Bearer "},
	} {
		client, err := registry.NewClient(c.urls, append(c.opts, registry.WithLog(zap.New(core)), registry.WithRetries(2, time.Millisecond))...)
		require.NoError(t, err)
		_, err = client.SchemaByID(t.Context(), 1)
		require.Error(t, err)
		require.NotContains(t, err.Error(), secret)
		require.NotContains(t, fmt.Sprintf("%v %+v", client, err), secret)
		require.Contains(t, s.auth.Load(), c.auth)
	}
	require.NotEmpty(t, logs.All())
	for _, entry := range logs.All() {
		require.NotContains(t, fmt.Sprint(entry.Message, entry.ContextMap()), secret)
	}
	_, err := registry.NewClient([]string{"ftp://me:" + secret + "@host"})
	require.Error(t, err)
	require.NotContains(t, err.Error(), secret)
	_, err = registry.NewClient(nil)
	require.Error(t, err)
}
