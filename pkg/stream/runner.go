package stream

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/event"
	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/registry"
	"meshwork.dev/pkg/state"
	"meshwork.dev/pkg/telemetry"
	"meshwork.dev/schemas"
)

// Registry is what the engine needs of a schema registry; see [FromRegistry].
type Registry interface {
	avro.SchemaSource
	// RegisterSchema registers a schema under a subject, or finds it there, and
	// returns its id.
	RegisterSchema(ctx context.Context, subject, schema string) (int, error)
}

// Config is what a runner needs. Kafka and Registry are mandatory.
type Config struct {
	Kafka    *kafka.Client
	Registry Registry
	Service  string // label of metrics
	// StateDir keeps state between runs, one folder per product and partition,
	// for one process at a time. Empty: nothing is kept, and a start reads the
	// changelogs from their beginning.
	StateDir string
	// InstanceID tells this process from others that run the same products, and
	// must be the same after a restart. It is part of the transactional id, so a
	// second process with the same one stops the first. Default: a random one
	// that StateDir keeps.
	InstanceID string
	Log        *zap.Logger
	Metrics    *telemetry.Metrics
	State      state.Options

	// Tables holds the copies of Lookup topics. Runners of one process are given
	// the same, to share them. Default: one of its own.
	Tables *Tables

	CommitInterval  time.Duration // how long a transaction gathers records; default 100 ms
	CatchUpInterval time.Duration // how long while more records wait than it has gathered; default 1 s, not below CommitInterval
	MaxTxnBytes     int           // a transaction of this size is committed at once; default 8 MiB
	TxnMemory       *TxnMemory    // bounds the transactions of the process together; nil: each by MaxTxnBytes alone
	MaxFetchBytes   int           // compressed records of a product's inputs that are fetched ahead, about; default 64 MiB
	IdleAfter       time.Duration // inputs at their end for so long let event time follow the time of day; default 1 s
	PurgeInterval   time.Duration // how often re-keyed records that have been read are deleted; default 30 s, negative: never
	MergeWait       time.Duration // how long records wait for an input that cannot be read; default 10 s
	StopTimeout     time.Duration // how long a stop may take to commit; default 30 s
	StallAfter      time.Duration // how long work may wait for a commit, or brokers for an answer, before a product is not ready; default 10 s
	SessionTimeout  time.Duration // of the group; default the broker's
	Codec           kafka.Codec   // compression of what is published; default none
	Replication     int           // of created topics; default the broker's
	Classic         bool          // keep to the group protocol of Kafka 3
	NoTopics        bool          // do not create topics
	NoRegister      bool          // look schemas up only (Registry must have LookupSchema too); registering is done elsewhere

	// HistoryIdle is IdleAfter for inputs whose newest record was old when it was processed, as in a replay: a pause
	// there does not mean that the history is over. Timers that are due by the time of day fire after it, or after
	// IdleAfter once EndHistory has been called. Default: 30 times IdleAfter; negative: after EndHistory only.
	HistoryIdle time.Duration
	// MaxAhead is how far ahead of the time of day a record may move event time; Spec.Ahead says what else happens to
	// one that is further ahead. Default 1 h, as brokers take since Kafka 4; negative: without bound, for a simulated
	// time that runs ahead.
	MaxAhead time.Duration

	// crash is a test's hook: an error there ends the worker on the spot, as a
	// kill of the process would.
	crash func(point string) error
	// wrap lets a test stand between worker and producer.
	wrap func(producer) producer
}

// Crash points, in the order of a transaction's life.
const (
	crashAfterRead    = "after read"
	crashAfterProcess = "after processing, before the commit"
	crashAfterCommit  = "after the commit, before the state is applied"
	crashAfterApply   = "after the state is applied"
	crashInRestore    = "during restore"
)

// Runner runs products against Kafka. See the package documentation.
type Runner struct {
	cfg     Config
	defs    []*definition
	parts   map[string]int
	ids     map[string]int32
	topicID map[string]string
	decs    Decoders
	limits  limits
	views   map[viewKey]*follower
	readers map[string]int // products that read a topic
	workers []*worker

	historyOver atomic.Bool

	restricted [len(restrictions)]atomic.Int32 // products, by restriction
}

