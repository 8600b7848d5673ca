package telemetry

import (
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Side tells the two ends of a schema registry conversation apart.
type Side uint8

// Sides of a registry request.
const (
	SideClient Side = iota
	SideServer
)

func (s Side) String() string {
	if s == SideServer {
		return "server"
	}
	return "client"
}

// SchemaRequest records one schema registry request. op is the name of the
// operation (a closed set in package registry, never a path), code the HTTP
// status, 0 when there was no answer. Nil-safe.
func (m *Metrics) SchemaRequest(side Side, op string, code int, d time.Duration) {
	if m == nil {
		return
	}
	m.SchemaRequests.WithLabelValues(side.String(), op, strconv.Itoa(code)).Inc()
	m.SchemaDuration.WithLabelValues(side.String(), op).Observe(d.Seconds())
}

// SchemaLookup counts a question for a schema that may be held in memory.
// Nil-safe.
func (m *Metrics) SchemaLookup(side Side, hit bool) {
	if m != nil {
		m.SchemaLookups.WithLabelValues(side.String(), map[bool]string{true: "hit", false: "miss"}[hit]).Inc()
	}
}

// SetSchemaCache sets the number of schemas held in memory. Nil-safe.
func (m *Metrics) SetSchemaCache(side Side, entries int) {
	if m != nil {
		m.SchemaCache.WithLabelValues(side.String()).Set(float64(entries))
	}
}

// Broker is the metrics of the connections to one broker.
type Broker struct {
	m                     *Metrics
	broker                string
	connects, disconnects prometheus.Counter
	throttle              prometheus.Counter
}

// Broker binds a broker's address or id. Nil-safe.
func (m *Metrics) Broker(broker string) *Broker {
	if m == nil {
		return nil
	}
	return &Broker{
		m: m, broker: broker,
		connects:    m.BrokerConnects.WithLabelValues(broker),
		disconnects: m.BrokerDisconnects.WithLabelValues(broker),
		throttle:    m.BrokerThrottle.WithLabelValues(broker),
	}
}

// Connected counts a connection opened.
func (b *Broker) Connected() {
	if b != nil {
		b.connects.Inc()
	}
}

// ConnectFailed counts a connection that could not be opened.
func (b *Broker) ConnectFailed(c ErrorClass) {
	if b != nil {
		b.m.BrokerConnectErrors.WithLabelValues(b.broker, c.String()).Inc()
	}
}

// Disconnected counts a connection lost or closed.
func (b *Broker) Disconnected() {
	if b != nil {
		b.disconnects.Inc()
	}
}

// Throttled adds the time the broker asked this client to wait.
func (b *Broker) Throttled(d time.Duration) {
	if b != nil && d > 0 {
		b.throttle.Add(d.Seconds())
	}
}

// Build is what the running program was built from.
type Build struct {
	Version  string `json:"version"`  // module version, or "dev"
	Revision string `json:"revision"` // version control revision, or "unknown"; "-dirty" when the tree had changes
	Go       string `json:"go"`       // toolchain
}

// ReadBuild reads the build information that the toolchain put into the
// binary.
func ReadBuild() Build {
	b := Build{Version: "dev", Revision: "unknown", Go: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		b.Version = v
	}
	dirty := false
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.modified":
			dirty = s.Value == "true"
		}
	}
	if dirty {
		b.Revision += "-dirty"
	}
	return b
}

// SetBuild publishes the build of a service. Nil-safe.
func (m *Metrics) SetBuild(service string, b Build) {
	if m != nil {
		m.BuildInfo.WithLabelValues(service, b.Version, b.Revision, b.Go).Set(1)
	}
}

// SetReady publishes whether a service may receive work. Nil-safe.
func (m *Metrics) SetReady(service string, ready bool) {
	if m != nil {
		m.Ready.WithLabelValues(service).Set(boolean(ready))
	}
}

// SetDegraded publishes a restriction under which a service works. reason is
// from a closed set. Nil-safe.
func (m *Metrics) SetDegraded(service, reason string, degraded bool) {
	if m != nil {
		m.Degraded.WithLabelValues(service, reason).Set(boolean(degraded))
	}
}

func boolean(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
