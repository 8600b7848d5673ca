package mesh
import ("context";"meshwork.dev/deploy/bench/load")
func Count(ctx context.Context, brokers, topic string, m *load.Meter) error { return nil }
