import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.state.Stores;

/**
 * The rival's program: count per key, every update published, exactly once, 100 ms commits, in-memory store with its
 * changelog, written as the Kafka Streams guide says. Arguments: BROKERS IN OUT RECORDS. Prints one JSON line with
 * the figures of the last nine tenths of the input, in which the JVM is warm.
 */
public final class CountStreams {
    public static void main(String[] args) throws Exception {
        String brokers = args[0], in = args[1], out = args[2];
        long records = Long.parseLong(args[3]);
        Properties p = new Properties();
        p.put("application.id", "count-" + System.nanoTime());
        p.put("bootstrap.servers", brokers);
        p.put("processing.guarantee", "exactly_once_v2");
        p.put("commit.interval.ms", "100");
        p.put("statestore.cache.max.bytes", "0"); // every update is published
        p.put("num.stream.threads", "1");
        p.put("replication.factor", "1");
        p.put("auto.offset.reset", "earliest");
        p.put("producer.linger.ms", "10");
        p.put("producer.batch.size", "262144");
        p.put("consumer.max.poll.records", "5000");
        p.put("consumer.fetch.max.bytes", "52428800");
        p.put("state.dir", System.getProperty("java.io.tmpdir") + "/count-" + System.nanoTime());

        OperatingSystemMXBean os = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        AtomicLong seen = new AtomicLong();
        long[] warm = new long[2];
        CountDownLatch done = new CountDownLatch(1);
        StreamsBuilder b = new StreamsBuilder();
        b.stream(in, Consumed.with(Serdes.String(), Serdes.ByteArray()))
                .groupByKey(Grouped.with(Serdes.String(), Serdes.ByteArray()))
                .count(Materialized.<String, Long>as(Stores.inMemoryKeyValueStore("counts"))
                        .withKeySerde(Serdes.String()).withValueSerde(Serdes.Long()))
                .toStream()
                .peek((k, v) -> {
                    long n = seen.incrementAndGet();
                    if (n == records / 10) {
                        warm[0] = System.nanoTime();
                        warm[1] = os.getProcessCpuTime();
                    }
                    if (n == records) done.countDown();
                })
                .to(out, Produced.with(Serdes.String(), Serdes.Long()));
        KafkaStreams streams = new KafkaStreams(b.build(), p);
        streams.start();
        done.await();
        double wall = (System.nanoTime() - warm[0]) / 1e9, cpu = (os.getProcessCpuTime() - warm[1]) / 1e9;
        long n = records - records / 10;
        System.out.printf("{\"records\": %d, \"seconds\": %.3f, \"cpu\": %.3f}%n", n, wall, cpu);
        streams.close();
    }
}
