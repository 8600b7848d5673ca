package service

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"go.uber.org/zap"

	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/registry"
	"meshwork.dev/pkg/telemetry"
)

// Config is the configuration of a process. Every field is a flag and an
// environment variable MESHWORK_<FLAG>; the tags hold units and defaults.
type Config struct {
	Kafka    KafkaConfig    `embed:"" envprefix:"MESHWORK_KAFKA_" group:"Kafka"`
	Registry RegistryConfig `embed:"" envprefix:"MESHWORK_REGISTRY_" group:"Schema registry"`
	Log      LogConfig      `embed:"" prefix:"log-" envprefix:"MESHWORK_LOG_" group:"Logging"`

	StateDir        string        `name:"state-dir" env:"MESHWORK_STATE_DIR" default:"./state" placeholder:"DIR" help:"Folder of local state and the instance id; one process per folder. Losing it costs a restore from Kafka, no data."`
	InstanceID      string        `name:"instance-id" env:"MESHWORK_INSTANCE_ID" placeholder:"ID" help:"Name of this instance, stable over restarts. Default: made once and kept in the state folder."`
	HTTPListen      string        `name:"http-listen" env:"MESHWORK_HTTP_LISTEN" default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Address of the API, /metrics, /livez, /readyz and /describe."`
	CommitInterval  time.Duration `name:"commit-interval" env:"MESHWORK_COMMIT_INTERVAL" default:"100ms" help:"How long a transaction gathers records: latency against throughput (Kafka Streams: commit.interval.ms); up to a second while more wait than were taken."`
	HistoryIdle     time.Duration `name:"history-idle" env:"MESHWORK_HISTORY_IDLE" default:"30s" help:"How long a replay of old data may pause before it counts as over and pending timers fire; negative: for as long as it likes."`
	MaxAhead        time.Duration `name:"max-ahead" env:"MESHWORK_MAX_AHEAD" default:"1h" help:"How far ahead of the clock records may move event time; negative: without bound (Kafka: message.timestamp.after.max.ms)."`
	StallAfter      time.Duration `name:"stall-after" env:"MESHWORK_STALL_AFTER" default:"10s" help:"How long work may wait for a commit, or brokers for an answer, before /readyz fails."`
	Compression     string        `name:"compression" env:"MESHWORK_COMPRESSION" default:"lz4" help:"none, gzip, snappy, lz4 or zstd, for what is published (Kafka: compression.type)."`
	CreateTopics    bool          `name:"create-topics" env:"MESHWORK_CREATE_TOPICS" default:"true" negatable:"" help:"Create missing topics and register schemas at start. Off where an operator owns them."`
	Memory          int           `name:"memory" env:"MESHWORK_MEMORY" default:"0" placeholder:"MIB" help:"Stay near so many MiB of resident memory: collect sooner, keep transactions smaller, leave what else there is of state to a file in the state folder; 0: no limit."`
	ShutdownTimeout time.Duration `name:"shutdown-timeout" env:"MESHWORK_SHUTDOWN_TIMEOUT" default:"45s" help:"How long a graceful stop may take."`
}

// KafkaConfig says how to reach the brokers.
type KafkaConfig struct {
	Brokers       []string `name:"kafka" env:"BROKERS" default:"127.0.0.1:9092" placeholder:"HOST:PORT" help:"Brokers to ask first; one that answers is enough."`
	KafkaSecurity `embed:"" prefix:"kafka-"`

	// Dial, if not nil, is asked first for a connection to an address; where ok is false it is dialled as usual.
	// A process with a broker of its own needs no network for it.
	Dial func(ctx context.Context, addr string) (conn net.Conn, ok bool, err error) `kong:"-"`
}

// KafkaSecurity is encryption and authentication towards the brokers.
type KafkaSecurity struct {
	TLS              bool             `name:"tls" env:"TLS" help:"Encrypt connections (TLS 1.2 or later)."`
	TLSCA            string           `name:"tls-ca" env:"TLS_CA" placeholder:"FILE" help:"PEM file of the authorities to trust; default: the system's."`
	TLSCert          string           `name:"tls-cert" env:"TLS_CERT" placeholder:"FILE" help:"PEM file of the client certificate."`
	TLSKey           string           `name:"tls-key" env:"TLS_KEY" placeholder:"FILE" help:"PEM file of the client certificate's key."`
	SASLMechanism    string           `name:"sasl-mechanism" env:"SASL_MECHANISM" placeholder:"NAME" help:"PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; empty: none."`
	SASLUser         string           `name:"sasl-user" env:"SASL_USER" placeholder:"NAME" help:"User for SASL."`
	SASLPasswordFile string           `name:"sasl-password-file" env:"SASL_PASSWORD_FILE" placeholder:"FILE" help:"File that holds the password for SASL; or set MESHWORK_KAFKA_SASL_PASSWORD."`
	SASLPassword     telemetry.Secret `kong:"-"`
}