// NewRunner checks the definitions and the configuration.
func NewRunner(cfg Config, defs ...Definition) (*Runner, error) {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&cfg.CommitInterval, 100*time.Millisecond)
	def(&cfg.CatchUpInterval, time.Second)
	def(&cfg.IdleAfter, time.Second)
	if cfg.HistoryIdle == 0 {
		cfg.HistoryIdle = historyFactor * cfg.IdleAfter
	}
	if cfg.MaxAhead == 0 {
		cfg.MaxAhead = defaultAhead
	}
	if cfg.PurgeInterval == 0 {
		cfg.PurgeInterval = 30 * time.Second
	}
	def(&cfg.MergeWait, 10*time.Second)
	def(&cfg.StopTimeout, 30*time.Second)
	def(&cfg.StallAfter, 10*time.Second)
	if cfg.MaxTxnBytes <= 0 {
		cfg.MaxTxnBytes = 8 << 20
	}
	if cfg.MaxFetchBytes <= 0 {
		cfg.MaxFetchBytes = 64 << 20
	}
	if cfg.Log == nil {
		cfg.Log = zap.NewNop()
	}
	if cfg.Tables == nil {
		cfg.Tables = &Tables{}
	}
	r := &Runner{cfg: cfg, parts: map[string]int{}, ids: map[string]int32{}, topicID: map[string]string{}, views: map[viewKey]*follower{}, readers: map[string]int{}}
	if cfg.Kafka == nil || cfg.Registry == nil {
		return nil, errors.New("a runner needs Kafka and a registry")
	}
	groups := map[string]string{}
	for _, d := range defs {
		def := d.definition()
		if def.err != nil {
			return nil, def.err
		}
		if other, ok := groups[def.group]; ok {
			return nil, fmt.Errorf("products %s and %s have the same group %s", other, def.name, def.group)
		}
		groups[def.group] = def.name
		for _, in := range def.inputs {
			r.readers[in.info.Name]++
		}
		r.defs = append(r.defs, def)
		r.workers = append(r.workers, newWorker(r, def))
	}
	return r, nil
}

// Run runs the products until ctx ends, then commits what has been done and
// leaves the groups. It returns nil after such a stop, and the reason when a
// product had to stop by itself; all products stop then.
func (r *Runner) Run(ctx context.Context) error {
	if err := r.prepare(ctx); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, d := range r.defs {
		for _, l := range d.lookups {
			if r.views[l.viewKey()] == nil {
				r.views[l.viewKey()] = r.cfg.Tables.acquire(ctx, r, l)
			}
		}
	}
	for _, f := range r.views {
		g.Go(func() error {
			select {
			case <-f.done:
				return f.err
			case <-ctx.Done():
				return nil
			}
		})
	}
	for _, w := range r.workers {
		g.Go(func() error {
			for _, l := range w.def.lookups {
				select {
				case <-r.views[l.viewKey()].ready:
				case <-ctx.Done():
					return nil
				}
			}
			err := w.run(ctx)
			w.setState(Stopped, err)
			return err
		})
	}
	err := g.Wait()
	for _, f := range r.views {
		r.cfg.Tables.release(f)
	}
	return err
}

// view is the copy that a table of a product looks into.
func (r *Runner) view(topic string, table Dep) View {
	for _, key := range []viewKey{{topic, table}, {topic: topic}} {
		if f := r.views[key]; f != nil {
			return f
		}
	}
	return nil
}

// prepare creates topics, registers schemas and learns partition counts.
func (r *Runner) prepare(ctx context.Context) error {
	infos := map[string]*schemas.Info{}
	for _, d := range r.defs {
		for _, in := range d.inputs {
			infos[in.info.Name] = in.info
		}
		for _, l := range d.lookups {
			infos[l.info.Name] = l.info
		}
		for _, o := range d.outputs {
			infos[o.info.Name] = o.info
		}
	}
	names := make([]string, 0, len(infos))
	specs := make([]kafka.TopicSpec, 0, len(infos))
	for name, info := range infos {
		names = append(names, name)
		specs = append(specs, TopicSpec(info, r.cfg.Replication))
	}
	if !r.cfg.NoTopics {
		if err := r.cfg.Kafka.CreateTopics(ctx, specs...); err != nil {
			return fmt.Errorf("create topics: %w", err)
		}
	}
	metas, err := r.cfg.Kafka.Topics(ctx, names...)
	if err != nil {
		return fmt.Errorf("look topics up: %w", err)
	}
	for _, name := range names {
		meta, ok := metas[name]
		if !ok {
			return fmt.Errorf("topic %s does not exist", name)
		}
		r.parts[name], r.topicID[name] = meta.Partitions, topicID(meta.ID)
	}
	for _, d := range r.defs {
		if err := r.checkPartitions(d); err != nil {
			return err
		}
		for _, o := range d.outputs {
			if o.raw || r.ids[o.info.Name] != 0 {
				continue
			}
			id, err := r.register(ctx, o.info)
			if err != nil {
				return fmt.Errorf("register the contract of %s: %w", o.info.Name, err)
			}
			r.ids[o.info.Name] = int32(id)
		}
	}
	r.learnLimits(ctx, r.defs...)
	return nil
}

// register finds the id of a contract's schema. A registry that cannot be asked, or has nobody who may write just now, is
// waited for: to end would only have the service started again and again.
func (r *Runner) register(ctx context.Context, info *schemas.Info) (int, error) {
	pause := registryBackoff
	defer r.tell("")
	for {
		id, err := r.schemaID(ctx, info)
		if err != nil && ctx.Err() != nil {
			return 0, ctx.Err() // a stop is no failure of the registry's
		}
		if err == nil || !errors.Is(err, registry.ErrUnavailable) && !avro.IsRetriable(err) {
			return id, err
		}
		r.cfg.Log.Warn("the schema registry does not take a contract; waiting for it", zap.String("subject", info.Subject), zap.Error(err))
		r.tell(fmt.Sprintf("waiting for the schema registry to take %s: %v", info.Subject, err))
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(pause):
		}
		pause = min(2*pause, 10*registryBackoff)
	}
}

