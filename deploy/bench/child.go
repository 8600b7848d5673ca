package bench

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"

	"meshwork.dev/deploy/bench/load"
	"meshwork.dev/deploy/bench/mesh"
	"meshwork.dev/deploy/bench/rival"
	"meshwork.dev/pkg/broker"
)

// Child is one run in a process of its own: WORKLOAD-SIDE BROKERS TOPIC RECORDS, or "broker", which runs the embedded
// broker until its standard input ends and prints its address.
func Child(ctx context.Context, args []string, out io.Writer) error {
	if args[0] == "broker" {
		return serveBroker(ctx, out)
	}
	if len(args) != 4 {
		return fmt.Errorf("run %q: want WORKLOAD-SIDE BROKERS TOPIC RECORDS", args)
	}
	run, brokers, topic := args[0], args[1], args[2]
	n, err := strconv.Atoi(args[3])
	if err != nil {
		return err
	}
	m := load.NewMeter(n)
	switch run {
	case "consume-mesh":
		err = mesh.Consume(ctx, brokers, topic, m)
	case "consume-kafkago":
		err = rival.KafkaGoConsume(ctx, brokers, topic, load.Partitions, m)
	case "consume-franz":
		err = rival.FranzConsume(ctx, brokers, topic, m)
	case "produce-mesh":
		err = mesh.Produce(ctx, brokers, topic, value, m)
	case "produce-kafkago":
		err = rival.KafkaGoProduce(ctx, brokers, topic, value, m)
	case "produce-franz":
		err = rival.FranzProduce(ctx, brokers, topic, topic+"-id", value, m)
	case "count-mesh":
		err = mesh.CountRun(ctx, brokers, topic, m)
	case "count-franz":
		err = rival.FranzCount(ctx, brokers, topic, topic+"-franz-changelog", topic+"-franz-out", topic+"-franz", m)
	default:
		return fmt.Errorf("no run %q", run)
	}
	if err != nil {
		return err
	}
	return m.Print(out)
}

func serveBroker(ctx context.Context, out io.Writer) error {
	b, err := broker.Start(ctx, broker.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		return err
	}
	fmt.Fprintln(out, b.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin) // ends with the parent
	return b.Close()
}
