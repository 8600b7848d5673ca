package mesh

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"strconv"
	"time"

	"meshwork.dev/deploy/bench/load"
	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas"
)

// Payload is the input's value: a record of one field of bytes.
type Payload struct{ Bytes []byte }

// Count is a row of the product.
type Count struct{ N int64 }

// CountTopic names a topic of the workload as contracts do.
func CountTopic(name string) string { return "priv.bench.count." + name + ".event.v1" }

// counts declares the product: the number of records per key, every update published. Its topic is its changelog.
func counts(in string, m *load.Meter, done func()) stream.Definition {
	info := func(name string, kind schemas.Kind, cleanup schemas.Cleanup, schema string) schemas.Info {
		return schemas.Info{
			Name: name, Subject: name + "-value", Kind: kind, Partitions: load.Partitions, Cleanup: cleanup,
			Schema: schema, Owner: "bench", Compatibility: "FULL_TRANSITIVE",
		}
	}
	input := &schemas.Topic[string, Payload]{
		Info: info(in, schemas.Event, schemas.Delete, payloadSchema),
		Keys: schemas.StringKey(),
		Values: schemas.Codec[Payload]{
			Append: func(dst []byte, v *Payload) []byte {
				return append(binary.AppendVarint(dst, int64(len(v.Bytes))), v.Bytes...)
			},
			Decode: func(v *Payload, src []byte) error {
				n, at := binary.Varint(src)
				if at <= 0 || n != int64(len(src)-at) {
					return errors.New("malformed payload")
				}
				v.Bytes = append([]byte(nil), src[at:]...)
				return nil
			},
		},
	}
	output := &schemas.Topic[string, Count]{
		Info: info("priv.bench.count.counts"+stamp()+".state.v1", schemas.State, schemas.Compact, countSchema),
		Keys: schemas.StringKey(),
		Values: schemas.Codec[Count]{
			Append: func(dst []byte, v *Count) []byte { return binary.AppendVarint(dst, v.N) },
			Decode: func(v *Count, src []byte) error {
				n, at := binary.Varint(src)
				if at != len(src) {
					return errors.New("malformed count")
				}
				v.N = n
				return nil
			},
		},
	}
	return stream.Define(output, stream.Spec{Name: "counts" + stamp()},
		stream.On(input, func(c *stream.Ctx[string, Count], _ Payload) error {
			c.State.N++
			if m.Add(1) {
				done()
			}
			return nil
		}))
}

const (
	payloadSchema = `{"type":"record","name":"Payload","fields":[{"name":"bytes","type":"bytes"}]}`
	countSchema   = `{"type":"record","name":"Count","fields":[{"name":"n","type":"long"}]}`
)

// The schema ids of the registry below.
const (
	payloadID = 1
	countID   = 2
)

// Frame is the input's value as it travels: magic 0, schema id, Avro bytes.
func Frame(value []byte) []byte {
	dst := append([]byte{0, 0, 0, 0, payloadID}, binary.AppendVarint(nil, int64(len(value)))...)
	return append(dst, value...)
}

// CountRun counts the topic's records with the engine: a group of one, in-memory state, 100 ms commits.
func CountRun(ctx context.Context, brokers, in string, m *load.Meter) error {
	c, err := kafka.NewClient(kafka.Config{Brokers: []string{brokers}, ClientID: "bench"})
	if err != nil {
		return err
	}
	defer c.Close()
	dir, err := os.MkdirTemp("", "bench-count-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	ctx, done := context.WithCancel(ctx)
	defer done()
	r, err := stream.NewRunner(stream.Config{
		Kafka: c, Registry: fixed{}, Service: "bench", StateDir: dir, CommitInterval: 100 * time.Millisecond, CatchUpInterval: 100 * time.Millisecond,
	}, counts(in, m, done))
	if err != nil {
		return err
	}
	return r.Run(ctx)
}

// fixed is a registry that knows the two schemas.
type fixed struct{}

func (fixed) SchemaByID(_ context.Context, id int) (string, error) {
	if id == payloadID {
		return payloadSchema, nil
	}
	return countSchema, nil
}

func (fixed) SchemaByGUID(context.Context, [16]byte) (string, error) {
	return "", errors.New("no schema has a GUID here")
}

func (fixed) RegisterSchema(_ context.Context, _, schema string) (int, error) {
	if schema == payloadSchema {
		return payloadID, nil
	}
	return countID, nil
}

// stamp makes the names of a process its own.
func stamp() string { return "-" + strconv.Itoa(os.Getpid()) }
