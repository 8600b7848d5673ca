package drift

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/registry"
	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas"
)

// Kind says what differs.
type Kind string

// The kinds of differences.
const (
	Missing       Kind = "missing"       // a topic that should be there
	Surplus       Kind = "surplus"       // a topic or subject that nothing declares
	Partitions    Kind = "partitions"    //
	Setting       Kind = "setting"       // cleanup policy, retention and the like
	Unregistered  Kind = "unregistered"  // a contract whose schema its subject does not have
	Outdated      Kind = "outdated"      // the subject has the schema, but another is newer
	Compatibility Kind = "compatibility" // the level of a subject
	Group         Kind = "group"         // a product that has never run
	Input         Kind = "input"         // a product reads what it does not declare
	Port          Kind = "port"          // descriptors and declarations disagree
)

// Difference is one thing that is not as it should be.
type Difference struct {
	Kind Kind   `json:"kind"`
	Name string `json:"name"` // topic, subject or group
	Want string `json:"want"`
	Have string `json:"have"`
	// Fixable says whether Apply can put it right.
	Fixable bool `json:"fixable"`

	fix func(ctx context.Context) error
}

// Mesh is a running mesh. Registry may be nil: subjects are then not looked at.
type Mesh struct {
	Kafka    *kafka.Client
	Registry *registry.Client
}

// Check compares a running mesh with what is expected, and returns the differences ordered by kind and name.
func (e *Expected) Check(ctx context.Context, m Mesh) ([]Difference, error) {
	metas, err := m.Kafka.Topics(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing topics: %w", err)
	}
	groups, err := e.groupDifferences(ctx, m, metas)
	if err != nil {
		return nil, err
	}
	rest, err := e.checkTopics(ctx, m, metas)
	return sorted(slices.Concat(e.ports, groups, rest)), err
}

// CheckTopics is Check for topics and subjects alone: what is there before any product has run.
func (e *Expected) CheckTopics(ctx context.Context, m Mesh) ([]Difference, error) {
	metas, err := m.Kafka.Topics(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing topics: %w", err)
	}
	all, err := e.checkTopics(ctx, m, metas)
	return sorted(all), err
}

func (e *Expected) checkTopics(ctx context.Context, m Mesh, metas map[string]kafka.TopicMeta) ([]Difference, error) {
	topics, err := e.topicDifferences(ctx, m, metas)
	if err != nil || m.Registry == nil {
		return topics, err
	}
	subjects, err := e.subjectDifferences(ctx, m)
	return append(topics, subjects...), err
}

