package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// TopicMeta describes a topic.
type TopicMeta struct {
	Name       string
	ID         [16]byte // zero when the broker is too old to tell
	Internal   bool     // Kafka's own, such as __consumer_offsets
	Partitions int
	Leaders    []int32 // broker id by partition; -1 while there is none
	Replicas   int     // of partition 0
}

// ready says whether every partition has a leader.
func (t TopicMeta) ready() bool { return t.Partitions > 0 && !slices.Contains(t.Leaders, -1) }

// Cluster describes the brokers.
type Cluster struct {
	ID         string
	Controller int32 // -1: none
	Brokers    map[int32]string
}

// metadata is what the client knows of brokers and leaders. One refresh runs at a time; callers that waited for it
// share its outcome.
type metadata struct {
	c    *Client
	turn chan struct{} // holds a token while no refresh runs

	mu      sync.Mutex
	cluster Cluster
	stale   bool // brokers or controller are in doubt
	good    string
	topics  map[string]topicEntry
	asked   time.Time // start of the last successful request
}

type topicEntry struct {
	meta TopicMeta
	at   time.Time // when the request that told it was sent
}

func (m *metadata) init(c *Client) {
	m.c = c
	m.turn = make(chan struct{}, 1)
	m.turn <- struct{}{}
	m.cluster.Controller = -1
}

// expire makes the next use of brokers or controller ask again.
func (m *metadata) expire() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stale = true
}

func (m *metadata) known() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.cluster.Brokers) > 0
}

func (m *metadata) learnBroker(id int32, host string, port int32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.cluster.Brokers[id]; !ok {
		brokers := map[int32]string{id: hostPort(host, port)}
		maps.Copy(brokers, m.cluster.Brokers)
		m.cluster.Brokers = brokers // replaced, never changed: callers may hold the old map
	}
}

func hostPort(host string, port int32) string { return net.JoinHostPort(host, strconv.Itoa(int(port))) }

