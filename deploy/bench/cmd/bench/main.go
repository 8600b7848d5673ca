// Command bench runs the workloads and prints our ratios to the rivals. See package bench for how is measured.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/pprof"

	"meshwork.dev/deploy/bench"
)

func main() {
	var o bench.Options
	flag.StringVar(&o.Suite, "suite", "embedded", "embedded (a broker from Go, no JVM) or kafka (one real Apache Kafka 4.3.1)")
	flag.StringVar(&o.Only, "only", "", "only workloads whose name contains this")
	flag.IntVar(&o.Rounds, "rounds", 5, "rounds; every side runs once in each")
	flag.IntVar(&o.Records, "records", 4_000_000, "records per run")
	profile := flag.String("cpuprofile", "", "write a CPU profile of this process to the file")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	if *profile != "" {
		f, err := os.Create(*profile)
		if err == nil {
			err = pprof.StartCPUProfile(f)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1) //nolint:gocritic // nothing to stop yet
		}
		defer pprof.StopCPUProfile()
	}
	if flag.NArg() > 0 { // a run in a process of its own
		err = bench.Child(ctx, flag.Args(), os.Stdout)
	} else {
		err = bench.Run(ctx, o, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}
