//! `millpond serve`: a broker until it is told to stop.

use std::io::IsTerminal;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::broker::Broker;
use crate::config::broker_config::BrokerConfig;
use crate::config::properties;
use crate::loggers::{self, Level};

/// Run a broker.
#[derive(Clone, Debug, Default, Args)]
pub struct Serve {
    /// Where to accept connections; port 0 picks a free one.
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    /// Where to keep the data.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// A configuration file of Kafka's.
    #[arg(long, value_name = "server.properties")]
    config: Option<PathBuf>,
    /// One of Kafka's settings; wins over the file. May be given several times.
    #[arg(long = "set", value_name = "key=value")]
    settings: Vec<String>,
    /// A file that gets the line `listening on HOST:PORT` once connections are accepted.
    #[arg(long, value_name = "PATH")]
    ready_file: Option<PathBuf>,
}

impl Serve {
    /// Runs the broker.
    #[must_use]
    pub fn run(self) -> ExitCode {
        // Colours are for people, not for files, and for those who did not ask to be spared. Source: no-color.org.
        let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        log_to_stderr(colours);
        let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return fail(&format!("the runtime cannot be started: {error}")),
        };
        match runtime.block_on(self.serve()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(message) => fail(&message),
        }
    }

    async fn serve(self) -> Result<(), String> {
        let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
        let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
        // A file that may not grow any further is an error of that file, like a full disk, and not the end of the broker.
        let _too_large = signal(SignalKind::from_raw(SIGXFSZ)).map_err(|error| error.to_string())?;
        open_as_many_files_as_may_be();
        let config = self.settings()?;
        let broker = Broker::start(config).await.map_err(|error| error.to_string())?;
        let line = format!("listening on {}\n", broker.local_addr());
        // Who started us may have closed our output; that is no reason not to serve.
        let _ = std::io::stdout().write_all(line.as_bytes()).and_then(|()| std::io::stdout().flush());
        if let Some(path) = &self.ready_file {
            std::fs::write(path, &line).map_err(|error| format!("writing {}: {error}", path.display()))?;
        }
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("stopping");
        if let Some(path) = &self.ready_file {
            // Nobody is ready here any more; if it is gone already, so much the better.
            let _ = std::fs::remove_file(path);
        }
        broker.shutdown().await.map_err(|error| error.to_string())
    }

    /// The settings: the file's, over them those of `--set`, over them the other options.
    fn settings(&self) -> Result<BrokerConfig, String> {
        let mut entries: Vec<(String, String)> = Vec::new();
        if let Some(path) = &self.config {
            let text = std::fs::read_to_string(path).map_err(|error| format!("reading {}: {error}", path.display()))?;
            entries.extend(properties::parse(&text));
        }
        for setting in &self.settings {
            let (key, value) = setting.split_once('=').ok_or_else(|| format!("--set {setting}: it must be key=value"))?;
            entries.push((key.trim().to_string(), value.trim().to_string()));
        }
        if let Some(listen) = &self.listen {
            entries.push(("listeners".to_string(), format!("PLAINTEXT://{listen}")));
        }
        if let Some(directory) = &self.data_dir {
            entries.push(("log.dirs".to_string(), directory.clone()));
        }
        let borrowed = entries.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        let (config, warnings) = BrokerConfig::from_entries(borrowed).map_err(|error| error.to_string())?;
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        Ok(config)
    }
}

/// A file is larger than the process may make one. The same number on every system that tokio knows signals of.
const SIGXFSZ: i32 = 25;

/// Raises the number of files and connections that this process may have open to what it may raise it to.
fn open_as_many_files_as_may_be() {
    let resource = rustix::process::Resource::Nofile;
    let limit = rustix::process::getrlimit(resource);
    // If it may not, it stays as it is.
    let _ = rustix::process::setrlimit(resource, rustix::process::Rlimit { current: limit.maximum, ..limit });
}

/// Begins to log, by the filter in `MILLPOND_LOG`; what is logged can be changed later.
fn log_to_stderr(colours: bool) {
    const DEFAULT: &str = "info";
    let asked = std::env::var("MILLPOND_LOG").ok().filter(|filter| EnvFilter::try_new(filter).is_ok());
    let text = asked.as_deref().unwrap_or(DEFAULT);
    let filter = EnvFilter::new(text);
    let root = match filter.max_level_hint().and_then(tracing::level_filters::LevelFilter::into_level) {
        Some(tracing::Level::TRACE) | None => Level::Trace,
        Some(tracing::Level::DEBUG) => Level::Debug,
        Some(tracing::Level::INFO) => Level::Info,
        Some(tracing::Level::WARN) => Level::Warn,
        Some(tracing::Level::ERROR) => Level::Error,
    };
    let to_stderr = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours).with_target(false);
    let to_stderr = to_stderr.with_filter_reloading();
    let handle = to_stderr.reload_handle();
    to_stderr.init();
    let apply = move |filter: &str| {
        let filter = EnvFilter::try_new(filter).map_err(|error| error.to_string())?;
        handle.reload(filter).map_err(|error| error.to_string())
    };
    loggers::hand_over(text, root, Box::new(apply));
}

fn fail(message: &str) -> ExitCode {
    // Nothing is left to be done about an error that cannot be shown.
    let _ = writeln!(std::io::stderr(), "millpond: {message}");
    ExitCode::FAILURE
}
