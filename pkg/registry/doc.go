// Package registry is the schema registry of the mesh: a client for any registry that speaks the Confluent REST API,
// and a server of that API whose state is a compacted Kafka topic.
//
// # Client
//
// A [Client] goes through the addresses of one registry until one answers, with growing waits, and gives up with
// [ErrUnavailable]; what the registry refuses comes at once as an [*Error] with its code and with advice. Schemas by
// id, GUID and version never change and are asked for once. It is an avro.SchemaSource. Credentials are neither
// logged nor part of any error.
//
// # Server
//
// A [Server] is an http.Handler. Any number of instances may serve one topic, and each of them takes reads and
// writes. It checks compatibility at all seven levels, FULL_TRANSITIVE unless told otherwise, with messages that name
// version and field. It stores Avro only. Metadata and rules are kept and returned but not acted upon.
//
// The topic, _schemas by default, has one partition, cleanup.policy compact, and records in the format of the
// Confluent registry: JSON keys of type SCHEMA, CONFIG, MODE, DELETE_SUBJECT and NOOP, JSON values, null to remove.
// The value of the no-op record, which that registry ignores, carries the highest id given out, so that ids stay
// unique when schemas have been deleted for good. A record that cannot be read is skipped and logged as an error.
// Each schema has a GUID, the MD5 of its text, references, metadata and rules, which is the same in every registry of
// this kind; GUIDs found in the topic are kept.
//
// Contexts (subjects named ":.context:subject") have subjects, levels and modes of their own, but all of them share one
// space of ids: an id means one schema whatever the context it is asked in. In the Confluent registry each context
// counts its own. A client that only reads ids which it was given by this registry cannot tell the difference.
//
// # Writing
//
// Concurrent instances must not give one id to two schemas, nor one version. Letting the first record in the topic
// win is not enough: the loser has the same key, and compaction keeps the loser. So at most one instance can write at
// a time, and the right to do so is a transactional id, <topic>-writer:
//
//  1. An instance that is not the writer registers the id. That fences the previous writer for good and aborts what
//     it had open.
//  2. It reads the topic up to the high watermark, so it knows everything that has been or will be committed.
//  3. It decides on that: which id, which version, whether the level allows it.
//  4. It writes the records in one transaction. If another instance has done 1 meanwhile, the broker refuses it,
//     nothing is written, and it starts over at 1.
//  5. It reads its own write back, then answers. If the outcome of 4 is unknown, starting over settles it: the first
//     step ends the transaction, and the third sees whether it took place.
//
// An instance that stays the writer skips step 1. An instance that dies in step 4 holds others up for three seconds
// at most, after which they do step 1.
//
// # Reading
//
// Schemas by id and GUID are answered from memory. Everything that can change is answered after reading up to the
// last committed record, so what one instance has acknowledged every other one knows; "not found" is never said
// before that. While Kafka does not answer, what is known is still served, and what is not known is error 50001.
//
// A start reads the whole topic; NewServer returns when that is done. Nothing else is kept, so nothing can be lost
// with a machine. Authentication and TLS are those of the http.Server around the handler. On a cluster with access
// control an instance needs Create, Describe, DescribeConfigs, Read and Write on the topic, and Describe and Write on
// the transactional id.
//
// # Testing
//
// registrytest holds the conformance suite. [NewMemoryServer] is a server without Kafka for tests of other packages.
package registry
