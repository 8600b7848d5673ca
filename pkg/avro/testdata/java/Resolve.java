import java.io.ByteArrayOutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import org.apache.avro.Schema;
import org.apache.avro.SchemaCompatibility;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;

/**
 * Fills in what Apache Avro makes of the cases that MESHWORK_AVRO_CASES=cases.tsv go test -run WriteJavaCases writes:
 * per line a writer's schema, a reader's schema and a value in hexadecimal; appended are the verdict of
 * SchemaCompatibility and the value as the reader's schema encodes it, or an error.
 *
 * <p>java -cp 'avro-1.12.1 and what it needs' Resolve.java cases.tsv > java-1.12.1.tsv
 */
public class Resolve {
  public static void main(String[] args) throws Exception {
    for (String line : Files.readAllLines(Path.of(args[0]))) {
      String[] c = line.split("\t", -1);
      String verdict;
      String out;
      try {
        Schema w = new Schema.Parser().parse(c[0]);
        Schema r = new Schema.Parser().parse(c[1]);
        verdict = SchemaCompatibility.checkReaderWriterCompatibility(r, w).getType().toString();
        try {
          Object v = new GenericDatumReader<Object>(w, r).read(null,
              DecoderFactory.get().binaryDecoder(HexFormat.of().parseHex(c[2]), null));
          ByteArrayOutputStream bytes = new ByteArrayOutputStream();
          BinaryEncoder e = EncoderFactory.get().binaryEncoder(bytes, null);
          new GenericDatumWriter<Object>(r).write(v, e);
          e.flush();
          out = HexFormat.of().formatHex(bytes.toByteArray());
        } catch (Exception e) {
          out = "!" + e.getClass().getSimpleName();
        }
      } catch (Exception e) {
        verdict = "!" + e.getClass().getSimpleName();
        out = String.valueOf(e.getMessage()).replaceAll("\\s+", " ");
      }
      System.out.println(line + "\t" + verdict + "\t" + out);
    }
  }
}
