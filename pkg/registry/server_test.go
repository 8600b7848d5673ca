package registry_test

import (
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/registry"
	"meshwork.dev/pkg/registry/registrytest"
)

func memoryServer(t *testing.T, m *registry.Memory) (*registry.Server, string) {
	t.Helper()
	s, err := registry.NewMemoryServer(t.Context(), m, registry.ServerConfig{})
	require.NoError(t, err)
	web := httptest.NewServer(s)
	t.Cleanup(func() {
		web.Close()
		require.NoError(t, s.Close())
	})
	return s, web.URL
}

func TestConformanceInMemory(t *testing.T) {
	_, url := memoryServer(t, new(registry.Memory))
	registrytest.Exercise(t, url, registrytest.Features{Name: "this registry"})
}
