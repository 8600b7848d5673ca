package bench

import (
	"context"
	"errors"
	"strconv"

	"meshwork.dev/deploy/bench/load"
	"meshwork.dev/deploy/bench/mesh"
	"meshwork.dev/deploy/e2e/realkafka"
)

// count compares counting per key, every update published, exactly once, with commits every 100 ms. The rivals write
// each update twice, to their changelog and to the output; our output is our changelog.
func (s *suite) count(ctx context.Context) error {
	if !s.wants("count") {
		return nil
	}
	in := mesh.CountTopic("in")
	if err := load.Topics(ctx, s.brokers, in); err != nil {
		return err
	}
	if err := load.Feed(ctx, s.brokers, in, s.Records, mesh.Frame(value)); err != nil {
		return err
	}
	streams, err := s.kafkaStreams(ctx, in)
	if err != nil {
		return err
	}
	return Compare(ctx, s.out, "count per key, exactly once", s.Rounds,
		s.child("meshwork", "count-mesh", in, 0), s.franzCount(in), streams)
}

func (s *suite) franzCount(in string) Side {
	run := s.child("", "count-franz", in, 0).Run
	return Side{Name: "franz-go session, Go map", Want: 1.5, Run: func(ctx context.Context) (load.Result, error) {
		topics := []string{in + "-franz-changelog", in + "-franz-out"}
		if err := load.Topics(ctx, s.brokers, topics...); err != nil {
			return load.Result{}, err
		}
		r, err := run(ctx)
		return r, errors.Join(err, load.Drop(ctx, s.brokers, topics...), load.DropGroup(ctx, s.brokers, in+"-franz"))
	}}
}

func (s *suite) kafkaStreams(ctx context.Context, in string) (Side, error) {
	lib, err := realkafka.Jars(ctx, "kafka-streams", "org.apache.kafka:kafka-streams:"+realkafka.Versions[0], "org.slf4j:slf4j-nop:1.7.36")
	if err != nil {
		return Side{}, err
	}
	source, err := countStreams()
	if err != nil {
		return Side{}, err
	}
	return Side{Name: "Kafka Streams, in memory", Want: 8, Run: func(ctx context.Context) (load.Result, error) {
		out := in + "-streams-out"
		if err := load.Topics(ctx, s.brokers, out); err != nil {
			return load.Result{}, err
		}
		r, err := Process("java", "-Xmx1g", "-cp", lib+"/*", source, s.brokers, in, out, strconv.Itoa(s.Records))(ctx)
		return r, errors.Join(err, load.Drop(ctx, s.brokers, out))
	}}, nil
}
