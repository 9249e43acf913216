//! The broker under test, as a process of its own.
//!
//! - By default it is the workspace's `millpond`, built once. `MILLPOND_BIN` names another program with the same command line, and
//!   `tests/interop/kafka-as-millpond` is one: with it the tests run against Apache Kafka, which is how we know that they are right.
//! - `MILLPOND_TEST_BOOTSTRAP` names a broker that already runs; tests that must stop their broker are skipped then.
//!
//! A test's folder is removed when the test passes and kept, and named, when it fails.

use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{OnceLock, mpsc};
use std::thread;

use crate::skip::skip;
use crate::toolbox::{profile_dir, run_command, text_of, workspace_dir};

/// How long a broker may take to accept or to stop: far beyond what any needs, even a Java program on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Settings that make groups move at a test's pace; any may be overridden.
const QUICK: &[(&str, &str)] = &[
    ("group.initial.rebalance.delay.ms", "0"),
    ("group.min.session.timeout.ms", "1000"),
    ("offsets.topic.num.partitions", "4"),
    ("offsets.topic.replication.factor", "1"),
    ("transaction.state.log.replication.factor", "1"),
    ("transaction.state.log.min.isr", "1"),
];

/// A broker.
#[derive(Debug)]
pub struct Broker {
    bootstrap: String,
    /// `None` for one that somebody else runs.
    own: Option<Own>,
}

#[derive(Debug)]
struct Own {
    program: PathBuf,
    folder: PathBuf,
    settings: Vec<(String, String)>,
    files_max: Option<u32>,
    environment: Vec<(String, OsString)>,
    child: Option<Child>,
}