// RegistryConfig says how to reach the schema registry.
type RegistryConfig struct {
	URLs         []string `name:"registry" env:"URL" default:"http://127.0.0.1:8081" placeholder:"URL" help:"Addresses of the schema registry, tried in turn."`
	RegistryAuth `embed:"" prefix:"registry-"`
}

// RegistryAuth is authentication towards the schema registry.
type RegistryAuth struct {
	User         string           `name:"user" env:"USER" placeholder:"NAME" help:"User for basic authentication."`
	PasswordFile string           `name:"password-file" env:"PASSWORD_FILE" placeholder:"FILE" help:"File that holds the password; or set MESHWORK_REGISTRY_PASSWORD."`
	Password     telemetry.Secret `kong:"-"`
}

// LogConfig says how to log.
type LogConfig struct {
	Level  string `name:"level" env:"LEVEL" default:"info" help:"debug, info, warn or error."`
	Format string `name:"format" env:"FORMAT" default:"auto" help:"json, console, or auto: console on a terminal."`
}

// Faults is all that is wrong with a configuration.
type Faults []string

// Error lists the faults, one a line.
func (f Faults) Error() string {
	if len(f) == 1 {
		return "configuration: " + f[0]
	}
	return "configuration:\n  - " + strings.Join(f, "\n  - ")
}

func (f *Faults) add(format string, args ...any) { *f = append(*f, fmt.Sprintf(format, args...)) }

// Err is nil when there are no faults.
func (f Faults) Err() error {
	if len(f) == 0 {
		return nil
	}
	return f
}

// LoadSecrets reads the passwords from the files and environment variables
// that may hold them. It is called by Validate's callers before Validate.
func (c *Config) LoadSecrets(getenv func(string) string) error {
	var faults Faults
	for _, s := range []struct {
		into *telemetry.Secret
		file string
		env  string
	}{
		{&c.Kafka.SASLPassword, c.Kafka.SASLPasswordFile, "MESHWORK_KAFKA_SASL_PASSWORD"},
		{&c.Registry.Password, c.Registry.PasswordFile, "MESHWORK_REGISTRY_PASSWORD"},
	} {
		if s.file == "" {
			*s.into = telemetry.Secret(getenv(s.env))
			continue
		}
		b, err := os.ReadFile(s.file)
		if err != nil {
			faults.add("password file: %v", err)
			continue
		}
		*s.into = telemetry.Secret(strings.TrimRight(string(b), "\r\n"))
	}
	return faults.Err()
}

// Validate returns all faults at once as Faults, nil when there are none.
func (c *Config) Validate() error {
	var f Faults
	c.Kafka.validate(&f)
	c.Registry.validate(&f)
	if c.StateDir == "" {
		f.add("--state-dir is empty: name a folder that survives restarts")
	}
	if strings.ContainsAny(c.InstanceID, "/\\ \t\n") || len(c.InstanceID) > 100 {
		f.add("--instance-id %q: want at most 100 characters without spaces or slashes", c.InstanceID)
	}
	if _, _, err := net.SplitHostPort(c.HTTPListen); err != nil {
		f.add("--http-listen %q: want host:port", c.HTTPListen)
	}
	if c.CommitInterval < time.Millisecond || c.CommitInterval > 30*time.Second {
		f.add("--commit-interval %s: want 1ms to 30s, below the transaction timeout of 40s", c.CommitInterval)
	}
	if _, err := kafka.ParseCodec(c.Compression); err != nil {
		f.add("--compression: %v", err)
	}
	if err := checkMemory(c.Memory); err != nil {
		f.add("--%v", err)
	}
	if c.ShutdownTimeout <= 0 {
		f.add("--shutdown-timeout %s: want more than 0", c.ShutdownTimeout)
	}
	if _, err := telemetry.NewLogger(c.Log.Telemetry()); err != nil {
		f.add("%v", err)
	}
	return f.Err()
}

// codec is the compression; Validate has checked it.
func (c *Config) codec() kafka.Codec {
	codec, _ := kafka.ParseCodec(c.Compression)
	return codec
}

// Telemetry is c as package telemetry takes it.
func (c LogConfig) Telemetry() telemetry.LogConfig {
	return telemetry.LogConfig{Level: c.Level, Format: c.Format}
}

