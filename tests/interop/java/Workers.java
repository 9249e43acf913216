// Workers of a share group under a broker that is killed: whatever is put into the topic is settled by one of them, once.
//
// Arguments: bootstrap, seed. The topic `work` must exist. Runs until a line is read from its standard input; then nothing more is put in,
// the workers go on until all is settled, and the last line says EXACT, or what is wrong.
//
// A worker accepts, rejects or releases what it gets, dawdles until its locks are gone, or goes away with what it has, and another comes in
// its place. What it was told to be settled nobody else may be told to have settled too; when it was told nothing, it may be or not. Nor does it
// prove anything what a worker is told that came too late: what is below the start of the group is settled, whoever says so
// (SharePartition.acknowledge).

import java.time.Duration;
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.*;
import java.util.stream.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.*;
import org.apache.kafka.common.serialization.*;

public class Workers {
    static final int WORKERS = 4;
    /** Half of the lock. */
    static final long LATE_NANOS = 2_000_000_000L;
    static final String GROUP = "workers";
    static final AtomicBoolean closing = new AtomicBoolean();
    static final AtomicBoolean done = new AtomicBoolean();
    /** What was put in and acknowledged. */
    static final Set<String> given = ConcurrentHashMap.newKeySet();
    /** How often the broker said that it is settled. */
    static final Map<String, Integer> settled = new ConcurrentHashMap<>();
    /** What a worker settled without being told what became of that. */
    static final Set<String> unsure = ConcurrentHashMap.newKeySet();
    static final AtomicLong again = new AtomicLong(), refused = new AtomicLong();

    static Map<String, Object> of(Object... pairs) {
        Map<String, Object> settings = new HashMap<>();
        for (int i = 0; i < pairs.length; i += 2) settings.put((String) pairs[i], pairs[i + 1]);
        return settings;
    }