impl Broker {
    /// Starts a broker with an empty data directory, or finds the one that runs.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn start(settings: &[(&str, &str)]) -> Self {
        if let Ok(bootstrap) = std::env::var("MILLPOND_TEST_BOOTSTRAP") {
            return Self { bootstrap, own: None };
        }
        Self::start_own(settings)
    }

    /// Starts a broker that the test may stop; skips the test where the broker is somebody else's.
    #[must_use]
    pub fn start_own_or_skip(test: &str, settings: &[(&str, &str)]) -> Option<Self> {
        if std::env::var_os("MILLPOND_TEST_BOOTSTRAP").is_some() {
            skip(test, "it stops its broker, and MILLPOND_TEST_BOOTSTRAP names one that is not its own");
            return None;
        }
        Some(Self::start_own(settings))
    }

    /// Starts another program with the same command line, on an empty data directory; skips the test where the broker is somebody else's.
    #[must_use]
    pub fn start_as_or_skip(test: &str, settings: &[(&str, &str)], program: &Path, environment: &[(&str, &Path)]) -> Option<Self> {
        if std::env::var_os("MILLPOND_TEST_BOOTSTRAP").is_some() {
            skip(test, "it brings its broker, and MILLPOND_TEST_BOOTSTRAP names another one");
            return None;
        }
        let mut broker = Self::stopped(settings);
        broker.run_as(Some(program), environment);
        broker.restart();
        Some(broker)
    }

    fn start_own(settings: &[(&str, &str)]) -> Self {
        let mut broker = Self::stopped(settings);
        broker.restart();
        broker
    }

    /// Starts a broker that the test may stop, in an environment, if it does start; `None` where the broker is somebody else's.
    ///
    /// # Errors
    /// How it ended, and what it said.
    pub fn try_start_own(settings: &[(&str, &str)], environment: &[(&str, &str)]) -> Result<Option<Self>, String> {
        if std::env::var_os("MILLPOND_TEST_BOOTSTRAP").is_some() {
            return Ok(None);
        }
        let mut broker = Self::stopped(settings);
        let environment: Vec<_> = environment.iter().map(|(name, value)| (*name, Path::new(value))).collect();
        broker.run_as(None, &environment);
        broker.try_start()?;
        Ok(Some(broker))
    }

    /// A broker of the test's own, with an empty data directory, that was not started yet.
    fn stopped(settings: &[(&str, &str)]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let folder = std::env::temp_dir().join(format!("millpond-test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder for temporary files can be written");
        let settings = QUICK.iter().chain(settings).map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let own = Own { program: program().to_path_buf(), folder, settings, files_max: None, environment: Vec::new(), child: None };
        Self { bootstrap: "127.0.0.1:0".to_owned(), own: Some(own) }
    }

    /// Serves the directory with another program from the next start on, with these variables set for it; with the one under test when
    /// none is named.
    ///
    /// # Panics
    /// When it is not the test's own.
    pub fn run_as(&mut self, other: Option<&Path>, environment: &[(&str, &Path)]) {
        let own = self.own.as_mut().expect("the broker is the test's own");
        other.unwrap_or_else(|| program()).clone_into(&mut own.program);
        own.environment = environment.iter().map(|(name, value)| ((*name).to_owned(), value.as_os_str().to_owned())).collect();
    }

    /// Starts a program beside it on its directory, ours when none is named, and waits until it has given up; answers what it said.
    ///
    /// # Panics
    /// When it does not give up, or the broker is not the test's own.
    #[must_use]
    pub fn refuses_beside(&self, other: Option<&Path>, environment: &[(&str, &Path)]) -> String {
        let own = self.own.as_ref().expect("the broker is the test's own");
        let mut command = Command::new("timeout");
        command.arg("60").arg(other.unwrap_or_else(|| program()));
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(own.data_dir());
        command.envs(environment.iter().copied()).stdin(Stdio::null());
        let output = command.output().expect("it can be started");
        let said = text_of(&output);
        let code = output.status.code();
        assert!(code.is_some_and(|code| code != 0 && code != 124), "it ended with {}:\n{said}", output.status);
        said
    }

    /// Where clients find it.
    #[must_use]
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// What it writes to.
    ///
    /// # Panics
    /// When the broker is not the test's own.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.own.as_ref().expect("the broker is the test's own").data_dir()
    }

    /// Starts it again, on the same directory and the same port.
    ///
    /// # Panics
    /// When it does not come up, still runs, or is not the test's own.
    pub fn restart(&mut self) {
        if let Err(message) = self.try_start() {
            panic!("the broker did not come up: {message}");
        }
    }

    /// Starts it again, if it does start.
    ///
    /// # Errors
    /// How it ended, and what it said.
    /// # Panics
    /// When it still runs, or is not the test's own.
    pub fn try_start(&mut self) -> Result<(), String> {
        let own = self.own.as_mut().expect("the broker is the test's own");
        assert!(own.child.is_none(), "a broker is stopped before it is started again");
        self.bootstrap = own.spawn(&self.bootstrap).map_err(|message| format!("{message}\n{}", own.last_words()))?;
        Ok(())
    }

    /// Changes a setting for the next start.
    ///
    /// # Panics
    /// When it is not the test's own.
    pub fn set(&mut self, key: &str, value: &str) {
        let own = self.own.as_mut().expect("the broker is the test's own");
        own.settings.push((key.to_owned(), value.to_owned()));
    }

    /// Lets it open no more than so many files and connections, from the next start on.
    ///
    /// # Panics
    /// When it is not the test's own.
    pub fn limit_files(&mut self, files: u32) {
        let own = self.own.as_mut().expect("the broker is the test's own");
        own.files_max = Some(files);
    }

    /// The number of its process.
    ///
    /// # Panics
    /// When it is not the test's own, or does not run.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        let own = self.own.as_ref().expect("the broker is the test's own");
        own.child.as_ref().expect("the broker runs").id()
    }

    /// The end of what it wrote to its standard error.
    ///
    /// # Panics
    /// When it is not the test's own.
    #[must_use]
    pub fn said(&self) -> String {
        self.own.as_ref().expect("the broker is the test's own").last_words()
    }

    /// All that it wrote there.
    ///
    /// # Panics
    /// When it is not the test's own, or cannot be read.
    #[must_use]
    pub fn said_all(&self) -> String {
        fs::read_to_string(self.own.as_ref().expect("the broker is the test's own").log()).expect("a log can be read")
    }

    /// Asks it to stop, as SIGTERM does, and waits until it has.
    ///
    /// # Panics
    /// When it does not, or does not call that a success.
    pub fn stop(&mut self) {
        let status = self.try_to_stop();
        // A Java program says 143 = 128 + SIGTERM when it stopped cleanly because of that signal.
        let clean = status.is_some_and(|status| status.success() || status.code() == Some(143));
        assert!(clean, "the broker was asked to stop and ended with {status:?}\n{}", self.said());
    }

    /// Asks it to stop where that cannot be done in good order, and waits until it has.
    ///
    /// # Panics
    /// When it does not, or calls that a success.
    pub fn stop_badly(&mut self) {
        let status = self.try_to_stop();
        assert_eq!(status.and_then(|status| status.code()), Some(1), "{}", self.said());
    }

    fn try_to_stop(&mut self) -> Option<ExitStatus> {
        let own = self.own.as_mut().expect("the broker is the test's own");
        let mut child = own.child.take().expect("the broker runs");
        let process = child.id().to_string();
        run_command(Command::new("kill").args(["-TERM", &process])).expect("a process of ours can be told to stop");
        wait(&mut child)
    }

    /// Ends it at once, as `kill -9` does: nothing that it holds in memory survives.
    ///
    /// # Panics
    /// When it does not run.
    pub fn kill(&mut self) {
        let own = self.own.as_mut().expect("the broker is the test's own");
        let mut child = own.child.take().expect("the broker runs");
        child.kill().expect("a process of ours can be killed");
        child.wait().expect("a killed process ends");
    }

    /// Tries a second broker on the data directory of this one: how it ended, and what it said.
    ///
    /// # Panics
    /// When it does not end.
    #[must_use]
    pub fn second_on_the_same_directory(&self) -> (ExitStatus, String) {
        let own = self.own.as_ref().expect("the broker is the test's own");
        let log = own.folder.join("second.log");
        let errors = File::create(&log).expect("a log can be made");
        let mut command = own.command("127.0.0.1:0");
        command.stdout(errors.try_clone().expect("a handle can be copied")).stderr(errors);
        let mut child = command.spawn().expect("the program can be started");
        let status = wait(&mut child).expect("a second broker on one directory ends by itself");
        (status, fs::read_to_string(log).expect("a log can be read"))
    }
}

