package stream

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/telemetry"
)

// Headers of a dead letter. Its key and value are those of the record, byte for
// byte, and the record's own headers come first.
const (
	DLQProduct   = "mw-dlq-product"
	DLQTopic     = "mw-dlq-topic"
	DLQPartition = "mw-dlq-partition"
	DLQOffset    = "mw-dlq-offset"
	DLQTime      = "mw-dlq-timestamp" // event time, RFC 3339
	DLQReason    = "mw-dlq-reason"    // decode, schema_unknown, validation, handler, poison or late
	DLQError     = "mw-dlq-error"
	DLQAttempts  = "mw-dlq-attempts"
	DLQLeftOut   = "mw-dlq-left-out" // bytes of the value, where the dead-letter topic cannot take it: see topic and offset
	DLQTimer     = "mw-dlq-timer"    // the timer's stored key, where no record but a timer failed
)

const (
	registryBackoff = time.Second
	maxErrorText    = 2048
)

// failure does what the policy says about the record at hand.
func (t *Task) failure(r *kafka.Record, err error, sink Sink) (Outcome, error) {
	var (
		f       *fatal
		bad     *undecodable
		refused *rejected
		crashed *panicked
		large   *tooLarge
	)
	final, reason := false, telemetry.ReasonHandler
	t.asksRegistry = avro.IsRetriable(err)
	switch {
	case errors.As(err, &f):
		return Done, t.stopped(r, err)
	case avro.IsRetriable(err):
		// The registry cannot be asked: nothing is wrong with the record.
		*t.tries()++
		t.count(telemetry.OutcomeRetried)
		t.retryAt = t.cfg.Now().Add(registryBackoff)
		return Wait, nil
	case errors.Is(err, ErrLate):
		final, reason = true, telemetry.ReasonLate
	case errors.As(err, &bad):
		final, reason = true, telemetry.ReasonDecode
		if errors.Is(err, avro.ErrUnknownSchema) {
			// A schema may be registered a moment after its first record is read elsewhere.
			final, reason = false, telemetry.ReasonSchemaUnknown
		}
	case errors.As(err, &large):
		final = true
	case errors.As(err, &refused):
		final, reason = true, telemetry.ReasonValidation
	case errors.As(err, &crashed):
		reason = telemetry.ReasonPoison
	}
	tries := t.tries()
	*tries++
	if !final && *tries <= t.def.policy.retries {
		t.count(telemetry.OutcomeRetried)
		t.retryAt = t.cfg.Now().Add(t.def.policy.wait(*tries))
		return Wait, nil
	}
	if t.def.policy.stop {
		return Done, t.stopped(r, err)
	}
	t.count(telemetry.OutcomeDeadLettered)
	t.deadLetter(r, reason, err, sink)
	*tries = 0
	t.stillJoined(r, sink)
	return Done, nil
}

func (t *Task) stopped(r *kafka.Record, err error) error {
	if r == nil {
		return fmt.Errorf("product %s, partition %d, timer: %w", t.def.name, t.p, err)
	}
	return fmt.Errorf("product %s, %s/%d at offset %d: %w", t.def.name, t.def.inputs[t.org.input].info.Name, t.p, r.Offset, err)
}

func (t *Task) deadLetter(r *kafka.Record, reason telemetry.Reason, err error, sink Sink) {
	text := err.Error()
	if len(text) > maxErrorText {
		text = text[:maxErrorText]
	}
	var (
		h     []byte
		n     int
		out   = t.def.outDLQ
		topic = t.def.out.Name
		key   []byte
		value []byte
	)
	header := func(k, v string) { h, n = kafka.AppendHeader(h, k, []byte(v)), n+1 }
	if r != nil {
		in := t.def.inputs[t.org.input]
		out, topic, key, value = in.dlq, in.info.Name, r.Key, r.Value
		raw, count := r.RawHeaders()
		h, n = append(h, raw...), count
		t.counts[t.org.input].Reasons[reason]++
	}
	header(DLQProduct, t.def.name)
	header(DLQTopic, topic)
	header(DLQPartition, strconv.Itoa(int(t.p)))
	header(DLQTime, time.UnixMilli(t.org.ts).UTC().Format(time.RFC3339Nano))
	header(DLQReason, reason.String())
	header(DLQError, text)
	header(DLQAttempts, strconv.Itoa(*t.tries()))
	if r != nil {
		header(DLQOffset, strconv.FormatInt(r.Offset, 10))
	} else {
		// The timer is gone with its failure: its entry is removed here, as the rolled back reaction would have.
		key = []byte(t.firing)
		t.cur.Delete(key)
		header(DLQTimer, t.firing)
	}
	partition := t.p
	if p := t.outs[out].partitions; int(partition) >= p {
		partition %= int32(p)
	}
	if limit := t.outs[out].limit; limit > 0 && len(key)+len(value)+len(h)+batchRoom+recordRoom > limit {
		header(DLQLeftOut, strconv.Itoa(len(value)))
		value = nil
	}
	sink.Append(out, partition, t.cfg.Now().UnixMilli(), key, value, h, n)
}