func sorted(all []Difference) []Difference {
	slices.SortStableFunc(all, func(a, b Difference) int {
		if c := strings.Compare(string(a.Kind), string(b.Kind)); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	return all
}

// Apply puts right what is fixable, and returns what it put right.
func Apply(ctx context.Context, differences []Difference) (done []Difference, err error) {
	for _, d := range differences {
		if d.fix == nil {
			continue
		}
		if err := d.fix(ctx); err != nil {
			return done, fmt.Errorf("%s of %s: %w", d.Kind, d.Name, err)
		}
		done = append(done, d)
	}
	return done, nil
}

func (e *Expected) topicDifferences(ctx context.Context, m Mesh, metas map[string]kafka.TopicMeta) (out []Difference, err error) {
	var present []string
	for _, name := range slices.Sorted(maps.Keys(e.topics)) {
		spec := stream.TopicSpec(e.topics[name], -1)
		meta, ok := metas[name]
		if !ok {
			out = append(out, Difference{Missing, name, fmt.Sprintf("%d partitions", spec.Partitions), "no topic", true, func(ctx context.Context) error {
				return m.Kafka.CreateTopics(ctx, spec)
			}})
			continue
		}
		present = append(present, name)
		if spec.Partitions > 0 && meta.Partitions != spec.Partitions { // changing the count would move keys
			out = append(out, Difference{Kind: Partitions, Name: name, Want: strconv.Itoa(spec.Partitions), Have: strconv.Itoa(meta.Partitions)})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(metas)) {
		if own.MatchString(name) && !e.known[name] {
			out = append(out, Difference{Kind: Surplus, Name: name, Want: "nothing declares it", Have: "topic"})
		}
	}
	configs, err := m.Kafka.TopicConfigs(ctx, present...)
	if err != nil {
		return nil, fmt.Errorf("reading settings of topics: %w", err)
	}
	for _, name := range present {
		want := stream.TopicSpec(e.topics[name], -1).Config
		for _, key := range slices.Sorted(maps.Keys(want)) {
			have := configs[name][key].Value
			if have == want[key] || sameNumber(have, want[key]) {
				continue
			}
			out = append(out, Difference{Setting, name, key + "=" + want[key], key + "=" + have, true, func(ctx context.Context) error {
				return m.Kafka.AlterTopicConfigs(ctx, name, map[string]string{key: want[key]})
			}})
		}
	}
	return out, nil
}

// sameNumber takes 0.2 and 0.20 for the same: brokers print numbers as they like.
func sameNumber(a, b string) bool {
	x, err := strconv.ParseFloat(a, 64)
	y, err2 := strconv.ParseFloat(b, 64)
	return err == nil && err2 == nil && x == y //nolint:floateq // both are parsed from text
}

// groupDifferences compares the inputs that groups have offsets for with those declared.
func (e *Expected) groupDifferences(ctx context.Context, m Mesh, metas map[string]kafka.TopicMeta) (out []Difference, err error) {
	var tps []kafka.TopicPartition
	for name, meta := range metas {
		if !e.known[name] {
			continue
		}
		for p := range meta.Partitions {
			tps = append(tps, kafka.TopicPartition{Topic: name, Partition: int32(p)})
		}
	}
	for _, p := range e.products {
		if _, err := m.Kafka.DescribeGroup(ctx, p.group); errors.Is(err, kafka.ErrUnknownGroup) {
			out = append(out, Difference{Kind: Group, Name: p.group, Want: "product " + p.name + " of service " + p.service, Have: "it has never run"})
			continue
		} else if err != nil {
			return nil, fmt.Errorf("looking up group %s: %w", p.group, err)
		}
		offsets, err := m.Kafka.CommittedOffsets(ctx, p.group, tps)
		if err != nil {
			return nil, fmt.Errorf("reading offsets of group %s: %w", p.group, err)
		}
		observed := map[string]bool{}
		for tp, offset := range offsets {
			if offset >= 0 && !slices.Contains(p.inputs, tp.Topic) {
				observed[tp.Topic] = true
			}
		}
		for _, topic := range slices.Sorted(maps.Keys(observed)) {
			out = append(out, Difference{Kind: Input, Name: p.group, Want: strings.Join(p.inputs, ", "), Have: "also " + topic})
		}
	}
	return out, nil
}

func (e *Expected) subjectDifferences(ctx context.Context, m Mesh) (out []Difference, err error) {
	subjects, err := m.Registry.Subjects(ctx, false)
	if err != nil {
		return nil, fmt.Errorf("listing subjects: %w", err)
	}
	for _, name := range subjects {
		if topic := strings.TrimSuffix(name, "-value"); own.MatchString(name) && !e.typed[topic] {
			out = append(out, Difference{Kind: Surplus, Name: name, Want: "no contract has it", Have: "subject"})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(e.topics)) {
		if !e.typed[name] {
			continue
		}
		found, err := subjectDifferences(ctx, m.Registry, e.topics[name], slices.Contains(subjects, e.topics[name].Subject))
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}

func subjectDifferences(ctx context.Context, rc *registry.Client, info *schemas.Info, there bool) (out []Difference, err error) {
	text := registry.Schema{Text: info.Schema}
	register := func(ctx context.Context) error {
		_, err := rc.Register(ctx, info.Subject, text)
		return err
	}
	if !there {
		return []Difference{{Unregistered, info.Subject, "the schema of " + info.Contract, "no subject", true, register}}, nil
	}
	have, err := rc.Lookup(ctx, info.Subject, text)
	switch {
	case errors.Is(err, registry.ErrNotFound):
		out = append(out, Difference{Unregistered, info.Subject, "the schema of " + info.Contract, "other schemas only", true, register})
	case err != nil:
		return nil, fmt.Errorf("looking up the schema of %s: %w", info.Subject, err)
	default:
		latest, err := rc.Latest(ctx, info.Subject)
		if err != nil {
			return nil, fmt.Errorf("reading the latest schema of %s: %w", info.Subject, err)
		}
		if latest.Version != have.Version { // these programs are older than the mesh: nothing to be put right there
			out = append(out, Difference{
				Kind: Outdated, Name: info.Subject, Want: fmt.Sprintf("version %d, the schema of %s, as the latest", have.Version, info.Contract),
				Have: fmt.Sprintf("version %d", latest.Version),
			})
		}
	}
	if info.Compatibility == "" {
		return out, nil
	}
	level, err := rc.Compatibility(ctx, info.Subject)
	if err != nil {
		return nil, fmt.Errorf("reading the compatibility level of %s: %w", info.Subject, err)
	}
	if string(level) != info.Compatibility {
		out = append(out, Difference{Compatibility, info.Subject, info.Compatibility, string(level), true, func(ctx context.Context) error {
			return rc.SetCompatibility(ctx, info.Subject, avro.Level(info.Compatibility))
		}})
	}
	return out, nil
}
