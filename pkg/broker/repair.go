package broker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/zap"
)

// After an unclean stop kfake aborts the transactions that were open, but writes no abort marker for them. It derives
// producer ids from transactional ids, so the producer comes back under the same id, and what it commits then is
// taken by read-committed readers for part of the aborted transaction: it stays invisible. Also, the bumped epoch
// which fences the interrupted producer is not written down and forgotten by the next stop.
//
// The repair finds the open transactions in the segment files, before kfake has seen them; lets a private kfake, that
// nobody else can reach, load the folder; has it write the missing markers and give the transactional ids a new
// epoch; and closes it in order. What it does may be interrupted at any point and is done again at the next start.

// RepairReport says what was put right after an unclean stop.
type RepairReport struct {
	Unclean      bool     // the last stop was not clean
	Transactions int      // open transactions found and aborted, counted per partition
	Fenced       []string // transactional ids that had one open: their producers are fenced
}

func repairFolder(ctx context.Context, cfg Config) (RepairReport, error) {
	rep := RepairReport{Unclean: true}
	open, err := scanFolder(cfg.Dir)
	if err != nil {
		return rep, err
	}
	rep.Transactions = len(open)
	if len(open) == 0 {
		cfg.Log.Info("embedded broker was not closed cleanly; no transaction was open")
		return rep, nil
	}
	for _, o := range open {
		// A snapshot of the partition from an earlier stop may be current by its size and still count the transaction
		// as open; without it kfake reads the segments.
		if err := os.Remove(filepath.Join(o.dir, "snapshot.json")); err != nil && !errors.Is(err, os.ErrNotExist) {
			return rep, err
		}
	}
	rep.Fenced, err = abortOpen(ctx, cfg, open)
	if err != nil {
		return rep, fmt.Errorf("abort the transactions that an unclean stop left open: %w", err)
	}
	cfg.Log.Warn("embedded broker was not closed cleanly; open transactions were aborted",
		zap.Int("transactions", rep.Transactions), zap.Strings("fenced", rep.Fenced))
	return rep, nil
}

// abortOpen writes the missing markers through a kfake that only this process can reach.
func abortOpen(ctx context.Context, cfg Config, open []openTxn) (fenced []string, err error) {
	lns := make([]net.Listener, max(cfg.Brokers, 1))
	for i := range lns {
		lns[i] = newPipeListener()
	}
	private := Config{Dir: cfg.Dir, Brokers: len(lns), SyncWrites: true, Settings: cfg.Settings, Log: cfg.Log}
	cluster, err := kfake.NewCluster(private.kfakeOptions(lns)...)
	if err != nil {
		return nil, err
	}
	defer cluster.Close()
	for _, o := range open {
		node := cluster.LeaderFor(o.topic, o.partition)
		if node < 0 {
			continue // the topic is no longer there
		}
		if err := writeMarker(ctx, lns[node], o); err != nil {
			return nil, err
		}
	}
	return fence(ctx, cluster, lns, open)
}

func writeMarker(ctx context.Context, ln net.Listener, o openTxn) error {
	req := kmsg.NewPtrWriteTxnMarkersRequest()
	req.Version = 1
	m := kmsg.NewWriteTxnMarkersRequestMarker()
	m.ProducerID, m.ProducerEpoch, m.Committed = o.pid, o.epoch, false
	topic := kmsg.NewWriteTxnMarkersRequestMarkerTopic()
	topic.Topic, topic.Partitions = o.topic, []int32{o.partition}
	m.Topics = append(m.Topics, topic)
	req.Markers = append(req.Markers, m)
	resp, err := exchange[*kmsg.WriteTxnMarkersResponse](ctx, ln, req)
	if err != nil {
		return err
	}
	for _, m := range resp.Markers {
		for _, t := range m.Topics {
			for _, p := range t.Partitions {
				if p.ErrorCode != 0 {
					return codeError("write the abort marker of "+o.String(), p.ErrorCode)
				}
			}
		}
	}
	return nil
}

// fence gives a new epoch, durably, to every transactional id that had a transaction open. A producer that outlived
// the broker must not go on as if its first half were still there.
func fence(ctx context.Context, cluster *kfake.Cluster, lns []net.Listener, open []openTxn) ([]string, error) {
	var fenced []string
	listed, err := exchange[*kmsg.ListTransactionsResponse](ctx, lns[0], kmsg.NewPtrListTransactionsRequest())
	if err != nil {
		return nil, err
	}
	for _, state := range listed.TransactionStates {
		if !slices.ContainsFunc(open, func(o openTxn) bool { return o.pid == state.ProducerID }) {
			continue
		}
		ln := lns[cluster.CoordinatorFor(state.TransactionalID)]
		desc := kmsg.NewPtrDescribeTransactionsRequest()
		desc.TransactionalIDs = []string{state.TransactionalID}
		described, err := exchange[*kmsg.DescribeTransactionsResponse](ctx, ln, desc)
		if err != nil {
			return nil, err
		}
		timeout := int32(time.Minute / time.Millisecond)
		if s := described.TransactionStates; len(s) == 1 && s[0].ErrorCode == 0 && s[0].TimeoutMillis > 0 {
			timeout = s[0].TimeoutMillis
		}
		init := kmsg.NewPtrInitProducerIDRequest()
		init.Version = 4
		id := state.TransactionalID
		init.TransactionalID, init.TransactionTimeoutMillis = &id, timeout
		init.ProducerID, init.ProducerEpoch = -1, -1
		resp, err := exchange[*kmsg.InitProducerIDResponse](ctx, ln, init)
		if err != nil {
			return nil, err
		}
		if resp.ErrorCode != 0 {
			return nil, codeError("fence transactional id "+id, resp.ErrorCode)
		}
		fenced = append(fenced, id)
	}
	slices.Sort(fenced)
	return fenced, nil
}
