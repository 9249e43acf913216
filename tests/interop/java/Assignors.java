// Java's own assignors on groups written down by tests/src/assignors.rs.
//
// Reads groups from its standard input, one line for each topic and member, and writes one line for each assignor that is asked:
//   topic NAME PARTITIONS RACKS                       RACKS: those of partition 0, then of 1 ...: `a,b;a;-`, or -
//   member ID INSTANCE RACK GENERATION TOPICS OWNED   INSTANCE and RACK or -, TOPICS `t,u` or -, OWNED `t:0.3,u:1` or -
//   go ASSIGNOR ...                                   what is asked of this group; the next line begins another
//   bench ASSIGNOR ...                                the same, many times over: best and median time in microseconds
// Answers: ASSIGNOR MEMBER=OWNED ..., or ASSIGNOR ! what went wrong.

import java.io.*;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.*;
import java.util.stream.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.*;
import org.apache.kafka.common.*;
import org.apache.kafka.coordinator.group.api.assignor.*;
import org.apache.kafka.coordinator.group.assignor.SimpleAssignor;
import org.apache.kafka.coordinator.group.assignor.UniformAssignor;
import org.apache.kafka.coordinator.group.modern.*;

public class Assignors {
    record Topic(String name, Uuid id, int partitions, List<List<String>> racks) { }

    record Member(String id, Optional<String> instance, Optional<String> rack, int generation, List<String> topics, Map<String, List<Integer>> owned) { }

    static final Map<String, Topic> topics = new LinkedHashMap<>();
    static final List<Member> members = new ArrayList<>();

