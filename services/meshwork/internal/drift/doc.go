// Package drift compares a running mesh, its Kafka cluster and its schema registry, with what descriptors, contracts
// and the declarations in the code say, and puts right what can be put right without losing anything but age.
//
// Compared are: topics (missing, surplus, partitions, cleanup policy, retention), subjects (missing, surplus, schema,
// compatibility level), consumer groups (missing, inputs observed in their offsets against those declared), and ports
// (each port of a descriptor is published by exactly one product of the domain that owns it, and each public topic
// that a product publishes is a port). Only names of the mesh's own form are called surplus, so that other tenants of
// a cluster are left alone.
//
// [Expect] reads descriptors and declarations and connects to nothing. [Expected.Check] only reads; [Apply] creates
// missing topics, registers missing schemas and sets settings and levels. It neither deletes nor repartitions: those
// differences are for people. Restoring a retention that was lifted lets the broker delete what is older. Values are
// immutable after Expect and may be shared.
package drift