impl Own {
    fn data_dir(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn command(&self, listen: &str) -> Command {
        let mut command = match self.files_max {
            None => Command::new(&self.program),
            Some(files) => {
                let mut shell = Command::new("sh");
                shell.args(["-c", &format!("ulimit -n {files} && exec \"$0\" \"$@\"")]).arg(&self.program);
                shell
            }
        };
        command.arg("serve").arg("--listen").arg(listen).arg("--data-dir").arg(self.data_dir());
        for (key, value) in &self.settings {
            command.arg("--set").arg(format!("{key}={value}"));
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null());
        command
    }

    /// Starts the process and waits for the line that says where it listens.
    fn spawn(&mut self, listen: &str) -> Result<String, String> {
        let log = File::options().create(true).append(true).open(self.log()).map_err(|error| error.to_string())?;
        let mut command = self.command(listen);
        command.stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().map_err(|error| format!("{} cannot be started: {error}", self.program.display()))?;
        let output = BufReader::new(child.stdout.take().ok_or("it has no output")?);
        self.child = Some(child);
        let (told, tells) = mpsc::channel();
        thread::spawn(move || {
            // Reads on to the end, so that the broker never waits for a reader.
            for line in output.lines().map_while(Result::ok) {
                if let Some(address) = line.strip_prefix("listening on ") {
                    let _ = told.send(address.trim().to_owned());
                }
            }
        });
        match tells.recv_timeout(PATIENCE) {
            Ok(address) => Ok(address),
            Err(mpsc::RecvTimeoutError::Timeout) => Err(format!("no line `listening on HOST:PORT` within {PATIENCE:?}")),
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                let status = self.child.take().and_then(|mut child| wait(&mut child));
                Err(format!("it ended with {status:?} before it listened"))
            }
        }
    }

    fn log(&self) -> PathBuf {
        self.folder.join("broker.log")
    }

    /// The end of what it wrote to its standard error.
    fn last_words(&self) -> String {
        let text = fs::read(self.log()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let from = lines.len().saturating_sub(60);
        format!("--- the broker's last words ({}):\n{}", self.log().display(), lines.get(from..).unwrap_or_default().join("\n"))
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let Some(own) = &mut self.own else { return };
        if let Some(mut child) = own.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if thread::panicking() {
            eprintln!("{}\n--- its folder is kept: {}", own.last_words(), own.folder.display());
        } else {
            let _ = fs::remove_dir_all(&own.folder);
        }
    }
}

/// Waits until a process has ended; `None` when it does not within [`PATIENCE`], and then it is killed.
#[expect(clippy::disallowed_methods, reason = "a process that ends has no other way to say so in std")]
fn wait(child: &mut Child) -> Option<ExitStatus> {
    const PAUSE: Duration = Duration::from_millis(10);
    for _ in 0..PATIENCE.as_millis() / PAUSE.as_millis() {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) => thread::sleep(PAUSE),
            Err(_) => break,
        }
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}

/// The program under test, built when the workspace's own is meant.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        if let Some(program) = std::env::var_os("MILLPOND_BIN") {
            return PathBuf::from(program);
        }
        // Cargo builds a package's programs for that package's own tests only; asking again when nothing changed costs little.
        let profile = profile_dir();
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(workspace_dir()).args(["build", "--quiet", "--package", "millpond", "--bin", "millpond"]);
        command.arg("--target-dir").arg(profile.parent().unwrap_or(&profile));
        if profile.ends_with("release") {
            command.arg("--release");
        }
        if let Err(message) = run_command(&mut command) {
            panic!("the broker cannot be built: {message}");
        }
        profile.join("millpond")
    })
}
