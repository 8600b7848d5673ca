package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
	"go.uber.org/zap"

	"meshwork.dev/pkg/telemetry"
)

// Config says how to reach a cluster. Only Brokers is required.
type Config struct {
	Brokers  []string    // "host:port" to ask first; one that answers is enough to find the rest
	ClientID string      // shown in broker logs and quotas; default "meshwork"
	TLS      *tls.Config // nil: plain text. ServerName defaults to the host dialed
	SASL     SASL        // zero: no authentication

	DialTimeout    time.Duration // connect, TLS and SASL together; default 5 s
	RequestTimeout time.Duration // one request and its answer, long-poll wait not counted; default 30 s
	MetadataMaxAge time.Duration // how old cached partition leaders may get when no error calls for new ones; default 1 min

	Dial func(ctx context.Context, network, addr string) (net.Conn, error) // default: net.Dialer with keep-alive
	Log  *zap.Logger                                                       // default: silent

	Metrics *telemetry.Metrics // nil: none
}

// SASL is a user and password for PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512. It prints without the password.
type SASL struct {
	Mechanism string // "" means no authentication
	User      string
	Password  string
}

// String shows mechanism and user only.
func (s SASL) String() string {
	if s.Mechanism == "" {
		return "none"
	}
	return s.Mechanism + " as " + s.User
}

// GoString shows mechanism and user only, so that %#v does not leak the password.
func (s SASL) GoString() string { return s.String() }

// MarshalText shows mechanism and user only, so that JSON dumps do not leak the password.
func (s SASL) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

func (s SASL) mechanism() (sasl.Mechanism, error) {
	switch strings.ToUpper(s.Mechanism) {
	case "":
		if s.User != "" || s.Password != "" {
			return nil, errors.New("SASL user given without mechanism: use PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512")
		}
		return nil, nil //nolint:nilnil // no mechanism is a valid answer: no authentication
	case "PLAIN":
		return plain.Mechanism{Username: s.User, Password: s.Password}, nil
	case "SCRAM-SHA-256":
		return scram.Mechanism(scram.SHA256, s.User, s.Password)
	case "SCRAM-SHA-512":
		return scram.Mechanism(scram.SHA512, s.User, s.Password)
	default:
		return nil, fmt.Errorf("unknown SASL mechanism %q: use PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512", s.Mechanism)
	}
}

func (cfg Config) withDefaults() (Config, error) {
	seen := map[string]bool{}
	var brokers []string
	for _, b := range cfg.Brokers {
		b = strings.TrimSpace(b)
		if b == "" || seen[b] {
			continue
		}
		if _, _, err := net.SplitHostPort(b); err != nil {
			return cfg, fmt.Errorf("broker address %q: want host:port: %w", b, err)
		}
		seen[b] = true
		brokers = append(brokers, b)
	}
	if len(brokers) == 0 {
		return cfg, errors.New("no broker address given: want at least one host:port")
	}
	cfg.Brokers = brokers
	if cfg.ClientID == "" {
		cfg.ClientID = "meshwork"
	}
	if cfg.DialTimeout <= 0 {
		cfg.DialTimeout = 5 * time.Second
	}
	if cfg.RequestTimeout <= 0 {
		cfg.RequestTimeout = 30 * time.Second
	}
	if cfg.MetadataMaxAge <= 0 {
		cfg.MetadataMaxAge = time.Minute
	}
	if cfg.Dial == nil {
		d := &net.Dialer{KeepAlive: 15 * time.Second}
		cfg.Dial = d.DialContext
	}
	if cfg.Log == nil {
		cfg.Log = zap.NewNop()
	}
	return cfg, nil
}

// transportTTL is how often, at most, kafka-go's pools ask for metadata of their own. They ask for no topics and
// we never route by their answer, so this only bounds how long a silent broker can hold up a new pool.
const transportTTL = 15 * time.Second

func (cfg Config) transport(dial func(context.Context, string, string) (net.Conn, error)) (*kafkago.Transport, error) {
	mech, err := cfg.SASL.mechanism()
	if err != nil {
		return nil, err
	}
	return &kafkago.Transport{
		Dial:           dial,
		DialTimeout:    cfg.DialTimeout,
		IdleTimeout:    time.Minute,
		MetadataTTL:    transportTTL,
		MetadataTopics: []string{}, // not nil: nil means all topics of the cluster
		ClientID:       cfg.ClientID,
		TLS:            cfg.TLS,
		SASL:           mech,
	}, nil
}
