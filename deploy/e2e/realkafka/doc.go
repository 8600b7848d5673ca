// Package realkafka starts a real Apache Kafka of a wanted version for tests and benchmarks, and stops it again.
//
// Where a Docker engine answers, the broker is the apache/kafka image run through testcontainers-go. Elsewhere it
// is a local JVM process made from the project's jars, resolved by Maven into the user's cache folder once. Where
// neither is possible Start says so in a plain message; nothing is skipped silently. MESHWORK_KAFKA_FROM=docker or
// =jvm insists on one way.
//
// Brokers listen on 127.0.0.1 only, have one node, keep their data in a temporary folder (JVM) or in the container,
// and are gone after Stop. A Broker is safe for concurrent use except that Stop, Kill and Restart must not overlap.
package realkafka
