// Transactional and idempotent producers under a broker that is killed: who knows what was acknowledged checks what is there.
//
// Arguments: bootstrap, seed. Topics `money-0` to `money-2` (two partitions each) and `plain` must exist. Runs until a line is read from
// its standard input; then everybody finishes, everything is read as committed, and the last line says EXACT, or what is wrong.

import java.time.Duration;
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.serialization.*;

public class Money {
    static final int TELLERS = 3;
    static final AtomicBoolean closing = new AtomicBoolean();
    /** Of each transaction, by `teller:number`: whether it was committed; null when that was never told. */
    static final Map<String, Optional<Boolean>> outcomes = new ConcurrentHashMap<>();
    /** How many records of each transaction were written, to which partitions. */
    static final Map<String, Set<TopicPartition>> places = new ConcurrentHashMap<>();
    static final Set<Long> plainAcknowledged = ConcurrentHashMap.newKeySet();
    static final AtomicLong recoveries = new AtomicLong();

    static Properties of(String... pairs) {
        Properties properties = new Properties();
        for (int i = 0; i < pairs.length; i += 2) properties.put(pairs[i], pairs[i + 1]);
        return properties;
    }

    static KafkaProducer<String, String> teller(String bootstrap, int teller) {
        KafkaProducer<String, String> producer = new KafkaProducer<>(of(
            "bootstrap.servers", bootstrap, "transactional.id", "teller-" + teller, "linger.ms", "1", "max.block.ms", "60000",
            "delivery.timeout.ms", "60000", "request.timeout.ms", "5000", "transaction.timeout.ms", "60000",
            "reconnect.backoff.max.ms", "100", "socket.connection.setup.timeout.ms", "1000"),
            new StringSerializer(), new StringSerializer());
        producer.initTransactions();
        return producer;
    }

    static void runTeller(String bootstrap, int teller, long seed) {
        Random random = new Random(seed * 31 + teller);
        KafkaProducer<String, String> producer = teller(bootstrap, teller);
        for (long number = 0; !closing.get(); number++) {
            String id = teller + ":" + number;
            boolean commit = random.nextInt(4) > 0;
            Set<TopicPartition> written = new HashSet<>();
            places.put(id, written);
            outcomes.put(id, Optional.empty());
            try {
                producer.beginTransaction();
                for (int topic = 0; topic < 3; topic++) {
                    int partition = random.nextInt(2);
                    for (int copy = 0; copy <= random.nextInt(3); copy++) {
                        producer.send(new ProducerRecord<>("money-" + topic, partition, String.valueOf(copy), id));
                        written.add(new TopicPartition("money-" + topic, partition));
                    }
                }
                if (random.nextInt(3) == 0) producer.flush();
                if (!commit) {
                    outcomes.put(id, Optional.of(false));
                    producer.abortTransaction();
                    continue;
                }
            } catch (KafkaException error) {
                outcomes.put(id, Optional.of(false));
                producer = recover(producer, bootstrap, teller, error);
                continue;
            }
            // An answer that was lost is asked for again: the outcome is known in the end.
            while (true) {
                try {
                    producer.commitTransaction();
                    outcomes.put(id, Optional.of(true));
                    break;
                } catch (TimeoutException | InterruptException again) {
                    recoveries.incrementAndGet();
                } catch (KafkaException error) {
                    // It may have been committed before whoever failed: nobody can tell, but it is all or nothing.
                    producer = recover(producer, bootstrap, teller, error);
                    break;
                }
            }
        }
        producer.close();
    }

    static KafkaProducer<String, String> recover(KafkaProducer<String, String> producer, String bootstrap, int teller, KafkaException error) {
        System.out.println("recovery: " + error + (error.getCause() == null ? "" : " because " + error.getCause()));
        recoveries.incrementAndGet();
        try {
            producer.abortTransaction();
            return producer;
        } catch (KafkaException fatal) {
            producer.close(Duration.ZERO);
            return teller(bootstrap, teller);
        }
    }

