package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"meshwork.dev/deploy/bench/load"
	"meshwork.dev/deploy/e2e/realkafka"
)

// Options choose what is run.
type Options struct {
	Suite   string // "embedded" or "kafka"
	Only    string // only workloads whose name contains this
	Rounds  int
	Records int
}

// value is the value of every record: 100 bytes that do not compress to nothing.
var value = func() []byte {
	b := make([]byte, 100)
	for i := range b {
		b[i] = byte('a' + i*i%23)
	}
	return b
}()

// Run runs the workloads of the suite and writes their rounds, medians and ratios.
func Run(ctx context.Context, o Options, out io.Writer) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	s := suite{Options: o, self: self, out: out}
	switch o.Suite {
	case "embedded":
		return s.onEmbedded(ctx)
	case "kafka":
		return s.onKafka(ctx)
	default:
		return fmt.Errorf("suite %q: want embedded or kafka", o.Suite)
	}
}

type suite struct {
	Options
	self    string
	out     io.Writer
	brokers string
	topics  int
}

func (s *suite) wants(workload string) bool { return strings.Contains(workload, s.Only) }

func (s *suite) onEmbedded(ctx context.Context) error {
	stop, err := s.startBroker(ctx)
	if err != nil {
		return err
	}
	defer stop()
	if err := s.consume(ctx); err != nil {
		return err
	}
	return s.produce(ctx)
}

func (s *suite) onKafka(ctx context.Context) error {
	b, err := realkafka.Start(ctx, realkafka.Versions[0], realkafka.Options{HeapMB: 1024})
	if err != nil {
		return err
	}
	defer b.Stop() //nolint:errcheck,contextcheck // the run is over; stopping has its own time
	fmt.Fprintf(s.out, "Apache Kafka %s (%s)\n", b.Version, b.From)
	s.brokers = b.Addr
	return s.count(ctx)
}

// startBroker runs the embedded broker in a process of its own, so that its work is not counted as a client's.
func (s *suite) startBroker(ctx context.Context) (stop func(), err error) {
	cmd := exec.CommandContext(ctx, s.self, "broker")
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop = func() {
		_ = in.Close()
		_ = cmd.Wait()
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		stop()
		return nil, errors.Join(errors.New("the embedded broker did not start"), err)
	}
	s.brokers = strings.TrimSpace(line)
	return stop, nil
}

// child is a side whose run reads a topic that is there already.
func (s *suite) child(name, run, topic string, want float64) Side {
	return Side{Name: name, Want: want, Run: Process(s.self, run, s.brokers, topic, strconv.Itoa(s.Records))}
}

// fresh is a side that gets new, empty topics for each run; they are dropped after it.
func (s *suite) fresh(name, run string, want float64) Side {
	return Side{Name: name, Want: want, Run: func(ctx context.Context) (load.Result, error) {
		s.topics++
		topic := fmt.Sprintf("%s-%d", run, s.topics)
		if err := load.Topics(ctx, s.brokers, topic); err != nil {
			return load.Result{}, err
		}
		r, err := s.child(name, run, topic, want).Run(ctx)
		return r, errors.Join(err, load.Drop(ctx, s.brokers, topic))
	}}
}

func (s *suite) consume(ctx context.Context) error {
	if !s.wants("consume") {
		return nil
	}
	const topic = "consume"
	if err := load.Topics(ctx, s.brokers, topic); err != nil {
		return err
	}
	if err := load.Feed(ctx, s.brokers, topic, s.Records, value); err != nil {
		return err
	}
	err := Compare(ctx, s.out, "consume, decode nothing", s.Rounds,
		s.child("meshwork", "consume-mesh", topic, 0),
		s.child("kafka-go Reader", "consume-kafkago", topic, 8),
		s.child("franz-go", "consume-franz", topic, 2.5))
	return errors.Join(err, load.Drop(ctx, s.brokers, topic))
}

func (s *suite) produce(ctx context.Context) error {
	if !s.wants("produce") {
		return nil
	}
	return Compare(ctx, s.out, "transactional produce", s.Rounds,
		s.fresh("meshwork", "produce-mesh", 0),
		s.fresh("kafka-go Writer (no txn)", "produce-kafkago", 1.5),
		s.fresh("franz-go (txn)", "produce-franz", 1))
}
