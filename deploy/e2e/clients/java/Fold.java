import java.io.ByteArrayInputStream;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.YearMonth;
import java.time.ZoneId;
import java.util.*;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.DecoderFactory;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * Folds the order state and Product Sales topics into the reference tables of Online Retail with the Java client and
 * Apache Avro, as JSON on stdout in the same shape as fold.py. Arguments: BROKERS REGISTRY_URL.
 */
public final class Fold {
    private static final ZoneId LONDON = ZoneId.of("Europe/London");
    private final String brokers;
    private final String registry;
    private final HttpClient http = HttpClient.newHttpClient();
    private final Map<Integer, GenericDatumReader<GenericRecord>> readers = new HashMap<>();

    private Fold(String brokers, String registry) {
        this.brokers = brokers;
        this.registry = registry;
    }

    record Line(String order, String customer, String country, String code, String text, int quantity, BigDecimal price, Instant at) {
        BigDecimal amount() { return price.multiply(BigDecimal.valueOf(quantity)); }
        boolean credit() { return order.startsWith("C"); }
        boolean numeric() { return order.chars().allMatch(Character::isDigit); }
        boolean clean() { return customer != null && !credit() && quantity > 0 && price.signum() > 0; }
    }

    public static void main(String[] args) throws Exception {
        System.out.println(new Fold(args[0], args[1]).report());
    }

    private String report() throws Exception {
        Map<String, GenericRecord> orders = table("pub.ecomm.orderproc.order.state.v1");
        List<Line> all = new ArrayList<>();
        long unfinished = 0;
        for (GenericRecord o : orders.values()) {
            String status = o.get("status").toString();
            if (!status.equals("COMPLETED") && !status.equals("CANCELLED")) unfinished++;
            GenericRecord customer = (GenericRecord) o.get("customer");
            for (Object item : (List<?>) o.get("items")) {
                GenericRecord i = (GenericRecord) item;
                all.add(new Line(o.get("orderId").toString(), customer == null ? null : customer.get("id").toString(), text(o.get("country")),
                        i.get("productCode").toString(), text(i.get("description")), (Integer) i.get("quantity"),
                        decimal(i.get("unitPrice")), Instant.ofEpochMilli((Long) i.get("orderedAt"))));
            }
        }
        List<Line> clean = all.stream().filter(Line::clean).toList();
        Predicate<Line> product = l -> l.code.matches("\\d{5}[A-Za-z]*");
        return "{\"orders\": " + orders.size() + ", \"unfinished\": " + unfinished + ", \"views\": {"
                + "\"all\": " + view(all) + ", \"numeric\": " + view(all.stream().filter(Line::numeric).toList())
                + ", \"cancelled\": " + view(all.stream().filter(Line::credit).toList()) + ", \"clean\": " + view(clean)
                + ", \"clean distinct\": " + view(new ArrayList<>(new LinkedHashSet<>(clean)))
                + ", \"clean products\": " + view(clean.stream().filter(product).toList()) + "}, \"months\": " + months(all)
                + ", \"products\": " + products(all) + ", \"sales\": " + sales(table("pub.ecomm.product.product-sales.state.v1")) + "}";
    }

    private static String view(List<Line> lines) {
        BigDecimal revenue = lines.stream().map(Line::amount).reduce(BigDecimal.ZERO, BigDecimal::add);
        return "[" + lines.size() + ", " + lines.stream().map(Line::order).distinct().count() + ", "
                + lines.stream().map(Line::customer).filter(Objects::nonNull).distinct().count() + ", "
                + lines.stream().map(Line::code).distinct().count() + ", " + lines.stream().mapToLong(Line::quantity).sum() + ", "
                + money(revenue) + "]";
    }

    private static String months(List<Line> all) {
        Map<YearMonth, List<Line>> by = new TreeMap<>(all.stream().collect(Collectors.groupingBy(l -> YearMonth.from(l.at.atZone(LONDON)))));
        List<String> out = new ArrayList<>();
        by.forEach((month, lines) -> {
            List<Line> clean = lines.stream().filter(Line::clean).toList();
            out.add("\"" + month + "\": [" + lines.size() + ", " + lines.stream().map(Line::order).distinct().count() + ", " + sum(lines, l -> true)
                    + ", " + sum(lines, Line::numeric) + ", " + sum(lines, Line::credit) + ", " + sum(lines, Line::clean) + ", "
                    + clean.stream().map(Line::order).distinct().count() + ", " + clean.stream().map(Line::customer).distinct().count() + "]");
        });
        return "{" + String.join(", ", out) + "}";
    }

    private static String sum(List<Line> lines, Predicate<Line> which) {
        return money(lines.stream().filter(which).map(Line::amount).reduce(BigDecimal.ZERO, BigDecimal::add));
    }

    private static String products(List<Line> all) throws Exception {
        Map<String, String> rows = new HashMap<>();
        all.stream().collect(Collectors.groupingBy(Line::code)).forEach((code, lines) -> rows.put(code, lines.size() + "|"
                + lines.stream().mapToLong(Line::quantity).sum() + "|" + plain(lines.stream().map(Line::amount).reduce(BigDecimal.ZERO, BigDecimal::add))
                + "|" + lines.stream().map(Line::order).distinct().count()));
        return digest(rows);
    }

