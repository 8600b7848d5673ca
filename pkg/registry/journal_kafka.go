package registry

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	"meshwork.dev/pkg/kafka"
)

// topicJournal is a journal on a compacted Kafka topic of one partition. The right to append is a transactional id:
// registering it fences whoever had it before, and aborts what that one had open.
type topicJournal struct {
	client   *kafka.Client
	tp       kafka.TopicPartition
	log      *zap.Logger
	fetcher  *kafka.Fetcher
	reading  bool               // the fetcher has the partition; used by Read alone
	producer *kafka.TxnProducer // of the write path alone; nil until acquired
}

// writeTimeout is how long a write may stay open. What an instance that died left open is aborted after it, or as
// soon as another instance writes.
const writeTimeout = 10 * time.Second

// NewServer returns a registry on a Kafka cluster. It creates the topic if need be and has read it when it returns.
// Close it before the client.
func NewServer(ctx context.Context, client *kafka.Client, cfg ServerConfig) (*Server, error) {
	cfg = cfg.withDefaults()
	if err := prepareTopic(ctx, client, cfg); err != nil {
		return nil, fmt.Errorf("schema registry: topic %s: %w", cfg.Topic, err)
	}
	j := &topicJournal{
		client: client, tp: kafka.TopicPartition{Topic: cfg.Topic, Partition: 0}, log: cfg.Log,
		fetcher: client.NewFetcher(kafka.FetchConfig{Isolation: kafka.ReadCommitted}),
	}
	return newServer(ctx, j, cfg)
}

func prepareTopic(ctx context.Context, client *kafka.Client, cfg ServerConfig) error {
	err := client.CreateTopics(ctx, kafka.TopicSpec{
		Name: cfg.Topic, Partitions: 1, Replication: cfg.Replication,
		Config: map[string]string{"cleanup.policy": "compact"},
	})
	if err != nil {
		return fmt.Errorf("creating it: %w", err)
	}
	metas, err := client.Topics(ctx, cfg.Topic)
	if err != nil {
		return err
	}
	if n := metas[cfg.Topic].Partitions; n != 1 {
		return fmt.Errorf("it has %d partitions; schemas need one order, so it must have exactly 1", n)
	}
	configs, err := client.TopicConfigs(ctx, cfg.Topic)
	if err != nil {
		// Not every principal may read configurations; then this check is left to the operator.
		cfg.Log.Warn("cannot check that the schemas topic is compacted", zap.String("topic", cfg.Topic), zap.Error(err))
		return nil
	}
	if policy := configs[cfg.Topic]["cleanup.policy"].Value; strings.Contains(policy, "delete") {
		return fmt.Errorf("its cleanup.policy is %s, which deletes schemas after a while; set it to compact", policy)
	}
	return nil
}

func (j *topicJournal) End(ctx context.Context) (int64, error) {
	return j.offset(ctx, kafka.ReadCommitted)
}

func (j *topicJournal) Tip(ctx context.Context) (int64, error) {
	return j.offset(ctx, kafka.ReadUncommitted)
}

func (j *topicJournal) offset(ctx context.Context, iso kafka.Isolation) (int64, error) {
	ends, err := j.client.ListOffsets(ctx, []kafka.TopicPartition{j.tp}, kafka.Latest, iso)
	if err != nil {
		return 0, err
	}
	end, ok := ends[j.tp]
	if !ok {
		return 0, fmt.Errorf("no end offset of %s", j.tp)
	}
	return end, nil
}

func (j *topicJournal) Read(ctx context.Context, position int64) ([]record, int64, error) {
	if !j.reading {
		starts, err := j.client.ListOffsets(ctx, []kafka.TopicPartition{j.tp}, kafka.Earliest, kafka.ReadCommitted)
		if err != nil {
			return nil, position, err
		}
		j.fetcher.Add(j.tp, max(position, starts[j.tp]))
		j.reading = true
	}
	chunks, err := j.fetcher.Poll(ctx)
	if err != nil {
		return nil, position, err
	}
	var records []record
	for _, c := range chunks {
		var r kafka.Record
		for err == nil && c.Next(&r) {
			records = append(records, record{offset: r.Offset, key: copied(r.Key), value: copied(r.Value)})
		}
		if err == nil && c.Err() != nil {
			err = c.Err()
		}
		if err == nil {
			position = c.NextOffset()
		}
		c.Release()
	}
	if err != nil {
		// The partition rests after an error; it is added anew where this stopped.
		j.reading = false
		if len(records) > 0 {
			return records, records[len(records)-1].offset + 1, nil
		}
		return nil, position, err
	}
	return records, position, nil
}

// copied keeps the difference between a null and an empty value.
func copied(b []byte) []byte {
	if b == nil {
		return nil
	}
	return append([]byte{}, b...)
}

func (j *topicJournal) Acquire(ctx context.Context) error {
	j.release()
	p, err := j.client.NewTxnProducer(ctx, kafka.TxnConfig{ID: j.tp.Topic + "-writer", Timeout: writeTimeout})
	if errors.Is(err, kafka.ErrFenced) {
		return fmt.Errorf("%w: %w", errNotWriter, err)
	}
	if err != nil {
		return err
	}
	j.producer = p
	return nil
}

func (j *topicJournal) Append(ctx context.Context, records ...record) error {
	t := j.producer.NewTxn()
	now := time.Now().UnixMilli()
	for _, r := range records {
		t.Append(j.tp, now, r.key, r.value)
	}
	err := j.producer.Commit(ctx, t)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, kafka.ErrTooLarge), errors.Is(err, kafka.ErrAuth):
		return err
	case errors.Is(err, kafka.ErrTxnUnknown), errors.Is(err, kafka.ErrTxnUnresolved):
		return fmt.Errorf("%w: %w", errUnsettled, err)
	case errors.Is(err, kafka.ErrFenced), errors.Is(err, kafka.ErrTxnAborted):
		return fmt.Errorf("%w: %w", errNotWriter, err)
	}
	return fmt.Errorf("%w: %w", errUnsettled, err)
}

func (j *topicJournal) release() {
	if j.producer != nil {
		j.producer.Close()
		j.producer = nil
	}
}

func (j *topicJournal) Close() error {
	j.release()
	j.fetcher.Close()
	return nil
}
