"""Prints one decoded record for each Kafka port of each data product, as any librdkafka client sees it.

    python sample.py BROKERS REGISTRY_URL [FOLDER OF CONTRACTS]

Of the newest records of a port it takes the one with most fields filled. Exit status 1 when a port has no record.
"""

import datetime
import decimal
import json
import pathlib
import re
import sys

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

NEWEST = 200  # records of each partition to choose from
PORT = re.compile(r"physicalName, value: ((?:pub|priv)\.[a-z0-9.-]+)")
CONTRACTS = pathlib.Path(__file__).resolve().parents[4] / "schemas"


def ports(folder):
    """(product, topic) of every Kafka port that a descriptor names."""
    for file in sorted(pathlib.Path(folder).glob("*/*.odps.yaml")):
        for topic in PORT.findall(file.read_text(encoding="utf-8")):
            yield file.name.removesuffix(".odps.yaml"), topic


def newest(consumer, topic):
    """The newest committed records with a value: (partition, offset, key, value)."""
    meta = consumer.list_topics(topic, timeout=20).topics[topic]
    if meta.error:
        return
    parts, left = [], set()
    for p in meta.partitions:
        low, high = consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=20)
        if high > low:
            parts.append(TopicPartition(topic, p, max(low, high - NEWEST)))
            left.add(p)
    consumer.assign(parts)
    while left:
        message = consumer.poll(30)
        if message is None:
            sys.exit(f"{topic}: no end after 30 s of silence")
        if message.error():
            if message.error().name() != "_PARTITION_EOF":
                sys.exit(f"{topic}: {message.error()}")
            left.discard(message.partition())
        elif message.value() is not None:
            key = message.key()
            yield message.partition(), message.offset(), key.decode() if key is not None else None, message.value()
    consumer.unassign()


def filled(value):
    """How many values of a document say something: neither null nor empty nor zero."""
    if isinstance(value, dict):
        return sum(map(filled, value.values()))
    if isinstance(value, list):
        return sum(map(filled, value))
    return 0 if value is None or value == "" or value == 0 else 1


def plain(value):
    """What JSON has no word for."""
    if isinstance(value, decimal.Decimal):
        return str(value)
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    return value.hex() if isinstance(value, bytes) else str(value)


def main():
    brokers, registry = sys.argv[1:3]
    consumer = Consumer({
        "bootstrap.servers": brokers, "group.id": "sampler", "enable.auto.commit": False,
        "isolation.level": "read_committed", "enable.partition.eof": True,
    })
    decode = AvroDeserializer(SchemaRegistryClient({"url": registry}))
    empty = total = 0
    for product, topic in ports(sys.argv[3] if len(sys.argv) > 3 else CONTRACTS):
        total += 1
        best = None
        context = SerializationContext(topic, MessageField.VALUE)
        for partition, offset, key, value in newest(consumer, topic):
            document = decode(value, context)
            if best is None or filled(document) >= best["filled"]:
                best = {"product": product, "topic": topic, "partition": partition, "offset": offset, "key": key,
                        "filled": filled(document), "value": document}
        if best is None:
            empty += 1
            print(f"{product}: no record in {topic}", file=sys.stderr)
            continue
        print(json.dumps(best, default=plain, ensure_ascii=False))
    consumer.close()
    if empty:
        print(f"{empty} of {total} ports have no record", file=sys.stderr)
    sys.exit(1 if empty else 0)


if __name__ == "__main__":
    main()
