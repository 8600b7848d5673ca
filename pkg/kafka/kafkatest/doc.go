// Package kafkatest is the conformance suite of package kafka. It runs against any cluster: the embedded broker
// in this repository's unit tests, a real Apache Kafka in the integration suite. A client of another make
// (franz-go) is the oracle.
//
// The suite makes topics and groups with random names and deletes them at the end, so that a cluster can be used
// more than once. It never touches what it did not make.
package kafkatest
