// Package registry is the schema registry of the mesh: a client for any registry that speaks the Confluent REST API,
// and a server of that API whose state is a compacted Kafka topic.
package registry
