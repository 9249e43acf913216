import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** Kafka Connect, standalone, with its file connectors: lines of a file go to the topic `in`, and from there to another file. */
public final class Connect {
    private final Path directory = Files.createTempDirectory("connect");
    private final Path source = directory.resolve("source.txt");
    private final Path sink = directory.resolve("sink.txt");
    private final Set<String> seen = ConcurrentHashMap.newKeySet();
    private Process worker;

    private Connect(String bootstrap) throws IOException {
        Files.writeString(directory.resolve("worker.properties"), """
            bootstrap.servers=%s
            key.converter=org.apache.kafka.connect.storage.StringConverter
            value.converter=org.apache.kafka.connect.storage.StringConverter
            offset.storage.file.filename=%s
            offset.flush.interval.ms=500
            listeners=http://127.0.0.1:0
            """.formatted(bootstrap, directory.resolve("offsets")));
        Files.writeString(directory.resolve("source.properties"), """
            name=source
            connector.class=FileStreamSource
            file=%s
            topic=in
            """.formatted(source));
        Files.writeString(directory.resolve("sink.properties"), """
            name=sink
            connector.class=FileStreamSink
            file=%s
            topics=in
            """.formatted(sink));
        Files.createFile(source);
        Files.createFile(sink);
    }

    public static void main(String[] arguments) throws Exception {
        Connect connect = new Connect(arguments[0]);
        Thread reader = new Thread(connect::read);
        reader.setDaemon(true);
        reader.start();
        try {
            connect.show(new Contract(arguments));
        } finally {
            connect.stop();
        }
        System.exit(0);
    }

    private void show(Contract contract) throws Exception {
        start();
        contract.shows("flow", () -> awaits("what was written", write("flow")));
        contract.shows("resume", () -> {
            awaits("what was written before", write("before"));
            stop();
            List<String> meanwhile = write("meanwhile");
            start();
            awaits("what was written meanwhile", meanwhile);
        });
        contract.shows("restart", () -> Contract.liveThroughRestart((partition, value) -> {
            append(value);
            Thread.sleep(5);
        }, seen));
    }

    private void start() throws IOException {
        var java = new ProcessBuilder("java", "-XX:TieredStopAtLevel=1", "-Xmx256M", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-cp", System.getProperty("java.class.path"), "org.apache.kafka.connect.cli.ConnectStandalone",
            "worker.properties", "source.properties", "sink.properties");
        // What is written on its standard output would be taken for an answer.
        worker = java.directory(directory.toFile()).redirectErrorStream(true).redirectOutput(directory.resolve("worker.log").toFile()).start();
    }

    private void stop() throws InterruptedException {
        worker.destroy();
        worker.waitFor();
    }

    private void append(String line) throws IOException {
        Files.writeString(source, line + "\n", StandardOpenOption.APPEND);
    }

    private List<String> write(String when) throws IOException {
        List<String> values = Contract.values(when, 50);
        for (String value : values) {
            append(value);
        }
        return values;
    }

    private void awaits(String what, List<String> values) throws Exception {
        Contract.until(() -> what + " is in the other file; there are " + seen.size() + " lines: " + directory, () -> seen.containsAll(values));
    }

    private void read() {
        try (BufferedReader lines = Files.newBufferedReader(sink)) {
            while (true) {
                String line = lines.readLine();
                if (line == null) {
                    Thread.sleep(50);
                } else {
                    seen.add(line);
                }
            }
        } catch (IOException | InterruptedException gone) {
            throw new AssertionError(gone);
        }
    }
}