    private static String sales(Map<String, GenericRecord> rows) throws Exception {
        Map<YearMonth, BigDecimal[]> months = new TreeMap<>();
        Map<String, long[]> counts = new HashMap<>();
        Map<String, BigDecimal> nets = new HashMap<>();
        String[] amounts = {"net", "gross", "cancelled", "adjusted"};
        for (GenericRecord r : rows.values()) {
            YearMonth month = YearMonth.from(LocalDate.ofEpochDay((Integer) r.get("day")));
            BigDecimal[] m = months.computeIfAbsent(month, k -> new BigDecimal[] {BigDecimal.ZERO, BigDecimal.ZERO, BigDecimal.ZERO, BigDecimal.ZERO});
            for (int i = 0; i < amounts.length; i++) m[i] = m[i].add(decimal(r.get(amounts[i])));
            String id = r.get("productId").toString();
            long[] c = counts.computeIfAbsent(id, k -> new long[2]);
            for (String f : List.of("lines", "cancelledLines", "adjustedLines", "writtenOffLines")) c[0] += (Long) r.get(f);
            for (String f : List.of("units", "cancelledUnits", "writtenOffUnits")) c[1] += (Long) r.get(f);
            nets.merge(id, decimal(r.get("net")), BigDecimal::add);
        }
        Map<String, String> lines = new HashMap<>();
        counts.forEach((id, c) -> lines.put(id, c[0] + "|" + c[1] + "|" + plain(nets.get(id)) + "|0"));
        String table = months.entrySet().stream().map(e -> "\"" + e.getKey() + "\": ["
                + Arrays.stream(e.getValue()).map(Fold::money).collect(Collectors.joining(", ")) + "]").collect(Collectors.joining(", "));
        return "{\"months\": {" + table + "}, \"products\": " + digest(lines) + "}";
    }

    private static String digest(Map<String, String> rows) throws Exception {
        MessageDigest sha = MessageDigest.getInstance("SHA-256");
        rows.keySet().stream().sorted(Comparator.comparing(c -> c.getBytes(StandardCharsets.UTF_8), Arrays::compareUnsigned))
                .forEach(c -> sha.update((c + "|" + rows.get(c) + "\n").getBytes(StandardCharsets.UTF_8)));
        return "[" + rows.size() + ", \"" + HexFormat.of().formatHex(sha.digest()) + "\"]";
    }

    private static String plain(BigDecimal d) { return d.setScale(3).toPlainString(); }

    private static String money(BigDecimal d) { return "\"" + plain(d) + "\""; }

    private static String text(Object o) { return o == null ? null : o.toString(); }

    private static BigDecimal decimal(Object bytes) {
        ByteBuffer b = ((ByteBuffer) bytes).duplicate();
        byte[] raw = new byte[b.remaining()];
        b.get(raw);
        return new BigDecimal(new BigInteger(raw), 3);
    }

    private Map<String, GenericRecord> table(String topic) throws Exception {
        Properties p = new Properties();
        p.put("bootstrap.servers", brokers);
        p.put("isolation.level", "read_committed");
        p.put("enable.auto.commit", "false");
        Map<String, byte[]> latest = new HashMap<>();
        try (KafkaConsumer<String, byte[]> consumer = new KafkaConsumer<>(p, new StringDeserializer(), new ByteArrayDeserializer())) {
            List<TopicPartition> parts = consumer.partitionsFor(topic).stream().map(i -> new TopicPartition(topic, i.partition())).toList();
            consumer.assign(parts);
            consumer.seekToBeginning(parts);
            Map<TopicPartition, Long> ends = consumer.endOffsets(parts);
            while (parts.stream().anyMatch(tp -> consumer.position(tp) < ends.get(tp))) {
                for (ConsumerRecord<String, byte[]> r : consumer.poll(Duration.ofMillis(500))) {
                    if (r.value() == null) latest.remove(r.key());
                    else latest.put(r.key(), r.value());
                }
            }
        }
        Map<String, GenericRecord> rows = new HashMap<>();
        for (Map.Entry<String, byte[]> e : latest.entrySet()) rows.put(e.getKey(), decode(e.getValue()));
        return rows;
    }

    private GenericRecord decode(byte[] value) throws Exception {
        ByteBuffer b = ByteBuffer.wrap(value);
        if (b.get() != 0) throw new IllegalStateException("not in Confluent framing");
        int id = b.getInt();
        GenericDatumReader<GenericRecord> reader = readers.get(id);
        if (reader == null) {
            String body = http.send(HttpRequest.newBuilder(URI.create(registry + "/schemas/ids/" + id + "/schema")).build(),
                    HttpResponse.BodyHandlers.ofString()).body();
            reader = new GenericDatumReader<>(new Schema.Parser().parse(body));
            readers.put(id, reader);
        }
        return reader.read(null, DecoderFactory.get().binaryDecoder(new ByteArrayInputStream(value, 5, value.length - 5), null));
    }
}
