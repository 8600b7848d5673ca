package realkafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"
)

// Cluster is several brokers of one Apache Kafka, as local JVM processes. Topics that name no replication have as many
// replicas as there are brokers, and take writes while all but one of the replicas are in sync.
type Cluster struct {
	// Brokers are the members; node ids begin with 1.
	Brokers []*Broker
}

// StartCluster starts n brokers of the version, each of them controller too, and returns once all of them answer, at
// most two minutes later. It returns ErrUnavailable where there is no JDK or no Maven; a container engine is of no use
// to it. End it with Stop.
func StartCluster(ctx context.Context, version string, n int, o Options) (*Cluster, error) {
	if !jvmPossible() {
		return nil, fmt.Errorf("starting a cluster of Apache Kafka %s: %w", version, ErrUnavailable)
	}
	if o.HeapMB == 0 {
		o.HeapMB = 384
	}
	inSync := strconv.Itoa(max(1, n-1))
	all := strconv.Itoa(n)
	props := map[string]string{
		"default.replication.factor":               all,
		"min.insync.replicas":                      inSync,
		"offsets.topic.replication.factor":         all,
		"transaction.state.log.replication.factor": all,
		"transaction.state.log.min.isr":            inSync,
	}
	if version[0] >= '4' {
		props["share.coordinator.state.topic.replication.factor"] = all
		props["share.coordinator.state.topic.min.isr"] = inSync
	}
	maps.Copy(props, o.Properties)
	o.Properties = props
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	ports, err := freePorts(3 * n)
	if err != nil {
		return nil, err
	}
	var voters []string
	for i := range n {
		voters = append(voters, fmt.Sprintf("%d@127.0.0.1:%d", i+1, ports[3*i+2]))
	}
	c := &Cluster{}
	for i := range n {
		b, err := startNode(ctx, version, o, node{id: i + 1, ports: ports[3*i : 3*i+3], voters: strings.Join(voters, ",")})
		if err != nil {
			return nil, errors.Join(fmt.Errorf("starting broker %d of Apache Kafka %s: %w", i+1, version, err), c.Stop()) //nolint:contextcheck // stopping has its own time
		}
		c.Brokers = append(c.Brokers, b)
	}
	for _, b := range c.Brokers {
		if err := b.waitReady(ctx); err != nil {
			return nil, errors.Join(fmt.Errorf("broker of Apache Kafka %s at %s is not ready: %w", version, b.Addr, err), c.Stop()) //nolint:contextcheck // stopping has its own time
		}
	}
	return c, nil
}

// Addrs are the listeners for clients, joined by commas.
func (c *Cluster) Addrs() string {
	var addrs []string
	for _, b := range c.Brokers {
		addrs = append(addrs, b.Addr)
	}
	return strings.Join(addrs, ",")
}

// Stop ends all brokers and removes their data.
func (c *Cluster) Stop() error {
	var errs []error
	for _, b := range c.Brokers {
		errs = append(errs, b.Stop())
	}
	return errors.Join(errs...)
}
