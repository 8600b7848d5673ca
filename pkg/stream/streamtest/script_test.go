package streamtest_test

import (
	"testing"
	"time"

	"meshwork.dev/pkg/stream"
	"meshwork.dev/pkg/stream/internal/sample"
	"meshwork.dev/pkg/stream/streamtest"
)

func TestScripts(t *testing.T) {
	streamtest.Run(t, "testdata", func(t *testing.T) *streamtest.Driver {
		s := sample.New(2, 1)
		return streamtest.New(t, streamtest.Partitions(2), windowed(s, stream.Spec{Window: stream.Session(30 * time.Minute).Grace(time.Hour)},
			stream.OnMerge(func(c *stream.Ctx[string, sample.Count], later sample.Count) error {
				c.State.Hits += later.Hits
				c.State.Sum += later.Sum
				return nil
			})))
	})
}
