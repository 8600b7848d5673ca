package realkafka

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/wait"
)

func dockerAnswers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	p, err := testcontainers.NewDockerProvider()
	if err != nil {
		return false
	}
	defer p.Close()
	return p.Health(ctx) == nil
}

// The advertised address holds the mapped port, which is known only once the container runs: the entry point
// waits for a script that is copied in then.
const starter = "/tmp/meshwork_start.sh"

func startContainer(ctx context.Context, version string, o Options) (*Broker, error) {
	env := map[string]string{"KAFKA_HEAP_OPTS": fmt.Sprintf("-Xmx%dm -Xms256m", o.HeapMB)}
	for k, v := range properties(version, o) {
		env["KAFKA_"+strings.ToUpper(strings.ReplaceAll(k, ".", "_"))] = v
	}
	env["KAFKA_LISTENERS"] = "PLAINTEXT://:9092,BROKER://:9093,CONTROLLER://:9094"
	env["KAFKA_CONTROLLER_QUORUM_VOTERS"] = "1@localhost:9094"
	env["CLUSTER_ID"] = "bWVzaHdvcmstcmVhbGthZg"
	script := func(ctx context.Context, c testcontainers.Container) error {
		endpoint, err := c.PortEndpoint(ctx, "9092/tcp", "PLAINTEXT")
		if err != nil {
			return err
		}
		text := "#!/bin/bash\nexport KAFKA_ADVERTISED_LISTENERS=" + endpoint + ",BROKER://localhost:9093\nexec /etc/kafka/docker/run\n"
		return c.CopyToContainer(ctx, []byte(text), starter, 0o755)
	}
	c, err := testcontainers.Run(
		ctx, "apache/kafka:"+version,
		testcontainers.WithExposedPorts("9092/tcp"),
		testcontainers.WithEnv(env),
		testcontainers.WithEntrypoint("sh", "-c", "while [ ! -f "+starter+" ]; do sleep 0.1; done; exec bash "+starter),
		testcontainers.WithLifecycleHooks(testcontainers.ContainerLifecycleHooks{
			PostStarts: []testcontainers.ContainerHook{script},
		}),
		testcontainers.WithWaitStrategyAndDeadline(90*time.Second, wait.ForLog("Kafka Server started")),
	)
	if err != nil {
		return nil, fmt.Errorf("container: %w", terminated(c, err))
	}
	addr, err := c.PortEndpoint(ctx, "9092/tcp", "")
	if err != nil {
		return nil, fmt.Errorf("container: %w", terminated(c, err))
	}
	b := &Broker{Addr: addr, Version: version, From: "docker"}
	b.stop = func(context.Context) error { return testcontainers.TerminateContainer(c) }
	return b, nil
}

func terminated(c testcontainers.Container, cause error) error {
	if err := testcontainers.TerminateContainer(c); err != nil {
		return fmt.Errorf("%w (and ending the container: %w)", cause, err)
	}
	return cause
}
