package registry_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/registry"
	"meshwork.dev/pkg/registry/registrytest"
)

const foreignVariable = "MESHWORK_FOREIGN_REGISTRY"

func foreignURL(t *testing.T) string {
	t.Helper()
	url := os.Getenv(foreignVariable)
	if url == "" {
		t.Skipf("%s is not set: set it to the URL of another Confluent-compatible registry, with its base path "+
			"(Apicurio: http://localhost:8080/apis/ccompat/v7), to test the client against it", foreignVariable)
	}
	return url
}

// The client must work unchanged against registries of others.
func TestClientOnForeignRegistry(t *testing.T) {
	exerciseClient(t, foreignURL(t), false)
}

// The suite against a foreign registry shows the differences that are known; see foreignFeatures.
func TestConformanceOfForeignRegistry(t *testing.T) {
	registrytest.Exercise(t, foreignURL(t), foreignFeatures)
}

// foreignFeatures are those of Apicurio Registry 3.0.9 under /apis/ccompat/v7.
var foreignFeatures = registrytest.Features{
	Name: "the foreign registry", DefaultLevel: "NONE", NoGUIDs: true, NoModes: true, NoErrorCodes: true,
	NoSoftDelete: true, NoConfigEcho: true, NoReferenceRules: true, NoListing: true, NoLenientText: true, NoMessages: true,
}

func TestClientOnThisRegistry(t *testing.T) {
	_, url := memoryServer(t, new(registry.Memory))
	exerciseClient(t, url, true)
}

// exerciseClient does what the mesh's services do with a registry.
func exerciseClient(t *testing.T, url string, messages bool) {
	t.Helper()
	ctx := t.Context()
	c, err := registry.NewClient([]string{url})
	require.NoError(t, err)
	require.NoError(t, c.Ping(ctx))
	subject := "client-" + registrytest.Unique() + "-value"
	name := "C" + registrytest.Unique()
	one := registry.Schema{Text: `{"type":"record","name":"` + name + `","fields":[{"name":"a","type":"string"}]}`}
	two := registry.Schema{Text: `{"type":"record","name":"` + name + `","fields":[{"name":"a","type":"string"},{"name":"b","type":["null","int"],"default":null}]}`}
	bad := registry.Schema{Text: `{"type":"record","name":"` + name + `","fields":[{"name":"a","type":"string"},{"name":"c","type":"int"}]}`}

	_, err = c.Latest(ctx, subject)
	require.ErrorIs(t, err, registry.ErrNotFound)
	free, err := c.CheckCompatibility(ctx, subject, one)
	require.NoError(t, err)
	require.Empty(t, free)
	first, err := c.Register(ctx, subject, one)
	require.NoError(t, err)
	require.NoError(t, c.SetCompatibility(ctx, subject, avro.LevelFullTransitive))
	level, err := c.Compatibility(ctx, subject)
	require.NoError(t, err)
	require.Equal(t, avro.LevelFullTransitive, level)
	_, err = c.Compatibility(ctx, "")
	require.NoError(t, err)
	second, err := c.Register(ctx, subject, two)
	require.NoError(t, err)
	require.NotEqual(t, first.ID, second.ID)

	reasons, err := c.CheckCompatibility(ctx, subject, bad)
	require.NoError(t, err)
	require.NotEmpty(t, reasons)
	if messages {
		require.Contains(t, reasons[0], `version 2: /fields/1 "c": reader field without default is missing in the writer`)
	}
	_, err = c.Register(ctx, subject, bad)
	require.ErrorIs(t, err, registry.ErrIncompatible)
	_, err = c.Register(ctx, subject, registry.Schema{Text: `{"type":"no such type"}`})
	var refused *registry.Error
	require.ErrorAs(t, err, &refused)
	require.Equal(t, 422, refused.Status)

	other, err := registry.NewClient([]string{url}) // with empty caches
	require.NoError(t, err)
	text, err := other.SchemaByID(ctx, first.ID)
	require.NoError(t, err)
	require.JSONEq(t, one.Text, text)
	latest, err := other.Latest(ctx, subject)
	require.NoError(t, err)
	require.Equal(t, second.ID, latest.ID)
	require.Equal(t, 2, latest.Version)
	found, err := other.Lookup(ctx, subject, one)
	require.NoError(t, err)
	require.Equal(t, 1, found.Version)
	_, err = other.SchemaByID(ctx, 987654321)
	require.ErrorIs(t, err, avro.ErrUnknownSchema)
	require.NotErrorIs(t, err, registry.ErrUnavailable)
	versions, err := other.Versions(ctx, subject, false)
	require.NoError(t, err)
	require.Equal(t, []int{1, 2}, versions)
	names, err := other.Subjects(ctx, false)
	require.NoError(t, err)
	require.Contains(t, names, subject)

	// A schema with a reference comes back as one self-contained text.
	using := registry.Schema{
		Text:       `{"type":"record","name":"U` + name + `","fields":[{"name":"c","type":"` + name + `"}]}`,
		References: []registry.Reference{{Name: name, Subject: subject, Version: 1}},
	}
	u, err := c.Register(ctx, "using-"+subject, using)
	require.NoError(t, err)
	text, err = other.SchemaByID(ctx, u.ID)
	require.NoError(t, err)
	require.NoError(t, avro.Validate(text))
	ids, err := other.ReferencedBy(ctx, subject, 1)
	require.NoError(t, err)
	require.Equal(t, []int{u.ID}, ids)

	numbers, err := c.DeleteSubject(ctx, "using-"+subject, false)
	require.NoError(t, err)
	require.Equal(t, []int{1}, numbers)
}