    static void give(String bootstrap) {
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(of(
                "bootstrap.servers", bootstrap, "delivery.timeout.ms", 60000, "request.timeout.ms", 5000, "reconnect.backoff.max.ms", 100,
                "linger.ms", 5), new StringSerializer(), new StringSerializer())) {
            for (int number = 0; !closing.get(); number++) {
                String value = "task " + number;
                producer.send(new ProducerRecord<>("work", value), (metadata, error) -> {
                    if (error == null) given.add(value);
                });
                if (number % 50 == 0) Thread.sleep(20);
            }
        } catch (InterruptedException stop) {
            // It gives nothing more.
        }
    }

    static KafkaShareConsumer<String, String> worker(String bootstrap) {
        var worker = new KafkaShareConsumer<>(of(
            "bootstrap.servers", bootstrap, "group.id", GROUP, "share.acknowledgement.mode", "explicit", "max.poll.records", 50,
            "request.timeout.ms", 5000, "reconnect.backoff.max.ms", 100, "default.api.timeout.ms", 5000),
            new StringDeserializer(), new StringDeserializer());
        worker.subscribe(List.of("work"));
        return worker;
    }

    static void work(String bootstrap, long seed) {
        Random random = new Random(seed);
        var worker = worker(bootstrap);
        while (!done.get()) {
            Map<TopicPartition, List<String>> hopes = new HashMap<>();
            try {
                boolean dawdles = random.nextInt(60) == 0, goes = random.nextInt(60) == 0;
                long begun = System.nanoTime();
                var records = worker.poll(Duration.ofMillis(200));
                if (dawdles) Thread.sleep(5000);
                if (goes) {
                    worker.close(Duration.ofMillis(500));
                    worker = worker(bootstrap);
                    continue;
                }
                for (ConsumerRecord<String, String> record : records) {
                    if (record.deliveryCount().orElse((short) 1) > 1) again.incrementAndGet();
                    int roll = random.nextInt(20);
                    worker.acknowledge(record, roll == 0 ? AcknowledgeType.RELEASE : roll == 1 ? AcknowledgeType.REJECT : AcknowledgeType.ACCEPT);
                    if (roll > 0) hopes.computeIfAbsent(new TopicPartition(record.topic(), record.partition()), key -> new ArrayList<>()).add(record.value());
                }
                var told = worker.commitSync();
                boolean isLate = System.nanoTime() - begun > LATE_NANOS;
                told.forEach((partition, error) -> {
                    List<String> values = hopes.remove(partition.topicPartition());
                    if (values == null) return;
                    if (error.isEmpty() && isLate) unsure.addAll(values);
                    else if (error.isEmpty()) values.forEach(value -> settled.merge(value, 1, Integer::sum));
                    else if (error.get() instanceof InvalidRecordStateException) refused.incrementAndGet();
                    else unsure.addAll(values);
                });
                hopes.values().forEach(unsure::addAll);
                if (isLate) {
                    // What else it has is not its own any more.
                    worker.close(Duration.ofMillis(500));
                    worker = worker(bootstrap);
                }
            } catch (InterruptedException stop) {
                break;
            } catch (KafkaException | IllegalStateException disturbed) {
                hopes.values().forEach(unsure::addAll);
                worker.close(Duration.ofMillis(500));
                worker = worker(bootstrap);
            }
        }
        worker.close(Duration.ofSeconds(5));
    }

    /** Of each partition, where the group goes on and where the log ends. */
    static Map<TopicPartition, List<Long>> progress(Admin admin) throws Exception {
        var starts = admin.listShareGroupOffsets(Map.of(GROUP, new ListShareGroupOffsetsSpec())).partitionsToOffsetInfo(GROUP).get();
        var ends = admin.listOffsets(starts.keySet().stream().collect(Collectors.toMap(key -> key, key -> OffsetSpec.latest()))).all().get();
        Map<TopicPartition, List<Long>> all = new TreeMap<>(Comparator.comparing(TopicPartition::toString));
        starts.forEach((partition, info) -> all.put(partition, List.of(info.startOffset(), ends.get(partition).offset())));
        return all;
    }

    public static void main(String[] arguments) throws Exception {
        String bootstrap = arguments[0];
        long seed = Long.parseLong(arguments[1]);
        try (Admin admin = Admin.create(of("bootstrap.servers", bootstrap))) {
            var begin = new AlterConfigOp(new ConfigEntry("share.auto.offset.reset", "earliest"), AlterConfigOp.OpType.SET);
            admin.incrementalAlterConfigs(Map.of(new ConfigResource(ConfigResource.Type.GROUP, GROUP), List.of(begin))).all().get();
            ExecutorService threads = Executors.newCachedThreadPool();
            threads.submit(() -> give(bootstrap));
            for (int number = 0; number < WORKERS; number++) {
                long own = seed * 100 + number;
                threads.submit(() -> work(bootstrap, own));
            }
            while (settled.size() < 200) Thread.sleep(20);
            System.out.println("RUNNING");
            System.in.read();
            closing.set(true);
            Set<String> missing = Set.of();
            Map<TopicPartition, List<Long>> progress = Map.of();
            for (int patience = 0; patience < 300; patience++) {
                missing = given.stream().filter(value -> !settled.containsKey(value) && !unsure.contains(value)).collect(Collectors.toSet());
                progress = progress(admin);
                if (missing.isEmpty() && progress.values().stream().allMatch(both -> both.get(0).equals(both.get(1)))) break;
                Thread.sleep(200);
            }
            done.set(true);
            threads.shutdown();
            threads.awaitTermination(20, TimeUnit.SECONDS);
            List<String> twice = settled.entrySet().stream().filter(entry -> entry.getValue() > 1).map(Map.Entry::getKey).toList();
            System.out.println(given.size() + " given, " + settled.size() + " settled, " + unsure.size() + " unsure, " + again.get()
                + " delivered again, " + refused.get() + " answers too late, " + progress);
            boolean exact = missing.isEmpty() && twice.isEmpty() && progress.size() == 2
                && progress.values().stream().allMatch(both -> both.get(0).equals(both.get(1)));
            System.out.println(exact ? "EXACT" : "missing " + missing.stream().limit(20).toList() + ", twice " + twice.stream().limit(20).toList());
        }
        System.exit(0);
    }
}
