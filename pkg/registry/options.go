package registry

import (
	"crypto/tls"
	"net/http"
	"time"

	"go.uber.org/zap"

	"meshwork.dev/pkg/telemetry"
)

// Option configures a Client.
type Option func(*Client)

// WithBasicAuth sends user and password with every request. Credentials in a URL do the same for that URL.
func WithBasicAuth(user, password string) Option {
	return func(c *Client) { c.auth = basicAuth(user, password) }
}

// WithBearer sends a token with every request.
func WithBearer(token string) Option {
	return func(c *Client) { c.auth = bearer(token) }
}

// WithTLS sets the certificates for https URLs. Default: the system's roots, no client certificate.
func WithTLS(config *tls.Config) Option {
	return func(c *Client) {
		c.http.Transport = &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: config, ForceAttemptHTTP2: true,
			MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute,
		}
	}
}

// WithHTTPClient replaces the HTTP client, and with it any WithTLS. Default: 10 s per request.
func WithHTTPClient(client *http.Client) Option { return func(c *Client) { c.http = client } }

// WithRetries sets how many times the list of URLs is gone through before giving up, and the wait after the first
// time, which doubles up to 5 s. Default: 4 and 100 ms. One means no retry.
func WithRetries(rounds int, wait time.Duration) Option {
	return func(c *Client) { c.rounds, c.wait = max(1, rounds), wait }
}

// WithLog makes the client report retries. Neither credentials nor schema texts are logged.
func WithLog(log *zap.Logger) Option { return func(c *Client) { c.log = log } }

// WithMetrics makes the client count how often it knew a schema already. Requests are measured by whoever gives the
// HTTP client.
func WithMetrics(m *telemetry.Metrics) Option { return func(c *Client) { c.metrics = m } }

// credentials put themselves into a request. They are functions, so that printing a client cannot show them.
type credentials func(*http.Request)

func basicAuth(user, password string) credentials {
	return func(r *http.Request) { r.SetBasicAuth(user, password) }
}

func bearer(token string) credentials {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}
