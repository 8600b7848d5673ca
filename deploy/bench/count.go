package bench

import "context"

func (s *suite) count(ctx context.Context) error { return nil }
