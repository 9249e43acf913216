// A Kafka Streams application that counts words exactly once, under a broker that is killed.
//
// Arguments: bootstrap, state directory. Topics `lines` and `counts` must exist. Runs until a line is read from its standard input; then
// it stops feeding, waits for the counts, reads every update as committed, and the last line says EXACT, or what is wrong: without a
// cache the application tells every count, so that of each word the updates are 1, 2, 3 and so on, each once.

import java.time.Duration;
import java.util.*;
import java.util.concurrent.atomic.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.serialization.*;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.*;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler;
import org.apache.kafka.streams.kstream.*;
import org.apache.kafka.streams.state.*;

public class Words {
    static Properties of(String... pairs) {
        Properties properties = new Properties();
        for (int i = 0; i < pairs.length; i += 2) properties.put(pairs[i], pairs[i + 1]);
        return properties;
    }

    static KafkaStreams application(String bootstrap, String stateDir) {
        StreamsBuilder builder = new StreamsBuilder();
        builder.stream("lines", Consumed.with(Serdes.String(), Serdes.String()))
            .flatMapValues(line -> List.of(line.split(" ")))
            .groupBy((key, word) -> word, Grouped.with(Serdes.String(), Serdes.String()))
            .count(Materialized.<String, Long>as(Stores.inMemoryKeyValueStore("counted")).withKeySerde(Serdes.String()).withValueSerde(Serdes.Long()))
            .toStream().to("counts", Produced.with(Serdes.String(), Serdes.Long()));
        KafkaStreams streams = new KafkaStreams(builder.build(), of(
            "bootstrap.servers", bootstrap, "application.id", "words", "state.dir", stateDir,
            "processing.guarantee", "exactly_once_v2", "commit.interval.ms", "200", "num.stream.threads", "2",
            "statestore.cache.max.bytes", "0", "producer.delivery.timeout.ms", "30000", "producer.request.timeout.ms", "5000",
            "producer.transaction.timeout.ms", "10000", "reconnect.backoff.max.ms", "100", "consumer.session.timeout.ms", "10000",
            "task.timeout.ms", "120000", "default.api.timeout.ms", "60000"));
        streams.setUncaughtExceptionHandler(error -> {
            System.out.println("thread replaced: " + error);
            return StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse.REPLACE_THREAD;
        });
        return streams;
    }

    static Map<String, List<Long>> read(String bootstrap) {
        Map<String, List<Long>> found = new HashMap<>();
        try (KafkaConsumer<String, Long> consumer = new KafkaConsumer<>(of(
                "bootstrap.servers", bootstrap, "isolation.level", "read_committed"), new StringDeserializer(), new LongDeserializer())) {
            List<TopicPartition> all = new ArrayList<>();
            consumer.partitionsFor("counts").forEach(info -> all.add(new TopicPartition("counts", info.partition())));
            consumer.assign(all);
            consumer.seekToBeginning(all);
            Map<TopicPartition, Long> ends = consumer.endOffsets(all);
            while (!all.stream().allMatch(partition -> consumer.position(partition) >= ends.get(partition)))
                for (ConsumerRecord<String, Long> record : consumer.poll(Duration.ofMillis(200)))
                    found.computeIfAbsent(record.key(), ignored -> new ArrayList<>()).add(record.value());
        }
        return found;
    }

    public static void main(String[] arguments) throws Exception {
        String bootstrap = arguments[0];
        KafkaStreams streams = application(bootstrap, arguments[1]);
        streams.start();
        Map<String, Long> truth = new TreeMap<>();
        AtomicBoolean closing = new AtomicBoolean();
        AtomicLong failed = new AtomicLong();
        Thread feeder = new Thread(() -> {
            Random random = new Random(7);
            try (KafkaProducer<String, String> producer = new KafkaProducer<>(of(
                    "bootstrap.servers", bootstrap, "delivery.timeout.ms", "120000", "request.timeout.ms", "5000", "max.block.ms", "120000",
                    "linger.ms", "5", "reconnect.backoff.max.ms", "100"), new StringSerializer(), new StringSerializer())) {
                for (int number = 0; !closing.get(); number++) {
                    StringBuilder line = new StringBuilder();
                    for (int at = 0; at < 5; at++) {
                        String word = "w" + random.nextInt(40);
                        truth.merge(word, 1L, Long::sum);
                        line.append(at == 0 ? "" : " ").append(word);
                    }
                    producer.send(new ProducerRecord<>("lines", String.valueOf(number), line.toString()), (metadata, error) -> {
                        if (error != null) failed.incrementAndGet();
                    });
                    Thread.sleep(2);
                }
            } catch (InterruptedException ignored) {
            }
        });
        feeder.start();
        while (streams.state() != KafkaStreams.State.RUNNING) Thread.sleep(50);
        System.out.println("RUNNING");
        System.in.read();
        closing.set(true);
        feeder.join();
        long total = truth.values().stream().mapToLong(Long::longValue).sum();
        Map<String, List<Long>> found = Map.of();
        for (int attempt = 0; attempt < 100; attempt++) {
            found = read(bootstrap);
            long last = found.values().stream().mapToLong(updates -> updates.get(updates.size() - 1)).sum();
            if (last >= total) break;
            Thread.sleep(500);
        }
        streams.close(Duration.ofSeconds(20));
        int wrong = failed.get() > 0 ? 1 : 0;
        for (Map.Entry<String, Long> entry : truth.entrySet()) {
            List<Long> updates = found.getOrDefault(entry.getKey(), List.of());
            boolean exact = updates.size() == entry.getValue();
            for (int at = 0; at < updates.size(); at++) exact &= updates.get(at) == at + 1;
            if (!exact && wrong++ < 10)
                System.out.println("WRONG: " + entry.getKey() + " was fed " + entry.getValue() + " times, its " + updates.size() + " counts end with "
                    + updates.subList(Math.max(0, updates.size() - 5), updates.size()));
        }
        System.out.println(total + " words, " + failed.get() + " lines not acknowledged");
        System.out.println(wrong == 0 ? "EXACT" : wrong + " WRONG");
        System.exit(wrong == 0 ? 0 : 1);
    }
}
