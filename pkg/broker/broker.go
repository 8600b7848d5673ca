package broker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/zap"
)

// DefaultListen is the address of an embedded broker that was given none.
const DefaultListen = "127.0.0.1:9092"

// cleanMarker is the file whose presence says that the last broker on the data folder closed it in order.
const cleanMarker = "meshwork.clean"

// Config says how to run an embedded broker. The zero value is one broker in memory on [DefaultListen].
type Config struct {
	// Dir is the data folder; it is created when missing. Empty keeps everything in memory.
	Dir string
	// Listen is the host:port of the first broker; further brokers take the following ports. Port 0 lets the
	// system choose. Empty means DefaultListen.
	Listen string
	// Advertise is the host that clients are told to connect to, when it differs from the host of Listen
	// (which it must for 0.0.0.0). Empty means the host of Listen.
	Advertise string
	// Brokers is the number of brokers in the cluster; 0 means 1. It must not change over the life of a data folder.
	Brokers int
	// SyncWrites makes every acknowledged batch durable against power failure, at a few milliseconds per request.
	SyncWrites bool
	// Settings are broker options by their Kafka names, such as transaction.max.timeout.ms.
	Settings map[string]string
	// Log receives what the broker has to say; nil discards it.
	Log *zap.Logger
	// Options are passed to kfake unchanged, after everything above.
	Options []kfake.Opt
}

// Broker is a running embedded cluster. Its methods are safe for concurrent use.
type Broker struct {
	cluster *kfake.Cluster
	addrs   []string
	// listeners are those of the brokers; the cluster closes them.
	listeners []*bothWays
	dir       string
	lock      *folderLock
	log       *zap.Logger
	repair    RepairReport

	closeOnce sync.Once
	closeErr  error
}

// Start runs an embedded broker and returns once it accepts connections. The context bounds the start only; the
// broker runs until [Broker.Close].
//
// Errors: [InUseError] when another process holds the data folder, [ListenError] when the address cannot be had.
func Start(ctx context.Context, cfg Config) (*Broker, error) {
	if cfg.Listen == "" {
		cfg.Listen = DefaultListen
	}
	if cfg.Brokers == 0 {
		cfg.Brokers = 1
	}
	if cfg.Log == nil {
		cfg.Log = zap.NewNop()
	}
	host, port, err := splitListen(cfg.Listen)
	if err != nil {
		return nil, err
	}
	b := &Broker{dir: cfg.Dir, log: cfg.Log}
	if cfg.Dir != "" {
		if err := b.openFolder(ctx, cfg); err != nil {
			return nil, err
		}
	}
	lns, err := listenAll(ctx, host, port, cfg.Brokers, cfg.Advertise)
	if err != nil {
		b.lock.release()
		return nil, err
	}
	for i, ln := range lns {
		both := newBothWays(ln)
		lns[i] = both
		b.listeners = append(b.listeners, both)
		b.addrs = append(b.addrs, ln.Addr().String())
	}
	b.cluster, err = kfake.NewCluster(cfg.kfakeOptions(lns)...)
	if err != nil {
		for _, ln := range lns {
			_ = ln.Close()
		}
		b.lock.release()
		return nil, fmt.Errorf("embedded broker: %w", err)
	}
	cfg.Log.Info("embedded broker is listening", zap.Strings("addresses", b.addrs), zap.String("dir", cfg.Dir))
	return b, nil
}

// openFolder locks the data folder and, when the last stop was not clean, repairs it.
func (b *Broker) openFolder(ctx context.Context, cfg Config) error {
	if err := os.MkdirAll(cfg.Dir, 0o750); err != nil {
		return fmt.Errorf("embedded broker: create the data folder: %w", err)
	}
	lock, err := lockFolder(cfg.Dir)
	if err != nil {
		return err
	}
	b.lock = lock
	clean, err := takeCleanMarker(cfg.Dir)
	if err == nil && !clean {
		b.repair, err = repairFolder(ctx, cfg)
	}
	if err == nil {
		err = refillEmptied(cfg.Dir, time.Now())
	}
	if err != nil {
		lock.release()
		return fmt.Errorf("embedded broker: open the data folder %s: %w", cfg.Dir, err)
	}
	return nil
}

// takeCleanMarker removes the marker and reports whether the folder is in order: closed cleanly, or new.
func takeCleanMarker(dir string) (bool, error) {
	err := os.Remove(filepath.Join(dir, cleanMarker))
	if err == nil {
		return true, nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return false, err
	}
	_, err = os.Stat(filepath.Join(dir, "meta.json"))
	if errors.Is(err, os.ErrNotExist) {
		return true, nil
	}
	return false, err
}

func (cfg *Config) kfakeOptions(lns []net.Listener) []kfake.Opt {
	settings := map[string]string{"group.consumer.heartbeat.interval.ms": "1000"}
	maps.Copy(settings, cfg.Settings)
	next := 0
	opts := []kfake.Opt{
		kfake.NumBrokers(cfg.Brokers),
		kfake.ClusterID("meshwork-embedded"),
		kfake.DefaultNumPartitions(1),
		kfake.BrokerConfigs(settings),
		kfake.WithLogger(kfakeLogger{cfg.Log}),
		// kfake asks once per broker, in order, for a loopback port of its own choosing; it gets the prepared one.
		kfake.ListenFn(func(network, address string) (net.Listener, error) {
			if next == len(lns) { // a broker added later on by a test
				return net.Listen(network, address) //nolint:noctx // kfake offers no context here
			}
			next++
			return lns[next-1], nil
		}),
	}
	if cfg.Dir != "" {
		opts = append(opts, kfake.DataDir(cfg.Dir))
	}
	if cfg.SyncWrites {
		opts = append(opts, kfake.SyncWrites())
	}
	return append(opts, cfg.Options...)
}

// Addr is the host:port of the first broker, enough for any client to bootstrap from.
func (b *Broker) Addr() string { return b.addrs[0] }

// Addrs are the addresses of all brokers.
func (b *Broker) Addrs() []string { return append([]string(nil), b.addrs...) }

// Kfake is the cluster underneath, for tests that inject faults, move leaders or rehash coordinators.
func (b *Broker) Kfake() *kfake.Cluster { return b.cluster }

// Repaired says what [Start] had to repair; it is zero after a clean stop.
func (b *Broker) Repaired() RepairReport { return b.repair }

// Compact applies compaction and retention to all topics now instead of at the next hourly run.
func (b *Broker) Compact() {
	b.cluster.ApplyRetention()
	b.cluster.Compact()
}

// Close stops the broker: it closes all connections, writes the data folder and releases it. Transactions that are
// open stay open and continue after the next start, unless they time out meanwhile. Close may be called repeatedly.
func (b *Broker) Close() error {
	b.closeOnce.Do(func() {
		b.cluster.Close()
		if b.dir == "" {
			return
		}
		stamp := []byte(time.Now().UTC().Format(time.RFC3339) + "\n")
		if err := os.WriteFile(filepath.Join(b.dir, cleanMarker), stamp, 0o600); err != nil {
			b.closeErr = fmt.Errorf("embedded broker: mark the clean stop: %w", err)
		}
		b.lock.release()
	})
	return b.closeErr
}

func splitListen(addr string) (host string, port int, err error) {
	host, p, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, fmt.Errorf("embedded broker: listen address %q: %w", addr, err)
	}
	port, err = strconv.Atoi(p)
	if err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("embedded broker: listen address %q: the port must be a number from 0 to 65535", addr)
	}
	return host, port, nil
}
