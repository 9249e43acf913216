import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.IntStream;

/** The Java half of what ../../README.md tells. */
final class Contract {
    interface Shows {
        void show() throws Exception;
    }

    interface Sends {
        void send(int partition, String value) throws Exception;
    }

    /** A member of a group. */
    interface Member {
        Set<Integer> owns();

        void leave() throws Exception;
    }

    private final List<String> only;

    Contract(String[] arguments) {
        only = Arrays.asList(arguments).subList(1, arguments.length);
    }

    void shows(String capability, Shows shows) throws Exception {
        if (only.isEmpty() || only.contains(capability)) {
            shows.show();
            System.out.println(capability + " ok");
        }
    }

    /** Has the broker killed and started again. */
    private static void restart() throws IOException {
        System.out.println("restart please");
        same(new BufferedReader(new InputStreamReader(System.in)).readLine(), "restarted", "the driver's answer");
    }

    static void same(Object found, Object expected, String what) {
        if (!Objects.equals(found, expected)) {
            throw new AssertionError(what + ": expected " + expected + ", found " + found);
        }
    }

    static void until(Supplier<String> what, BooleanSupplier condition) throws InterruptedException {
        for (long start = System.nanoTime(); !condition.getAsBoolean(); Thread.sleep(20)) {
            if (System.nanoTime() - start > 120_000_000_000L) {
                throw new AssertionError("not within two minutes: " + what.get());
            }
        }
    }

    /** Values that compress well. */
    static List<String> values(String prefix, int count) {
        return IntStream.range(0, count).mapToObj(number -> prefix + " " + number + " flour".repeat(50)).toList();
    }

    /** Has a second member join a group, the first leave, and nothing be lost. Members add to a set what they read. */
    static void rebalance(Function<Set<String>, Member> join, Sends sends) throws Exception {
        Set<String> seen = ConcurrentHashMap.newKeySet();
        List<String> sent = new ArrayList<>();
        Member first = join.apply(seen);
        shared(first);
        send("alone", sends, sent, seen);
        Member second = join.apply(seen);
        shared(first, second);
        send("shared", sends, sent, seen);
        first.leave();
        shared(second);
        send("taken over", sends, sent, seen);
        second.leave();
    }

    private static void send(String when, Sends sends, List<String> sent, Set<String> seen) throws Exception {
        for (int partition = 0; partition < 4; partition++) {
            for (String value : values(when + " " + partition, 10)) {
                sends.send(partition, value);
                sent.add(value);
            }
        }
        until(() -> sent.size() + " values, there are " + seen.size(), () -> seen.containsAll(sent));
    }

    private static void shared(Member... members) throws InterruptedException {
        Supplier<List<Set<Integer>>> owned = () -> Arrays.stream(members).map(Member::owns).toList();
        until(() -> "four partitions among the members: " + owned.get(), () -> {
            List<Set<Integer>> sets = owned.get();
            Set<Integer> union = new TreeSet<>();
            sets.forEach(union::addAll);
            boolean disjoint = sets.stream().mapToInt(Set::size).sum() == union.size();
            return disjoint && union.equals(Set.of(0, 1, 2, 3)) && sets.stream().noneMatch(Set::isEmpty);
        });
    }

    /** Sends and reads while the broker is restarted: what was acknowledged is read in the end. */
    static void liveThroughRestart(Sends sends, Set<String> seen) throws Exception {
        Set<String> acknowledged = ConcurrentHashMap.newKeySet();
        AtomicBoolean stop = new AtomicBoolean();
        Thread sender = new Thread(() -> {
            for (int number = 0; !stop.get(); number++) {
                try {
                    sends.send(number % 2, "value " + number);
                    acknowledged.add("value " + number);
                } catch (Exception refused) {
                    // Not acknowledged.
                }
            }
        });
        sender.start();
        until(() -> acknowledged.size() + " sent and " + seen.size() + " read", () -> acknowledged.size() >= 200 && !seen.isEmpty());
        restart();
        int before = acknowledged.size();
        until(() -> acknowledged.size() - before + " sent after the restart", () -> acknowledged.size() >= before + 200);
        stop.set(true);
        sender.join();
        until(() -> acknowledged.size() + " acknowledged, " + seen.size() + " read", () -> seen.containsAll(acknowledged));
    }
}
