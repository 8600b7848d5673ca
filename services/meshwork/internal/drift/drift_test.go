package drift_test

import (
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/broker"
	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/registry"
	"meshwork.dev/pkg/service"
	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas"
	"meshwork.dev/schemas/all"
	"meshwork.dev/schemas/orderproc"
	productschemas "meshwork.dev/schemas/product"
	"meshwork.dev/services/meshwork/internal/drift"
	"meshwork.dev/services/meshwork/retail"
	"meshwork.dev/services/product"
)

// mesh is an empty cluster with a registry.
func mesh(t *testing.T) drift.Mesh {
	t.Helper()
	cl, err := kafka.NewClient(kafka.Config{Brokers: []string{broker.New(t).Addr()}})
	require.NoError(t, err)
	t.Cleanup(cl.Close)
	server, err := registry.NewMemoryServer(t.Context(), &registry.Memory{}, registry.ServerConfig{})
	require.NoError(t, err)
	web := httptest.NewServer(server)
	t.Cleanup(func() { web.Close(); require.NoError(t, server.Close()) })
	rc, err := registry.NewClient([]string{web.URL})
	require.NoError(t, err)
	return drift.Mesh{Kafka: cl, Registry: rc}
}

// expect is what the product service alone should be.
func expect(t *testing.T) *drift.Expected {
	t.Helper()
	e, err := drift.Expect(drift.Config{
		Contracts: all.Topics(), Descriptors: schemas.Files, Services: []service.Definition{product.Service()}, Only: []string{"product"},
	})
	require.NoError(t, err)
	return e
}

// laid is a mesh with the topics and subjects of the product service.
func laid(t *testing.T) (*drift.Expected, drift.Mesh) {
	t.Helper()
	e, m := expect(t), mesh(t)
	differences, err := e.CheckTopics(t.Context(), m)
	require.NoError(t, err)
	require.NotEmpty(t, differences)
	for _, d := range differences {
		require.Contains(t, []drift.Kind{drift.Missing, drift.Unregistered}, d.Kind, d)
		require.True(t, d.Fixable, d)
	}
	done, err := drift.Apply(t.Context(), differences)
	require.NoError(t, err)
	require.Len(t, done, len(differences))
	differences, err = e.CheckTopics(t.Context(), m)
	require.NoError(t, err)
	require.Empty(t, differences, "applied, nothing differs")
	return e, m
}

func kinds(list []drift.Difference) map[string]drift.Kind {
	m := map[string]drift.Kind{}
	for _, d := range list {
		m[d.Name] = d.Kind
	}
	return m
}

func TestALiftedRetentionGoesBackToItsContract(t *testing.T) {
	e, m := laid(t)
	require.NoError(t, retail.KeepHistory(t.Context(), m.Kafka))
	differences, err := e.CheckTopics(t.Context(), m)
	require.NoError(t, err)
	require.NotEmpty(t, differences)
	for _, d := range differences {
		require.Equal(t, drift.Setting, d.Kind, d)
		require.Equal(t, "retention.ms=-1", d.Have, d)
	}
	_, err = drift.Apply(t.Context(), differences)
	require.NoError(t, err)
	differences, err = e.CheckTopics(t.Context(), m)
	require.NoError(t, err)
	require.Empty(t, differences)
	info := orderproc.OrderCompletedEvent.TopicInfo()
	have, err := m.Kafka.TopicConfigs(t.Context(), info.Name)
	require.NoError(t, err)
	require.Equal(t, stream.TopicSpec(info, -1).Config["retention.ms"], have[info.Name]["retention.ms"].Value)
	require.NotEqual(t, "-1", have[info.Name]["retention.ms"].Value)
}