    public static void main(String[] arguments) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(new BufferedOutputStream(new FileOutputStream(FileDescriptor.out), 1 << 16), false, StandardCharsets.UTF_8);
        boolean isNew = true;
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] words = line.split(" ");
            if (isNew) {
                topics.clear();
                members.clear();
                isNew = false;
            }
            switch (words[0]) {
                case "topic" -> readTopic(words);
                case "member" -> readMember(words);
                default -> {
                    for (String name : Arrays.asList(words).subList(1, words.length)) {
                        out.println(name + " " + (words[0].equals("bench") ? bench(name) : answer(name)));
                    }
                    isNew = true;
                }
            }
        }
        out.flush();
    }

    static void readTopic(String[] words) {
        List<List<String>> racks = new ArrayList<>();
        if (!words[3].equals("-") || words[2].equals("1")) {
            for (String one : words[3].split(";")) racks.add(one.equals("-") ? List.of() : List.of(one.split(",")));
        }
        topics.put(words[1], new Topic(words[1], new Uuid(0, topics.size() + 1), Integer.parseInt(words[2]), racks));
    }

    static void readMember(String[] words) {
        Map<String, List<Integer>> owned = new LinkedHashMap<>();
        if (!words[6].equals("-")) {
            for (String one : words[6].split(",")) {
                String[] parts = one.split(":");
                owned.put(parts[0], Stream.of(parts[1].split("\\.")).map(Integer::valueOf).toList());
            }
        }
        List<String> subscribed = words[5].equals("-") ? List.of() : List.of(words[5].split(","));
        members.add(new Member(words[1], optional(words[2]), optional(words[3]), Integer.parseInt(words[4]), subscribed, owned));
    }

    static Optional<String> optional(String word) {
        return word.equals("-") ? Optional.empty() : Optional.of(word);
    }

    /** An assignor made ready for the group: what is measured is `divide` alone. */
    interface Asked {
        Object divide();

        /** Members' partitions by topic, out of what `divide` answered. */
        Map<String, Map<String, Set<Integer>>> read(Object divided);
    }

    static String answer(String name) {
        try {
            Asked asked = asked(name);
            return told(asked.read(asked.divide()));
        } catch (RuntimeException | AssertionError error) {
            return "! " + error;
        }
    }

    static Asked asked(String name) {
        return switch (name) {
            case "range" -> client(new RangeAssignor());
            case "roundrobin" -> client(new RoundRobinAssignor());
            case "sticky" -> client(new StickyAssignor());
            case "cooperative-sticky" -> client(new CooperativeStickyAssignor());
            case "server-range" -> server(new org.apache.kafka.coordinator.group.assignor.RangeAssignor());
            case "server-uniform" -> server(new UniformAssignor());
            case "server-simple" -> server(new SimpleAssignor());
            default -> throw new IllegalArgumentException(name);
        };
    }

    static Asked client(ConsumerPartitionAssignor assignor) {
        Cluster cluster = cluster();
        GroupSubscription group = new GroupSubscription(subscriptions(assignor));
        return new Asked() {
            public Object divide() {
                return assignor.assign(cluster, group);
            }

            public Map<String, Map<String, Set<Integer>>> read(Object divided) {
                Map<String, Map<String, Set<Integer>>> all = new HashMap<>();
                ((ConsumerPartitionAssignor.GroupAssignment) divided).groupAssignment().forEach((member, assignment) -> {
                    Map<String, Set<Integer>> own = all.computeIfAbsent(member, id -> new TreeMap<>());
                    for (TopicPartition partition : assignment.partitions()) {
                        if (!own.computeIfAbsent(partition.topic(), topic -> new TreeSet<>()).add(partition.partition())) {
                            throw new IllegalStateException(partition + " twice for " + member);
                        }
                    }
                });
                return all;
            }
        };
    }

    static Cluster cluster() {
        Map<String, Node> nodes = new LinkedHashMap<>();
        nodes.put("", new Node(0, "localhost", 9000));
        List<PartitionInfo> partitions = new ArrayList<>();
        for (Topic topic : topics.values()) {
            for (int index = 0; index < topic.partitions; index++) {
                List<String> racks = topic.racks.isEmpty() || topic.racks.get(index).isEmpty() ? List.of("") : topic.racks.get(index);
                Node[] replicas = racks.stream()
                    .map(rack -> nodes.computeIfAbsent(rack, name -> new Node(nodes.size(), "localhost", 9000 + nodes.size(), name)))
                    .toArray(Node[]::new);
                partitions.add(new PartitionInfo(topic.name, index, replicas[0], replicas, replicas));
            }
        }
        return new Cluster("cluster", nodes.values(), partitions, Set.of(), Set.of());
    }

    static Map<String, Subscription> subscriptions(ConsumerPartitionAssignor assignor) {
        Map<String, Subscription> subscriptions = new HashMap<>();
        for (Member member : members) {
            boolean isEager = assignor instanceof StickyAssignor;
            List<TopicPartition> owned = new ArrayList<>();
            if (!isEager) {
                member.owned.forEach((topic, indexes) -> indexes.forEach(index -> owned.add(new TopicPartition(topic, index))));
            }
            ByteBuffer data = isEager && !member.owned.isEmpty() ? userData(member) : null;
            Subscription subscription = new Subscription(member.topics, data, owned, member.generation, member.rack);
            subscription.setGroupInstanceId(member.instance);
            subscriptions.put(member.id, subscription);
        }
        return subscriptions;
    }

    /** What a member of the eager sticky assignor writes: version 0 when it has no generation. */
    static ByteBuffer userData(Member member) {
        try {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            DataOutputStream data = new DataOutputStream(bytes);
            data.writeInt(member.owned.size());
            for (Map.Entry<String, List<Integer>> topic : member.owned.entrySet()) {
                data.writeUTF(topic.getKey());
                data.writeInt(topic.getValue().size());
                for (int index : topic.getValue()) data.writeInt(index);
            }
            if (member.generation >= 0) data.writeInt(member.generation);
            return ByteBuffer.wrap(bytes.toByteArray());
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    static Asked server(PartitionAssignor assignor) {
        // The broker keeps members in a hash map; here they stand as they were given, so that ties are broken alike.
        Map<String, MemberSubscriptionAndAssignmentImpl> specs = new LinkedHashMap<>();
        Map<Uuid, Map<Integer, String>> inverted = new HashMap<>();
        Map<Uuid, Topic> byId = topics.values().stream().collect(Collectors.toMap(Topic::id, topic -> topic));
        for (Member member : members) {
            Map<Uuid, Set<Integer>> target = new LinkedHashMap<>();
            member.owned.forEach((name, indexes) -> {
                Uuid id = topics.get(name).id;
                target.put(id, new LinkedHashSet<>(indexes));
                indexes.forEach(index -> inverted.computeIfAbsent(id, topic -> new HashMap<>()).put(index, member.id));
            });
            Set<Uuid> subscribed = member.topics.stream().map(name -> topics.get(name).id).collect(Collectors.toCollection(LinkedHashSet::new));
            specs.put(member.id, new MemberSubscriptionAndAssignmentImpl(member.rack, member.instance, subscribed, new org.apache.kafka.coordinator.group.modern.Assignment(target)));
        }
        boolean areAlike = members.stream().map(member -> Set.copyOf(member.topics)).distinct().count() <= 1;
        GroupSpec spec = new GroupSpecImpl(specs, areAlike ? SubscriptionType.HOMOGENEOUS : SubscriptionType.HETEROGENEOUS, inverted);
        SubscribedTopicDescriber describer = new SubscribedTopicDescriber() {
            public int numPartitions(Uuid id) {
                return byId.containsKey(id) ? byId.get(id).partitions : -1;
            }

            public Set<String> racksForPartition(Uuid id, int partition) {
                Topic topic = byId.get(id);
                return topic.racks.isEmpty() ? Set.of() : Set.copyOf(topic.racks.get(partition));
            }
        };
        return new Asked() {
            public Object divide() {
                return assignor.assign(spec, describer);
            }

            public Map<String, Map<String, Set<Integer>>> read(Object divided) {
                Map<String, Map<String, Set<Integer>>> all = new HashMap<>();
                ((org.apache.kafka.coordinator.group.api.assignor.GroupAssignment) divided).members().forEach((member, assignment) -> {
                    Map<String, Set<Integer>> own = all.computeIfAbsent(member, id -> new TreeMap<>());
                    assignment.partitions().forEach((id, indexes) -> own.put(byId.get(id).name, new TreeSet<>(indexes)));
                });
                return all;
            }
        };
    }

    static String told(Map<String, Map<String, Set<Integer>>> all) {
        return members.stream().map(member -> {
            Map<String, Set<Integer>> own = all.getOrDefault(member.id, Map.of());
            String told = own.entrySet().stream()
                .filter(topic -> !topic.getValue().isEmpty())
                .map(topic -> topic.getKey() + ":" + topic.getValue().stream().map(String::valueOf).collect(Collectors.joining(".")))
                .collect(Collectors.joining(","));
            return member.id + "=" + told;
        }).collect(Collectors.joining(" "));
    }

    static String bench(String name) {
        Asked asked = asked(name);
        long end = System.nanoTime() + 3_000_000_000L;
        List<Long> times = new ArrayList<>();
        while (System.nanoTime() < end) {
            long start = System.nanoTime();
            asked.divide();
            times.add(System.nanoTime() - start);
        }
        // The first half is the compiler's.
        List<Long> warm = new ArrayList<>(times.subList(times.size() / 2, times.size()));
        Collections.sort(warm);
        return warm.get(0) / 1000 + " " + warm.get(warm.size() / 2) / 1000;
    }
}
