import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.GroupListing;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.AcknowledgeType;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Apache Kafka's own clients in the client matrix. */
public final class Clients {
    private static String bootstrap;

    public static void main(String[] arguments) throws Exception {
        bootstrap = arguments[0];
        Contract contract = new Contract(arguments);
        for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            contract.shows(codec, () -> codec(codec));
        }
        contract.shows("idempotent", Clients::idempotent);
        contract.shows("transactions", Clients::transactions);
        contract.shows("exactly-once", Clients::exactlyOnce);
        contract.shows("group", () -> group("group", "classic"));
        contract.shows("group-848", () -> group("group-848", "consumer"));
        contract.shows("share", Clients::share);
        contract.shows("resume", Clients::resume);
        contract.shows("seek", Clients::seek);
        contract.shows("admin", Clients::admin);
        contract.shows("restart", Clients::restart);
    }

    private static KafkaProducer<String, String> producer(Map<String, Object> settings) {
        Map<String, Object> all = new HashMap<>(Map.of("bootstrap.servers", bootstrap, "acks", "all", "enable.idempotence", false));
        all.putAll(settings);
        return new KafkaProducer<>(all, new StringSerializer(), new StringSerializer());
    }

    private static KafkaConsumer<String, String> consumer(Map<String, Object> settings) {
        Map<String, Object> all = new HashMap<>(Map.of("bootstrap.servers", bootstrap, "auto.offset.reset", "earliest", "fetch.max.wait.ms", 100));
        all.putAll(settings);
        return new KafkaConsumer<>(all, new StringDeserializer(), new StringDeserializer());
    }

    /** Sends values and wants all acknowledged. */
    private static void send(KafkaProducer<String, String> producer, String topic, int partition, List<String> values) throws Exception {
        var sent = values.stream().map(value -> producer.send(new ProducerRecord<>(topic, partition, "key", value))).toList();
        producer.flush();
        for (var future : sent) {
            future.get();
        }
    }

    private static void produce(String topic, List<String> values, Map<String, Object> settings) throws Exception {
        try (var producer = producer(settings)) {
            send(producer, topic, 0, values);
        }
    }

    /** Reads so many values. */
    private static List<String> take(KafkaConsumer<String, String> consumer, int count) {
        List<String> values = new ArrayList<>();
        while (values.size() < count) {
            consumer.poll(Duration.ofSeconds(1)).forEach(record -> values.add(record.value()));
        }
        return values;
    }

    private static List<String> read(String topic, int count, Map<String, Object> settings) {
        try (var consumer = consumer(settings)) {
            TopicPartition partition = new TopicPartition(topic, 0);
            consumer.assign(List.of(partition));
            consumer.seekToBeginning(List.of(partition));
            return take(consumer, count);
        }
    }

    private static void codec(String name) throws Exception {
        List<String> values = Contract.values(name, 20);
        produce("codec-" + name, values, Map.of("compression.type", name, "linger.ms", 50));
        Contract.same(read("codec-" + name, 20, Map.of()), values, "values");
    }

    private static void idempotent() throws Exception {
        List<String> values = Contract.values("idempotent", 100);
        produce("idempotent", values, Map.of("enable.idempotence", true, "batch.size", 4000));
        Contract.same(read("idempotent", 100, Map.of()), values, "values");
    }

    private static void transactions() throws Exception {
        try (var producer = producer(Map.of("enable.idempotence", true, "transactional.id", "java"))) {
            producer.initTransactions();
            List<String> first = transact(producer, "first", producer::commitTransaction);
            List<String> aborted = transact(producer, "aborted", producer::abortTransaction);
            List<String> second = transact(producer, "second", producer::commitTransaction);
            List<String> committed = Stream.of(first, second).flatMap(List::stream).toList();
            List<String> all = Stream.of(first, aborted, second).flatMap(List::stream).toList();
            Contract.same(read("transactions", 20, Map.of("isolation.level", "read_committed")), committed, "committed values");
            Contract.same(read("transactions", 30, Map.of()), all, "all values");
        }
    }

    private static List<String> transact(KafkaProducer<String, String> producer, String word, Runnable end) throws Exception {
        List<String> values = Contract.values(word, 10);
        producer.beginTransaction();
        send(producer, "transactions", 0, values);
        end.run();
        return values;
    }

    private static void exactlyOnce() throws Exception {
        List<String> values = Contract.values("transfer", 10);
        produce("transfer-in", values, Map.of());
        Map<String, Object> settings = Map.of("group.id", "transfer", "enable.auto.commit", false);
        try (var producer = producer(Map.of("enable.idempotence", true, "transactional.id", "java-transfer")); var consumer = consumer(settings)) {
            producer.initTransactions();
            consumer.subscribe(List.of("transfer-in"));
            List<String> found = take(consumer, 10);
            transfer(producer, consumer, found.subList(0, 5), 5, producer::commitTransaction);
            transfer(producer, consumer, found.subList(5, 10), 10, producer::abortTransaction);
            producer.beginTransaction();
            send(producer, "transfer-out", 0, List.of("end"));
            producer.commitTransaction();
        }
        List<String> committed = Stream.concat(values.subList(0, 5).stream(), Stream.of("end")).toList();
        Contract.same(read("transfer-out", 6, Map.of("isolation.level", "read_committed")), committed, "committed values");
        try (var successor = consumer(settings)) {
            successor.subscribe(List.of("transfer-in"));
            Contract.same(take(successor, 5), values.subList(5, 10), "the successor's");
        }
    }

    private static void transfer(KafkaProducer<String, String> producer, KafkaConsumer<String, String> consumer, List<String> values,
            long offset, Runnable end) throws Exception {
        producer.beginTransaction();
        send(producer, "transfer-out", 0, values);
        var offsets = Map.of(new TopicPartition("transfer-in", 0), new OffsetAndMetadata(offset));
        producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
        end.run();
    }

    /** A member of a group that polls in a thread of its own. */
    private static final class Member implements Contract.Member {
        private final KafkaConsumer<String, String> consumer;
        private final Thread thread;
        private volatile Set<Integer> owned = Set.of();

        Member(String topic, String protocol, Set<String> seen) {
            Map<String, Object> settings = new HashMap<>(Map.of("group.id", topic, "group.protocol", protocol));
            if (protocol.equals("classic")) {
                settings.put("heartbeat.interval.ms", 300);
            }
            consumer = consumer(settings);
            consumer.subscribe(List.of(topic));
            thread = new Thread(() -> poll(seen));
            thread.start();
        }

        private void poll(Set<String> seen) {
            try (consumer) {
                while (true) {
                    for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(100))) {
                        seen.add(record.value());
                    }
                    owned = consumer.assignment().stream().map(TopicPartition::partition).collect(Collectors.toSet());
                }
            } catch (WakeupException stop) {
                // It leaves.
            }
        }

        @Override
        public Set<Integer> owns() {
            return owned;
        }

        @Override
        public void leave() throws InterruptedException {
            consumer.wakeup();
            thread.join();
        }
    }

    private static void group(String topic, String protocol) throws Exception {
        try (var producer = producer(Map.of())) {
            Contract.rebalance(seen -> new Member(topic, protocol, seen),
                (partition, value) -> producer.send(new ProducerRecord<>(topic, partition, null, value)).get());
        }
    }

    /** A member of the share group `share` that says of each record what becomes of it. */
    private static KafkaShareConsumer<String, String> shareConsumer() {
        Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "group.id", "share", "share.acknowledgement.mode", "explicit");
        var consumer = new KafkaShareConsumer<>(settings, new StringDeserializer(), new StringDeserializer());
        consumer.subscribe(List.of("share"));
        return consumer;
    }

    /** Acquires records until there are so many: these values, delivered for that time. */
    private static List<ConsumerRecord<String, String>> acquire(KafkaShareConsumer<String, String> consumer, List<String> values, int times) {
        List<ConsumerRecord<String, String>> records = new ArrayList<>();
        while (records.isEmpty()) {
            consumer.poll(Duration.ofSeconds(1)).forEach(records::add);
        }
        Contract.same(records.stream().map(ConsumerRecord::value).toList(), values, "shared values");
        Contract.same(records.stream().map(record -> (int) record.deliveryCount().get()).distinct().toList(), List.of(times), "delivered");
        return records;
    }

    private static void settle(KafkaShareConsumer<String, String> consumer, List<ConsumerRecord<String, String>> records, AcknowledgeType type) {
        records.forEach(record -> consumer.acknowledge(record, type));
    }

    private static void commit(KafkaShareConsumer<String, String> consumer) {
        consumer.commitSync().forEach((partition, refused) -> Contract.same(refused, Optional.empty(), "why it is refused"));
    }

    private static void share() throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            var begin = new AlterConfigOp(new ConfigEntry("share.auto.offset.reset", "earliest"), AlterConfigOp.OpType.SET);
            admin.incrementalAlterConfigs(Map.of(new ConfigResource(ConfigResource.Type.GROUP, "share"), List.of(begin))).all().get();
        }
        List<String> early = Contract.values("early", 20);
        List<String> late = Contract.values("late", 10);
        produce("share", early, Map.of("linger.ms", 50));
        try (var second = shareConsumer()) {
            try (var first = shareConsumer()) {
                var held = acquire(first, early, 1);
                produce("share", late, Map.of("linger.ms", 50));
                settle(second, acquire(second, late, 1), AcknowledgeType.ACCEPT);
                commit(second);
                settle(first, held.subList(0, 10), AcknowledgeType.ACCEPT);
                settle(first, held.subList(10, 11), AcknowledgeType.REJECT);
                settle(first, held.subList(11, 20), AcknowledgeType.RELEASE);
                commit(first);
            }
            settle(second, acquire(second, early.subList(11, 20), 2), AcknowledgeType.ACCEPT);
            commit(second);
            produce("share", List.of("end"), Map.of());
            settle(second, acquire(second, List.of("end"), 1), AcknowledgeType.ACCEPT);
            commit(second);
        }
    }

    private static void resume() throws Exception {
        List<String> values = Contract.values("resume", 20);
        produce("resume", values, Map.of());
        Map<String, Object> settings = Map.of("group.id", "resume", "enable.auto.commit", false);
        try (var first = consumer(settings)) {
            first.subscribe(List.of("resume"));
            Contract.same(take(first, 20), values, "the first reader's");
            first.commitSync(Map.of(new TopicPartition("resume", 0), new OffsetAndMetadata(10)));
        }
        try (var second = consumer(settings)) {
            second.subscribe(List.of("resume"));
            Contract.same(take(second, 10), values.subList(10, 20), "the second reader's");
        }
    }

    private static void seek() throws Exception {
        List<String> values = Contract.values("seek", 20);
        produce("seek", values, Map.of());
        TopicPartition partition = new TopicPartition("seek", 0);
        try (var consumer = consumer(Map.of())) {
            consumer.assign(List.of(partition));
            Contract.same(take(consumer, 20), values, "from the start");
            consumer.seek(partition, 15);
            Contract.same(take(consumer, 5), values.subList(15, 20), "from offset 15");
            consumer.seekToBeginning(List.of(partition));
            Contract.same(take(consumer, 20), values, "from the start again");
        }
    }

    private static void admin() throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            admin.createTopics(List.of(new NewTopic("admin", 3, (short) 1))).all().get();
            // Kafka's brokers learn of it later than the answer comes.
            isListed(admin, true);
            var described = admin.describeTopics(List.of("admin")).allTopicNames().get().get("admin");
            Contract.same(described.partitions().size(), 3, "partitions");
            var groups = admin.listGroups().all().get().stream().map(GroupListing::groupId).toList();
            Contract.same(groups.contains("group"), true, "the group is listed among " + groups);
            admin.deleteTopics(List.of("admin")).all().get();
            isListed(admin, false);
        }
    }

    private static void isListed(Admin admin, boolean expected) throws InterruptedException {
        Contract.until(() -> "that the topic is listed is " + expected, () -> {
            try {
                return admin.listTopics().names().get().contains("admin") == expected;
            } catch (InterruptedException | ExecutionException failed) {
                throw new AssertionError(failed);
            }
        });
    }

    private static void restart() throws Exception {
        Set<String> seen = ConcurrentHashMap.newKeySet();
        Member member = new Member("restart", "classic", seen);
        try (var producer = producer(Map.of())) {
            Contract.liveThroughRestart((partition, value) -> producer.send(new ProducerRecord<>("restart", partition, null, value)).get(), seen);
        }
        member.leave();
    }
}