// cluster is the cached brokers and controller, asked for when unknown or in doubt.
func (c *Client) cluster(ctx context.Context) (Cluster, error) {
	m := &c.meta
	m.mu.Lock()
	cl, fresh := m.cluster, len(m.cluster.Brokers) > 0 && !m.stale
	m.mu.Unlock()
	if fresh {
		return cl, nil
	}
	if err := c.refresh(ctx, time.Now(), nil); err != nil {
		return Cluster{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cluster, nil
}

// leader is the broker that leads the partition: cached unless older than MetadataMaxAge.
func (c *Client) leader(ctx context.Context, tp TopicPartition) (int32, error) {
	t, err := c.topic(ctx, tp.Topic)
	if err != nil {
		return -1, err
	}
	switch p := int(tp.Partition); {
	case p < 0 || p >= t.Partitions:
		c.meta.forgetTopic(tp.Topic) // it may have grown
		return -1, codeErrAt(apiMetadata, codeUnknownTopic, tp.Topic, tp.Partition)
	case t.Leaders[p] < 0:
		c.meta.forgetTopic(tp.Topic)
		return -1, codeErrAt(apiMetadata, codeLeaderNotAvailable, tp.Topic, tp.Partition)
	default:
		return t.Leaders[p], nil
	}
}

// moved drops a topic's cached leaders: a broker has said it does not lead, or did not answer.
func (c *Client) moved(topics ...string) {
	for _, t := range topics {
		c.meta.forgetTopic(t)
	}
}

func (m *metadata) forgetTopic(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.topics, name)
}

// topic is the cached description of one topic.
func (c *Client) topic(ctx context.Context, name string) (TopicMeta, error) {
	now := time.Now()
	if t, ok := c.known(name, now.Add(-c.cfg.MetadataMaxAge)); ok {
		return t, nil
	}
	if err := c.refresh(ctx, now, []string{name}); err != nil {
		return TopicMeta{}, err
	}
	t, ok := c.known(name, time.Time{})
	if !ok {
		return TopicMeta{}, codeErrAt(apiMetadata, codeUnknownTopic, name, -1)
	}
	return t, nil
}

// known is what was learnt about a topic after a time.
func (c *Client) known(name string, since time.Time) (TopicMeta, bool) {
	c.meta.mu.Lock()
	defer c.meta.mu.Unlock()
	e, ok := c.meta.topics[name]
	return e.meta, ok && e.at.After(since)
}

// refresh asks for brokers, controller and the named topics, unless a refresh that began after since has told all
// of it. Topics that do not exist are dropped from the cache.
func (c *Client) refresh(ctx context.Context, since time.Time, topics []string) error {
	m := &c.meta
	select {
	case <-m.turn:
		defer func() { m.turn <- struct{}{} }()
	case <-ctx.Done():
		return &NetError{API: apiMetadata.name, Broker: strings.Join(c.cfg.Brokers, ", "), Err: ctx.Err()}
	case <-c.ctx.Done():
		return fmt.Errorf("metadata: client: %w", ErrClosed)
	}
	m.mu.Lock()
	fresh := m.asked.After(since)
	for _, t := range topics {
		fresh = fresh && m.topics[t].at.After(since)
	}
	m.mu.Unlock()
	if fresh {
		return nil
	}
	at := time.Now()
	ans, addr, err := c.askMetadata(ctx, topics, false)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.learn(ans, addr, topics, at)
	return nil
}

// learn takes over an answer. m.mu is held.
func (m *metadata) learn(ans *metadataAnswer, addr string, asked []string, at time.Time) {
	if len(ans.cluster.Brokers) > 0 {
		if gone(m.cluster.Brokers, ans.cluster.Brokers) {
			// The transport keeps a pool, which dials now and then, for every address it ever saw. Start over: calls
			// under way finish on their connections.
			m.c.transport.CloseIdleConnections()
		}
		m.cluster, m.good, m.stale, m.asked = ans.cluster, addr, false, at
	}
	if m.topics == nil {
		m.topics = map[string]topicEntry{}
	}
	for _, name := range asked {
		delete(m.topics, name)
	}
	for name, t := range ans.topics {
		m.topics[name] = topicEntry{meta: t, at: at}
	}
}

// gone says whether an address of the old brokers is no longer among the new ones.
func gone(old, current map[int32]string) bool {
	for id, addr := range old {
		if current[id] != addr {
			return true
		}
	}
	return false
}

// hedge is how long one broker may be silent before the next is asked too.
const hedge = 500 * time.Millisecond

// askMetadata asks the known brokers, then the configured ones, until one answers: the next as soon as one fails or
// stays silent for a while.
func (c *Client) askMetadata(parent context.Context, topics []string, all bool) (*metadataAnswer, string, error) {
	addrs, patience := c.candidates()
	ctx, cancel := context.WithTimeout(parent, patience)
	defer cancel()
	type result struct {
		addr string
		ans  *metadataAnswer
		err  error
	}
	results := make(chan result, len(addrs))
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	next, pending := 0, 0
	start := func() {
		addr := addrs[next]
		next++
		pending++
		wg.Go(func() {
			ans, err := c.metadataFrom(ctx, addr, topics, all)
			results <- result{addr, ans, err}
		})
	}
	start()
	var last error
	timer := time.NewTimer(hedge)
	defer timer.Stop()
	for {
		select {
		case r := <-results:
			if r.err == nil {
				return r.ans, r.addr, nil
			}
			pending--
			last = r.err
			if next < len(addrs) {
				start()
			} else if pending == 0 {
				return nil, "", c.noneAnswered(parent, addrs, last)
			}
		case <-timer.C:
			if next < len(addrs) {
				start()
				timer.Reset(hedge)
			}
		}
	}
}

// noneAnswered is the error of a round over all addresses.
func (c *Client) noneAnswered(parent context.Context, addrs []string, last error) error {
	var ne *NetError
	if !errors.As(last, &ne) {
		return last
	}
	e := *ne
	e.API, e.Broker = apiMetadata.name, strings.Join(addrs, ", ")
	if parent.Err() != nil && !errors.Is(e.Err, parent.Err()) {
		e.Err = parent.Err()
	}
	return &e
}

// candidates are the addresses to ask for metadata, best first, and how long to wait for all of them.
func (c *Client) candidates() ([]string, time.Duration) {
	m := &c.meta
	m.mu.Lock()
	defer m.mu.Unlock()
	patience := c.cfg.DialTimeout
	var addrs []string
	add := func(a string) {
		if a != "" && !slices.Contains(addrs, a) {
			addrs = append(addrs, a)
		}
	}
	if len(m.cluster.Brokers) > 0 {
		patience = max(patience, 10*time.Second)
		if !m.stale {
			add(m.good)
		}
		for _, a := range m.cluster.Brokers { // in random order, so that clients spread
			add(a)
		}
	}
	for _, a := range c.cfg.Brokers {
		add(a)
	}
	return addrs, patience
}

type metadataAnswer struct {
	cluster Cluster
	topics  map[string]TopicMeta
	errs    map[string]error // topics that exist but cannot be described
}

// metadataFrom asks one broker for its view of the cluster and of the topics; all asks for every topic.
func (c *Client) metadataFrom(ctx context.Context, addr string, topics []string, all bool) (*metadataAnswer, error) {
	ans := &metadataAnswer{topics: map[string]TopicMeta{}, errs: map[string]error{}}
	err := c.do(ctx, &request{
		api: apiMetadata, min: 4, max: 12, to: toAddr(addr),
		write: func(e *encoder, v int16) {
			if all {
				e.arr(-1)
			} else {
				e.arr(len(topics))
			}
			for _, t := range topics {
				if v >= 10 {
					e.uuid([16]byte{})
				}
				e.str(t)
				e.tags()
			}
			e.bool(false) // never create topics by asking for them
			if v >= 8 && v <= 10 {
				e.bool(false)
			}
			if v >= 8 {
				e.bool(false)
			}
			e.tags()
		},
		read: func(d *decoder, v int16) error {
			ans.read(d, v)
			return nil
		},
	})
	if err != nil {
		return nil, err
	}
	for _, t := range topics {
		if err := ans.errs[t]; err != nil && errors.Is(err, ErrAuth) {
			return nil, err
		}
	}
	return ans, nil
}

func (a *metadataAnswer) read(d *decoder, v int16) {
	d.throttled()
	a.cluster.Brokers = map[int32]string{}
	for n := d.arr(); n > 0 && d.err == nil; n-- {
		id, host, port := d.i32(), d.str(), d.i32()
		d.raw() // rack
		d.tags()
		a.cluster.Brokers[id] = hostPort(host, port)
	}
	a.cluster.ID = d.str()
	a.cluster.Controller = d.i32()
	for n := d.arr(); n > 0 && d.err == nil; n-- {
		code := d.i16()
		t := TopicMeta{Name: d.str()}
		if v >= 10 {
			t.ID = d.uuid()
		}
		t.Internal = d.bool()
		for k := d.arr(); k > 0 && d.err == nil; k-- {
			t.readPartition(d, v)
		}
		if v >= 8 {
			d.i32()
		}
		d.tags()
		switch {
		case code == 0 || code == codeLeaderNotAvailable:
			t.Partitions = len(t.Leaders)
			a.topics[t.Name] = t
		case code != codeUnknownTopic:
			a.errs[t.Name] = codeErrAt(apiMetadata, code, t.Name, -1)
		}
	}
	if v >= 8 && v <= 10 {
		d.i32()
	}
	d.tags()
}

func (t *TopicMeta) readPartition(d *decoder, v int16) {
	d.i16() // code: a missing leader shows as -1
	p, leader := d.i32(), d.i32()
	if v >= 7 {
		d.i32() // leader epoch
	}
	replicas := d.arr()
	d.take(4 * replicas)
	d.take(4 * d.arr()) // in sync
	if v >= 5 {
		d.take(4 * d.arr()) // offline
	}
	d.tags()
	if p < 0 || p > 1<<20 || d.err != nil {
		d.fail()
		return
	}
	for len(t.Leaders) <= int(p) {
		t.Leaders = append(t.Leaders, -1)
	}
	t.Leaders[p] = leader
	if p == 0 {
		t.Replicas = replicas
	}
}

// DescribeCluster asks a broker for the cluster's id, brokers and controller.
func (c *Client) DescribeCluster(ctx context.Context) (Cluster, error) {
	at := time.Now()
	ans, addr, err := c.askMetadata(ctx, nil, false)
	if err != nil {
		return Cluster{}, err
	}
	c.meta.mu.Lock()
	defer c.meta.mu.Unlock()
	c.meta.learn(ans, addr, nil, at)
	return ans.cluster, nil
}

// Topics describes the named topics, or all of the cluster when none is named. A topic that does not exist is
// absent from the result.
func (c *Client) Topics(ctx context.Context, names ...string) (map[string]TopicMeta, error) {
	var out map[string]TopicMeta
	err := c.retry(ctx, func(ctx context.Context) error {
		at := time.Now()
		ans, addr, err := c.askMetadata(ctx, names, len(names) == 0)
		if err != nil {
			return err
		}
		c.meta.mu.Lock()
		c.meta.learn(ans, addr, names, at)
		c.meta.mu.Unlock()
		for _, e := range ans.errs {
			return e
		}
		out = ans.topics
		return nil
	})
	return out, err
}