func (k *KafkaConfig) validate(f *Faults) {
	if len(k.Brokers) == 0 {
		f.add("--kafka is empty: name at least one broker as host:port")
	}
	for _, b := range k.Brokers {
		if _, _, err := net.SplitHostPort(b); err != nil {
			f.add("--kafka %q: want host:port", b)
		}
	}
	switch k.SASLMechanism {
	case "":
		if k.SASLUser != "" || k.SASLPassword != "" {
			f.add("--kafka-sasl-user or a password is given without --kafka-sasl-mechanism")
		}
	case "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512":
		if k.SASLUser == "" || k.SASLPassword == "" {
			f.add("--kafka-sasl-mechanism %s needs --kafka-sasl-user and a password (--kafka-sasl-password-file or MESHWORK_KAFKA_SASL_PASSWORD)", k.SASLMechanism)
		}
	default:
		f.add("--kafka-sasl-mechanism %q: want PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512", k.SASLMechanism)
	}
	if !k.TLS && (k.TLSCA != "" || k.TLSCert != "" || k.TLSKey != "") {
		f.add("TLS files are given without --kafka-tls")
	}
	if (k.TLSCert == "") != (k.TLSKey == "") {
		f.add("--kafka-tls-cert and --kafka-tls-key go together")
	}
	if k.TLS {
		if _, err := k.tls(); err != nil {
			f.add("%v", err)
		}
	}
}

func (k *KafkaSecurity) tls() (*tls.Config, error) {
	if !k.TLS {
		return nil, nil //nolint:nilnil // no TLS is a valid answer
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if k.TLSCA != "" {
		pem, err := os.ReadFile(k.TLSCA)
		if err != nil {
			return nil, fmt.Errorf("--kafka-tls-ca: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--kafka-tls-ca %s: no certificate in it", k.TLSCA)
		}
	}
	if k.TLSCert != "" && k.TLSKey != "" {
		cert, err := tls.LoadX509KeyPair(k.TLSCert, k.TLSKey)
		if err != nil {
			return nil, fmt.Errorf("--kafka-tls-cert: %w", err)
		}
		cfg.Certificates = []tls.Certificate{cert}
	}
	return cfg, nil
}

func (r *RegistryConfig) validate(f *Faults) {
	if len(r.URLs) == 0 {
		f.add("--registry is empty: name at least one registry as http://host:port")
	}
	for _, s := range r.URLs {
		u, err := url.Parse(s)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			f.add("--registry %q: want http://host:port or https://host:port", telemetry.RedactText(s))
		}
	}
	if r.User == "" && r.Password != "" {
		f.add("a registry password is given without --registry-user")
	}
}

// Client makes the Kafka client that the configuration describes. It does not
// connect. m may be nil.
func (k *KafkaConfig) Client(clientID string, log *zap.Logger, m *telemetry.Metrics) (*kafka.Client, error) {
	t, err := k.tls()
	if err != nil {
		return nil, err
	}
	cl, err := kafka.NewClient(kafka.Config{
		Brokers: k.Brokers, ClientID: clientID, TLS: t, Log: log, Metrics: m, Dial: k.dialer(m),
		SASL: kafka.SASL{Mechanism: k.SASLMechanism, User: k.SASLUser, Password: string(k.SASLPassword)},
	})
	if err != nil {
		return nil, fmt.Errorf("making the Kafka client: %w", err)
	}
	return cl, nil
}

// registryTimeout is how long one request to the registry may take.
const registryTimeout = 10 * time.Second

// Client makes the registry client that the configuration describes. It does
// not connect. m may be nil.
func (r *RegistryConfig) Client(log *zap.Logger, m *telemetry.Metrics) (*registry.Client, error) {
	opts := []registry.Option{registry.WithLog(log), registry.WithMetrics(m), registry.WithHTTPClient(&http.Client{
		Timeout: registryTimeout, Transport: registryTransport{http.DefaultTransport, m},
	})}
	if r.User != "" {
		opts = append(opts, registry.WithBasicAuth(r.User, string(r.Password)))
	}
	cl, err := registry.NewClient(r.URLs, opts...)
	if err != nil {
		return nil, fmt.Errorf("making the registry client: %w", err)
	}
	return cl, nil
}

// Fields is the effective configuration for one log line; secrets are
// redacted.
func (c *Config) Fields() []zap.Field {
	urls := make([]string, len(c.Registry.URLs))
	for i, u := range c.Registry.URLs {
		urls[i] = telemetry.RedactText(u)
	}
	return []zap.Field{
		zap.Strings("kafka_brokers", c.Kafka.Brokers), zap.Bool("kafka_tls", c.Kafka.TLS),
		zap.String("kafka_sasl", strings.TrimSpace(c.Kafka.SASLMechanism+" "+c.Kafka.SASLUser)),
		zap.Strings("registry_urls", urls), zap.String("state_dir", c.StateDir), zap.String("instance_id", c.InstanceID),
		zap.String("http_listen", c.HTTPListen), zap.Duration("commit_interval", c.CommitInterval),
		zap.Duration("history_idle", c.HistoryIdle), zap.Duration("max_ahead", c.MaxAhead), zap.Bool("create_topics", c.CreateTopics),
		zap.Duration("shutdown_timeout", c.ShutdownTimeout), zap.String("log_level", c.Log.Level),
	}
}

// ErrInUse is the cause of listen errors on a port that is taken.
var ErrInUse = errors.New("another process uses that address: stop it, or choose another with")
