// Kafka's own tools, one after the other in one process, as tests/it/interop/tools.rs asks for them.
//
// Reads commands from its standard input, a line each: the name of a class, and its arguments. Writes for each what it wrote, both ways,
// then a line `=== CODE` with the code it ended with.

import java.io.*;
import java.nio.charset.StandardCharsets;
import java.util.*;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.common.utils.Exit;
import scala.runtime.AbstractFunction0;

public class Tools {
    /// A tool has ended. Some catch it, and show it: such lines are left out by its message.
    static final String MARK = "tool-has-ended";

    static final class Ended extends RuntimeException {
        Ended() {
            super(MARK, null, false, false);
        }
    }

    static final int NONE = -1;
    static final AtomicInteger code = new AtomicInteger(NONE);

    public static void main(String[] arguments) throws Exception {
        Exit.Procedure end = (status, message) -> {
            // What it wanted first is how it has ended.
            code.compareAndSet(NONE, status);
            throw new Ended();
        };
        Exit.setExitProcedure(end);
        Exit.setHaltProcedure(end);
        PrintStream out = System.out;
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] words = line.split(" ");
            ByteArrayOutputStream written = new ByteArrayOutputStream();
            PrintStream both = new PrintStream(written, true, StandardCharsets.UTF_8);
            code.set(NONE);
            System.setOut(both);
            System.setErr(both);
            run(both, words);
            for (String told : written.toString(StandardCharsets.UTF_8).split("\n")) {
                if (!told.contains(MARK)) {
                    out.println(told);
                }
            }
            out.println("=== " + Math.max(code.get(), 0));
            out.flush();
        }
        Runtime.getRuntime().halt(0);
    }

    static void run(PrintStream both, String[] words) {
        // Scala's console does not follow Java's.
        scala.Console$.MODULE$.withOut(both, new AbstractFunction0<Object>() {
            public Object apply() {
                try {
                    String[] arguments = Arrays.copyOfRange(words, 1, words.length);
                    Class.forName(words[0]).getMethod("main", String[].class).invoke(null, (Object) arguments);
                } catch (Throwable thrown) {
                    Throwable cause = thrown.getCause() == null ? thrown : thrown.getCause();
                    if (!(cause instanceof Ended)) {
                        both.println("thrown: " + cause);
                        code.compareAndSet(NONE, 99);
                    }
                }
                return null;
            }
        });
    }
}