// tell says of all products why they do not begin yet; "" that they will.
func (r *Runner) tell(why string) {
	for _, w := range r.workers {
		w.state.Store(&ProductStatus{Name: w.def.name, Group: w.def.group, State: Starting, At: time.Now(), Stalled: why})
	}
}

func (r *Runner) schemaID(ctx context.Context, info *schemas.Info) (int, error) {
	if !r.cfg.NoRegister {
		return r.cfg.Registry.RegisterSchema(ctx, info.Subject, info.Schema)
	}
	l, ok := r.cfg.Registry.(interface {
		LookupSchema(ctx context.Context, subject, schema string) (int, error)
	})
	if !ok {
		return 0, errors.New("the registry cannot look schemas up, and registering is switched off")
	}
	return l.LookupSchema(ctx, info.Subject, info.Schema)
}

func (r *Runner) checkPartitions(d *definition) error {
	for _, in := range d.inputs {
		if (in.fold || in.join >= 0) && r.parts[in.info.Name] != r.parts[d.out.Name] {
			return fmt.Errorf("product %s: %s has %d partitions and the output %s %d: they must agree",
				d.name, in.info.Name, r.parts[in.info.Name], d.out.Name, r.parts[d.out.Name])
		}
		if d.side >= 0 && r.parts[in.info.Name] > r.parts[d.outputs[d.side].info.Name] {
			side := d.outputs[d.side].info.Name
			return fmt.Errorf("product %s: %s has %d partitions and the changelog %s %d: give the changelog as many (kafka-topics.sh --alter --partitions)",
				d.name, in.info.Name, r.parts[in.info.Name], side, r.parts[side])
		}
	}
	return nil
}

// TopicSpec is how the topic of a contract is created.
func TopicSpec(info *schemas.Info, replication int) kafka.TopicSpec {
	cfg := map[string]string{"cleanup.policy": string(info.Cleanup)}
	if info.Cleanup == schemas.Compact {
		cfg["min.cleanable.dirty.ratio"] = "0.2"
		cfg["delete.retention.ms"] = strconv.FormatInt(tombstones.Milliseconds(), 10)
	} else {
		cfg["retention.ms"] = "-1"
		if info.Retention > 0 {
			cfg["retention.ms"] = strconv.FormatInt(info.Retention.Milliseconds(), 10)
		}
	}
	return kafka.TopicSpec{Name: info.Name, Partitions: info.Partitions, Replication: replication, Config: cfg}
}

// tombstones is how long deletions stay readable in compacted topics. A store
// that has been away for longer than a good part of it cannot know what was
// deleted and is rebuilt.
const (
	tombstones = 7 * 24 * time.Hour
	maxAbsence = 20 * time.Hour // below Kafka's default of 24 h, for topics created by others
)

// instance is the name that tells this process's worker from those of others.
func (w *worker) instance() (string, error) {
	if w.r.cfg.InstanceID != "" {
		return w.r.cfg.InstanceID, nil
	}
	kept, err := w.note("instance-id")
	if kept != "" || err != nil {
		return kept, err
	}
	fresh := event.New(time.Now()).String()
	return fresh, w.keep("instance-id", fresh)
}

// keepMember remembers the member id: a process that was killed takes its
// partitions back at once under the same one.
func (w *worker) keepMember() {
	if id := w.group.meta().MemberID; id != "" && id != w.member {
		w.member = id
		if err := w.keep("member-id", id); err != nil {
			w.log.Warn("the member id is not kept; after a crash the partitions come back when the session ends", zap.Error(err))
		}
	}
}

// note is a file of the product's folder; empty if there is none.
func (w *worker) note(file string) (string, error) {
	if w.r.cfg.StateDir == "" {
		return "", nil
	}
	b, err := os.ReadFile(filepath.Join(w.dir(), file)) //nolint:gosec // a file of our own folder
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("read %s: %w", file, err)
	}
	return strings.TrimSpace(string(b)), nil
}

func (w *worker) keep(file, text string) error {
	if w.r.cfg.StateDir == "" {
		return nil
	}
	if err := os.MkdirAll(w.dir(), 0o750); err != nil {
		return fmt.Errorf("make the state folder: %w", err)
	}
	if err := os.WriteFile(filepath.Join(w.dir(), file), []byte(text+"\n"), 0o600); err != nil {
		return fmt.Errorf("keep %s: %w", file, err)
	}
	return nil
}

func (w *worker) dir() string { return filepath.Join(w.r.cfg.StateDir, w.def.group) }
