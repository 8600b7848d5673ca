"""Reading a topic of the mesh with librdkafka: committed records, from the start to the end of this moment."""

import io
import json
import sys

import fastavro
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient


def read(brokers, topic):
    """Yields (key, undecoded value) of every committed record; value None is a tombstone."""
    consumer = Consumer({
        "bootstrap.servers": brokers,
        "group.id": "foreign-reader",
        "enable.auto.commit": False,
        "isolation.level": "read_committed",
        "enable.partition.eof": True,
    })
    meta = consumer.list_topics(topic, timeout=20).topics[topic]
    if meta.error:
        sys.exit(f"{topic}: {meta.error}")
    consumer.assign([TopicPartition(topic, p, 0) for p in meta.partitions])
    left = len(meta.partitions)
    while left:
        messages = consumer.consume(10_000, 1)
        if not messages and not (messages := consumer.consume(1, 30)):
            sys.exit(f"{topic}: no end after 30 s of silence")
        for message in messages:
            if not message.error():
                yield message.key().decode(), message.value()
            elif message.error().name() == "_PARTITION_EOF":
                left -= 1
            else:
                sys.exit(f"{topic}: {message.error()}")
    consumer.close()


class Decoder:
    """Decodes Confluent's framing. Its own deserializer, which sample.py uses, looks for tags in the schema anew for
    every record, which takes longer than decoding it; here are half a million."""

    def __init__(self, registry):
        self.registry, self.schemas = SchemaRegistryClient({"url": registry}), {}

    def __call__(self, value):
        if value[0] != 0:
            sys.exit("not in Confluent's framing")
        number = int.from_bytes(value[1:5], "big")
        if number not in self.schemas:
            schema = self.registry.get_schema(number)
            if schema.references:
                sys.exit(f"schema {number} refers to others")
            self.schemas[number] = fastavro.parse_schema(json.loads(schema.schema_str))
        return fastavro.schemaless_reader(io.BytesIO(value[5:]), self.schemas[number], None)


def table(brokers, registry, topic):
    """The latest value of every key, tombstones applied: what a compacted topic means."""
    rows = {}
    for key, value in read(brokers, topic):
        if value is None:
            rows.pop(key, None)
        else:
            rows[key] = value
    decode = Decoder(registry)
    return {key: decode(value) for key, value in rows.items()}