    static void runPlain(String bootstrap) throws Exception {
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(of(
                "bootstrap.servers", bootstrap, "linger.ms", "1", "delivery.timeout.ms", "120000", "request.timeout.ms", "5000",
                "max.block.ms", "120000", "reconnect.backoff.max.ms", "100"), new StringSerializer(), new StringSerializer())) {
            for (long number = 0; !closing.get(); number++) {
                long sent = number;
                producer.send(new ProducerRecord<>("plain", 0, null, String.valueOf(sent)), (metadata, error) -> {
                    if (error == null) plainAcknowledged.add(sent);
                });
                if (number % 50 == 0) Thread.sleep(1);
            }
            producer.flush();
        }
    }

    static Map<TopicPartition, List<String>> read(String bootstrap) {
        Map<TopicPartition, List<String>> found = new HashMap<>();
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(of(
                "bootstrap.servers", bootstrap, "isolation.level", "read_committed", "auto.offset.reset", "earliest"),
                new StringDeserializer(), new StringDeserializer())) {
            List<TopicPartition> all = new ArrayList<>(List.of(new TopicPartition("plain", 0)));
            for (int topic = 0; topic < 3; topic++) for (int partition = 0; partition < 2; partition++) all.add(new TopicPartition("money-" + topic, partition));
            consumer.assign(all);
            consumer.seekToBeginning(all);
            long deadline = System.nanoTime() + 60_000_000_000L;
            while (System.nanoTime() < deadline) {
                ConsumerRecords<String, String> records = consumer.poll(Duration.ofMillis(200));
                for (ConsumerRecord<String, String> record : records)
                    found.computeIfAbsent(new TopicPartition(record.topic(), record.partition()), ignored -> new ArrayList<>()).add(record.value());
                Map<TopicPartition, Long> ends = consumer.endOffsets(all);
                if (all.stream().allMatch(partition -> consumer.position(partition) >= ends.get(partition))) return found;
            }
        }
        System.out.println("WRONG: the committed end was not reached: an open transaction is left");
        return found;
    }

    static int wrong = 0;

    static void check(boolean holds, String what) {
        if (!holds && wrong++ < 20) System.out.println("WRONG: " + what);
    }

    public static void main(String[] arguments) throws Exception {
        String bootstrap = arguments[0];
        long seed = Long.parseLong(arguments[1]);
        ExecutorService pool = Executors.newCachedThreadPool();
        List<Future<?>> all = new ArrayList<>();
        for (int teller = 0; teller < TELLERS; teller++) {
            int number = teller;
            all.add(pool.submit(() -> runTeller(bootstrap, number, seed)));
        }
        all.add(pool.submit(() -> { runPlain(bootstrap); return null; }));
        System.out.println("RUNNING");
        System.in.read();
        closing.set(true);
        for (Future<?> one : all) one.get(150, TimeUnit.SECONDS);
        Map<TopicPartition, List<String>> found = read(bootstrap);
        Map<String, Set<TopicPartition>> seen = new HashMap<>();
        for (Map.Entry<TopicPartition, List<String>> entry : found.entrySet()) {
            if (entry.getKey().topic().equals("plain")) continue;
            Map<String, Long> last = new HashMap<>();
            for (String id : entry.getValue()) {
                seen.computeIfAbsent(id, ignored -> new HashSet<>()).add(entry.getKey());
                String[] parts = id.split(":");
                long number = Long.parseLong(parts[1]);
                check(last.getOrDefault(parts[0], -1L) <= number, entry.getKey() + ": " + id + " comes after " + last.get(parts[0]));
                last.put(parts[0], number);
            }
        }
        int committed = 0, aborted = 0, unknown = 0;
        for (Map.Entry<String, Optional<Boolean>> entry : outcomes.entrySet()) {
            String id = entry.getKey();
            Set<TopicPartition> here = seen.getOrDefault(id, Set.of());
            if (entry.getValue().isEmpty()) {
                unknown++;
                check(here.isEmpty() || here.equals(places.get(id)), id + " was told neither way and is there in part: " + here);
            } else if (entry.getValue().get()) {
                committed++;
                check(here.equals(places.get(id)), id + " was committed to " + places.get(id) + " and is in " + here);
            } else {
                aborted++;
                check(here.isEmpty(), id + " was aborted and is in " + here);
            }
        }
        List<String> plain = found.getOrDefault(new TopicPartition("plain", 0), List.of());
        long previous = -1;
        Set<Long> plainSeen = new HashSet<>();
        for (String text : plain) {
            long number = Long.parseLong(text);
            check(number > previous, "plain: " + number + " comes after " + previous);
            previous = number;
            plainSeen.add(number);
        }
        for (long number : plainAcknowledged) check(plainSeen.contains(number), "plain: " + number + " was acknowledged and is not there");
        System.out.println(committed + " committed, " + aborted + " aborted, " + unknown + " told neither way, " + plainAcknowledged.size()
            + " plain, " + recoveries.get() + " recoveries");
        System.out.println(wrong == 0 ? "EXACT" : wrong + " WRONG");
        System.exit(wrong == 0 ? 0 : 1);
    }
}
