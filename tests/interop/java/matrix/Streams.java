import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.LongDeserializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Produced;

/** Kafka Streams counts each value of the topic `in` into the topic `out`, exactly once: values that differ are counted to one. */
public final class Streams {
    private static final Duration PATIENCE = Duration.ofMinutes(2);

    private final String bootstrap;
    private final Path states = Files.createTempDirectory("streams");
    private final KafkaProducer<String, String> producer;
    private final Set<String> seen = ConcurrentHashMap.newKeySet();
    private final Set<String> countedTwice = ConcurrentHashMap.newKeySet();

    private Streams(String bootstrap) throws Exception {
        this.bootstrap = bootstrap;
        producer = new KafkaProducer<>(Map.of("bootstrap.servers", bootstrap), new StringSerializer(), new StringSerializer());
    }

    public static void main(String[] arguments) throws Exception {
        Streams streams = new Streams(arguments[0]);
        Thread reader = new Thread(streams::read);
        reader.setDaemon(true);
        reader.start();
        Contract contract = new Contract(arguments);
        contract.shows("flow", () -> {
            KafkaStreams application = streams.start();
            streams.awaits("what was written", streams.write("flow"));
            application.close(PATIENCE);
        });
        contract.shows("resume", () -> {
            KafkaStreams application = streams.start();
            streams.awaits("what was written before", streams.write("before"));
            application.close(PATIENCE);
            List<String> meanwhile = streams.write("meanwhile");
            application = streams.start();
            streams.awaits("what was written meanwhile", meanwhile);
            application.close(PATIENCE);
        });
        contract.shows("restart", () -> {
            KafkaStreams application = streams.start();
            Contract.liveThroughRestart(streams::send, streams.seen);
            application.close(PATIENCE);
        });
        Contract.same(streams.countedTwice, Set.of(), "values that were counted twice");
    }

    private KafkaStreams start() {
        StreamsBuilder builder = new StreamsBuilder();
        builder.stream("in", Consumed.with(Serdes.String(), Serdes.String()))
            .groupBy((key, value) -> value, Grouped.with(Serdes.String(), Serdes.String()))
            .count()
            .toStream()
            .to("out", Produced.with(Serdes.String(), Serdes.Long()));
        Properties properties = new Properties();
        properties.putAll(Map.of("bootstrap.servers", bootstrap, "application.id", "counter", "state.dir", states.toString(),
            "processing.guarantee", "exactly_once_v2", "commit.interval.ms", 200, "producer.transaction.timeout.ms", 10_000,
            // It does not leave its group when it is closed; its successor waits for the end of its session.
            "consumer.session.timeout.ms", 6_000));
        KafkaStreams application = new KafkaStreams(builder.build(), properties);
        application.setUncaughtExceptionHandler(error -> StreamThreadExceptionResponse.REPLACE_THREAD);
        application.start();
        return application;
    }

    private void send(int partition, String value) throws Exception {
        producer.send(new ProducerRecord<>("in", partition, null, value)).get();
    }

    private List<String> write(String when) throws Exception {
        List<String> values = Contract.values(when, 50);
        for (String value : values) {
            send(Math.floorMod(value.hashCode(), 2), value);
        }
        return values;
    }

    private void awaits(String what, List<String> values) throws Exception {
        Contract.until(() -> what + " is counted; there are " + seen.size(), () -> seen.containsAll(values));
    }

    private void read() {
        try (var consumer = new KafkaConsumer<>(Map.of("bootstrap.servers", bootstrap, "isolation.level", "read_committed"),
                new StringDeserializer(), new LongDeserializer())) {
            List<TopicPartition> partitions = List.of(new TopicPartition("out", 0), new TopicPartition("out", 1));
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            while (true) {
                consumer.poll(Duration.ofMillis(100)).forEach(record -> {
                    seen.add(record.key());
                    if (record.value() != 1) {
                        countedTwice.add(record.key());
                    }
                });
            }
        }
    }
}
