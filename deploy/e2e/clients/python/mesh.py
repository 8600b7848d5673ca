"""Reading a topic of the mesh with librdkafka: committed records, from the start to the end of this moment."""

import sys

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext


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
        message = consumer.poll(30)
        if message is None:
            sys.exit(f"{topic}: no end after 30 s of silence")
        if message.error():
            if message.error().name() == "_PARTITION_EOF":
                left -= 1
                continue
            sys.exit(f"{topic}: {message.error()}")
        yield message.key().decode(), message.value()
    consumer.close()


def table(brokers, registry, topic):
    """The latest value of every key, tombstones applied: what a compacted topic means."""
    rows = {}
    for key, value in read(brokers, topic):
        if value is None:
            rows.pop(key, None)
        else:
            rows[key] = value
    decode = AvroDeserializer(SchemaRegistryClient({"url": registry}))
    context = SerializationContext(topic, MessageField.VALUE)
    return {key: decode(value, context) for key, value in rows.items()}
