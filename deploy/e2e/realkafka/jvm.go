package realkafka

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

func jvmPossible() bool {
	_, java := exec.LookPath("java")
	_, mvn := exec.LookPath("mvn")
	return java == nil && mvn == nil
}

const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>dev.meshwork</groupId><artifactId>realkafka</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>%s</dependencies></project>
`

// Jars resolves the Maven artifacts ("group:artifact:version") with all they need into a cached folder of the
// user and returns it. The folder is filled once; later calls need no network.
func Jars(ctx context.Context, name string, artifacts ...string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "meshwork", name)
	lib := filepath.Join(dir, "lib")
	done := filepath.Join(dir, "complete")
	want := strings.Join(artifacts, "\n")
	if have, err := os.ReadFile(done); err == nil && string(have) == want {
		return lib, nil
	}
	// It is filled beside its place and moved there whole: another process may be about the same.
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", err
	}
	made, err := os.MkdirTemp(filepath.Dir(dir), name+"-*")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(made) }()
	var deps strings.Builder
	for _, a := range artifacts {
		p := strings.Split(a, ":")
		if len(p) != 3 {
			return "", fmt.Errorf("artifact %q: want group:artifact:version", a)
		}
		fmt.Fprintf(&deps, "<dependency><groupId>%s</groupId><artifactId>%s</artifactId><version>%s</version></dependency>", p[0], p[1], p[2])
	}
	if err := os.WriteFile(filepath.Join(made, "pom.xml"), fmt.Appendf(nil, pom, deps.String()), 0o600); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory="+filepath.Join(made, "lib"))
	cmd.Dir = made
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("resolving %s with mvn: %w\n%s", want, err, out)
	}
	if err := os.WriteFile(filepath.Join(made, "complete"), []byte(want), 0o600); err != nil {
		return "", err
	}
	if have, err := os.ReadFile(done); err == nil && string(have) == want {
		return lib, nil // the other one was faster, and may run from it already
	}
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	if err := os.Rename(made, dir); err != nil {
		if have, _ := os.ReadFile(done); string(have) != want {
			return "", err
		}
	}
	return lib, nil
}

// process is one JVM broker; its configuration and data outlive the process until stop.
type process struct {
	dir, lib string
	heapMB   int
	log      io.Writer

	mu   sync.Mutex
	cmd  *exec.Cmd
	done chan struct{}
	last ring
}

func startJVM(ctx context.Context, version string, o Options) (*Broker, error) {
	ports, err := freePorts(3)
	if err != nil {
		return nil, err
	}
	return startNode(ctx, version, o, node{id: 1, ports: ports, voters: fmt.Sprintf("1@127.0.0.1:%d", ports[2])})
}

// node is one member of a cluster: its id, its ports for clients, brokers and controllers, who votes, and listeners
// (NAME://host:port) and arguments of the format command beyond the usual ones.
type node struct {
	id     int
	ports  []int
	voters string
	more   []string
	format []string
}

// startNode starts a JVM broker and does not wait until it answers.
func startNode(ctx context.Context, version string, o Options, n node) (*Broker, error) {
	lib, err := Jars(ctx, "kafka-"+version, "org.apache.kafka:kafka_2.13:"+version)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "realkafka-")
	if err != nil {
		return nil, err
	}
	p := &process{dir: dir, lib: lib, heapMB: o.HeapMB, log: o.Log}
	b := &Broker{Addr: fmt.Sprintf("127.0.0.1:%d", n.ports[0]), Version: version, From: "jvm", proc: p}
	b.stop = func(context.Context) error {
		err := p.kill()
		if rm := os.RemoveAll(dir); err == nil {
			err = rm
		}
		return err
	}
	if err = p.format(ctx, version, n, o); err == nil {
		err = p.start()
	}
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	return b, nil
}

// format writes server.properties and formats the log folder.
func (p *process) format(ctx context.Context, version string, n node, o Options) error {
	props, ports := properties(version, o), n.ports
	props["node.id"] = strconv.Itoa(n.id)
	props["log.dirs"] = filepath.Join(p.dir, "data")
	props["listeners"] = fmt.Sprintf("PLAINTEXT://127.0.0.1:%d,BROKER://127.0.0.1:%d,CONTROLLER://127.0.0.1:%d", ports[0], ports[1], ports[2])
	props["advertised.listeners"] = fmt.Sprintf("PLAINTEXT://127.0.0.1:%d,BROKER://127.0.0.1:%d", ports[0], ports[1])
	for _, l := range n.more {
		props["listeners"] += "," + l
		props["advertised.listeners"] += "," + l
	}
	props["controller.quorum.voters"] = n.voters
	var text bytes.Buffer
	for k, v := range props {
		fmt.Fprintf(&text, "%s=%s\n", k, v)
	}
	conf := filepath.Join(p.dir, "server.properties")
	if err := os.WriteFile(conf, text.Bytes(), 0o600); err != nil {
		return err
	}
	const clusterID = "bWVzaHdvcmstcmVhbGthZg" // 16 bytes, base64 without padding
	args := append([]string{"-cp", filepath.Join(p.lib, "*"), "kafka.tools.StorageTool", "format", "-t", clusterID, "-c", conf}, n.format...)
	out, err := exec.CommandContext(ctx, "java", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("formatting storage: %w\n%s", err, out)
	}
	return nil
}

func (p *process) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	//nolint:noctx // our own jars; the process outlives the context of the call that started it
	cmd := exec.Command("java", fmt.Sprintf("-Xmx%dm", p.heapMB), "-Xms256m", "-XX:+UseG1GC", "-cp", filepath.Join(p.lib, "*"),
		"kafka.Kafka", filepath.Join(p.dir, "server.properties"))
	cmd.Dir = p.dir
	var w io.Writer = &p.last
	if p.log != nil {
		w = io.MultiWriter(p.log, &p.last)
	}
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		return err
	}
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait() // how it ended is seen in its log
		close(done)
	}()
	p.cmd, p.done = cmd, done
	return nil
}

func (p *process) kill() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return nil
	}
	_ = p.cmd.Process.Kill() // an error means that it has ended already
	<-p.done
	p.cmd = nil
	return nil
}

func (p *process) ended() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

func (p *process) tail() string { return p.last.String() }

// ring keeps the last lines written, for error messages.
type ring struct {
	mu    sync.Mutex
	lines []string
}

func (r *ring) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, strings.Split(strings.TrimRight(string(b), "\n"), "\n")...)
	if n := len(r.lines); n > 30 {
		r.lines = slices.Clone(r.lines[n-30:])
	}
	return len(b), nil
}

func (r *ring) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.lines, "\n")
}

func freePorts(n int) ([]int, error) {
	held := make([]net.Listener, 0, n) // all at once, so that the ports differ
	defer func() {
		for _, l := range held {
			_ = l.Close()
		}
	}()
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed again at once
		if err != nil {
			return nil, err
		}
		held = append(held, l)
		ports = append(ports, l.Addr().(*net.TCPAddr).Port) //nolint:errcheck,forcetypeassert // a TCP listener has a TCP address
	}
	return ports, nil
}