func TestWhatIsSurplusOrChangedIsFound(t *testing.T) {
	e, m := laid(t)
	ctx := t.Context()
	sales, state := productschemas.ProductSalesState.TopicInfo(), productschemas.ProductState.TopicInfo()
	require.NoError(t, m.Kafka.CreateTopics(ctx,
		kafka.TopicSpec{Name: "pub.ecomm.product.forgotten.state.v1", Partitions: 1, Replication: -1},
		kafka.TopicSpec{Name: "somebody-elses", Partitions: 1, Replication: -1}))
	require.NoError(t, m.Kafka.DeleteTopics(ctx, sales.Name))
	wrong := stream.TopicSpec(sales, -1)
	wrong.Partitions, wrong.Config["cleanup.policy"] = 3, "delete"
	require.NoError(t, m.Kafka.CreateTopics(ctx, wrong))
	require.NoError(t, m.Registry.SetCompatibility(ctx, state.Subject, avro.LevelNone))
	_, err := m.Registry.Register(ctx, state.Subject, registry.Schema{Text: `{"type":"record","name":"Other","fields":[]}`})
	require.NoError(t, err)
	_, err = m.Registry.Register(ctx, "pub.ecomm.product.forgotten.state.v1-value", registry.Schema{Text: `"string"`})
	require.NoError(t, err)
	_, err = m.Registry.Register(ctx, "somebody-elses-value", registry.Schema{Text: `"string"`})
	require.NoError(t, err)

	differences, err := e.CheckTopics(ctx, m)
	require.NoError(t, err)
	type brief struct {
		kind       drift.Kind
		name, have string
		fixable    bool
	}
	var got []brief
	for _, d := range differences {
		got = append(got, brief{d.Kind, d.Name, d.Have, d.Fixable})
	}
	require.Equal(t, []brief{
		{drift.Compatibility, state.Subject, "NONE", true},
		{drift.Outdated, state.Subject, "version 2", false},
		{drift.Partitions, sales.Name, "3", false},
		{drift.Setting, sales.Name, "cleanup.policy=delete", true},
		{drift.Surplus, "pub.ecomm.product.forgotten.state.v1", "topic", false},
		{drift.Surplus, "pub.ecomm.product.forgotten.state.v1-value", "subject", false},
	}, got)
}

func TestGroupsAreComparedWithDeclaredInputs(t *testing.T) {
	e, m := laid(t)
	const group = "product.product.product-sales-cg"
	differences, err := e.Check(t.Context(), m)
	require.NoError(t, err)
	require.Equal(t, drift.Group, kinds(differences)[group], "it has never run")

	line := kafka.TopicPartition{Topic: productschemas.SaleLineEvent.Name()}
	require.NoError(t, m.Kafka.CommitOffsets(t.Context(), group, map[kafka.TopicPartition]int64{line: 1}))
	differences, err = e.Check(t.Context(), m)
	require.NoError(t, err)
	require.NotContains(t, kinds(differences), group, "a declared input")

	other := kafka.TopicPartition{Topic: productschemas.ProductSalesState.Name(), Partition: 2}
	require.NoError(t, m.Kafka.CommitOffsets(t.Context(), group, map[kafka.TopicPartition]int64{other: 1}))
	differences, err = e.Check(t.Context(), m)
	require.NoError(t, err)
	require.Equal(t, drift.Input, kinds(differences)[group])
}

func TestPortsAreComparedWithWhatIsPublished(t *testing.T) {
	m := mesh(t)
	// A service that declares nothing: every port of its descriptors is without a publisher.
	idle := service.Definition{Name: "orderprocessing"}
	e, err := drift.Expect(drift.Config{
		Contracts: all.Topics(), Descriptors: schemas.Files, Services: []service.Definition{idle, product.Service()}, Only: []string{"orderprocessing"},
	})
	require.NoError(t, err)
	differences, err := e.Check(t.Context(), m)
	require.NoError(t, err)
	require.Equal(t, drift.Port, kinds(differences)[orderproc.OrderState.Name()])
	require.NotContains(t, kinds(differences), productschemas.ProductState.Name())

	// Published by another domain than the one that owns it.
	stolen := service.Definition{Name: "orderprocessing", Products: product.Service().Products}
	e, err = drift.Expect(drift.Config{
		Contracts: all.Topics(), Descriptors: schemas.Files, Services: []service.Definition{stolen}, Only: []string{"product"},
	})
	require.NoError(t, err)
	differences, err = e.Check(t.Context(), m)
	require.NoError(t, err)
	require.Contains(t, differences, drift.Difference{
		Kind: drift.Port, Name: productschemas.ProductState.Name(), Want: "published by service product", Have: "published by service orderprocessing",
	})
}
