package kafkatest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/kafka"
)

// describeGroups lists and describes groups with a live member, which guards its offsets, of either protocol.
func (e *env) describeGroups(t *testing.T) {
	for _, classic := range []bool{true, false} {
		t.Run(fmt.Sprint("classic=", classic), func(t *testing.T) {
			topic, id := e.topic(t, 3), e.name("group")
			t.Cleanup(func() { _ = e.client.DeleteGroups(context.Background(), id) })
			g := e.client.JoinGroup(kafka.GroupConfig{ID: id, Topics: []string{topic}, Classic: classic})
			left := false
			defer func() {
				if !left {
					_ = g.Leave(context.Background())
				}
			}()
			var assigned []kafka.TopicPartition
			for len(assigned) < 3 {
				select {
				case ev := <-g.Events():
					require.Equal(t, kafka.Assigned, ev.Kind, "%v", ev.Err)
					assigned = append(assigned, ev.Partitions...)
					g.Ack()
				case <-ctx(t).Done():
					t.Fatal("no assignment")
				}
			}
			var d kafka.GroupDescription
			require.Eventually(t, func() bool {
				var err error
				d, err = e.client.DescribeGroup(ctx(t), id)
				return err == nil && d.State == "Stable" && len(d.Members) == 1 && len(d.Members[0].Assigned) == 3
			}, 15*time.Second, 50*time.Millisecond)
			require.Equal(t, g.Meta().MemberID, d.Members[0].ID)
			require.ElementsMatch(t, assigned, d.Members[0].Assigned)
			require.Equal(t, "meshwork", d.Members[0].ClientID)
			wantType := "classic"
			if !classic && e.features.GroupVersion > 0 {
				wantType = "consumer"
				require.Equal(t, g.Meta().Epoch, d.Members[0].Epoch)
			}
			require.Equal(t, wantType, d.Type)

			require.Error(t, e.client.CommitOffsets(ctx(t), id, map[kafka.TopicPartition]int64{{Topic: topic}: 1}))
			require.ErrorIs(t, e.client.DeleteGroups(ctx(t), id), kafka.ErrGroupBusy)
			require.NoError(t, g.Leave(ctx(t)))
			left = true
			require.NoError(t, e.client.CommitOffsets(ctx(t), id, map[kafka.TopicPartition]int64{{Topic: topic}: 1}))
		})
	}
}
