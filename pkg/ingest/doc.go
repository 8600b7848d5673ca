// Package ingest is the edge where values enter the mesh: a Writer sends typed values to a topic under contract.
//
// Promises. A value is framed with the id of the contract's schema, carries the CloudEvents headers, and goes under
// the key its contract derives from it, to the partition any client would choose. Send returns nil only after every
// in-sync replica has it. Delivery is at least once: a caller that got an error may send the value again under the
// same idempotence id, which also makes the same ce_id; the first engine stage behind the topic drops repeats.
//
// Connecting is lazy: Open does not block, the first value registers (or looks up) the schema. A Writer is safe for
// concurrent use and starts no goroutine; it blocks while the producer's buffer is full. The producer belongs to the
// caller, who closes it after the last value. A crash loses what Send has not returned nil for.
package ingest
