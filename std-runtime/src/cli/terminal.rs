//! What a command reads and writes: the program's own streams, or those of a test.

use core::fmt;
use core::future::Future;
use std::io::{Read, Write};

use tokio::signal::unix::{SignalKind, signal};

use super::error::CommandError;

/// The streams of a command.
pub struct Terminal<'t> {
    /// What it reads; taken by the command that does. A thread of its own waits for it.
    pub input: Option<Box<dyn Read + Send>>,
    /// What it was asked for.
    pub out: &'t mut dyn Write,
    /// What it has to say about that.
    pub err: &'t mut dyn Write,
    /// Whether the signals of the process are meant for it.
    pub signals: bool,
    /// Whether somebody watches `err` while the command runs: then it may show how far it is.
    pub watched: bool,
}

impl fmt::Debug for Terminal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terminal").field("signals", &self.signals).finish_non_exhaustive()
    }
}

impl Terminal<'_> {
    /// Says something that is not the result.
    pub fn say(&mut self, line: &str) {
        // Whoever closed our error stream does not want to hear it.
        let _ = writeln!(self.err, "{line}");
    }

    /// Runs a command to its end and answers the exit code.
    #[must_use]
    pub fn run(&mut self, command: impl AsyncFnOnce(&mut Terminal<'_>) -> Result<(), CommandError>) -> u8 {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                self.say(&format!("millpond: the runtime cannot be started: {error}"));
                return 1;
            }
        };
        let done = runtime.block_on(command(self));
        // A name that is still being looked up is nobody's concern any more.
        runtime.shutdown_background();
        let flushed = self.out.flush().map_err(CommandError::Output);
        match done.and(flushed) {
            Ok(()) => 0,
            Err(error) if error.is_closed_output() => 0,
            Err(error) => {
                for line in error.to_string().lines() {
                    self.say(&format!("millpond: {line}"));
                }
                1
            }
        }
    }
}

/// Waits until the process is told to end; for ever when that is nobody's concern here.
pub async fn told_to_end(signals: bool) {
    if !signals {
        return core::future::pending().await;
    }
    match (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
        (Ok(mut interrupt), Ok(mut terminate)) => {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }
        // Then the signals end the process as they always do.
        _ => core::future::pending().await,
    }
}

/// Either what `work` answers, or `None` once the process is told to end.
pub async fn unless_told_to_end<T>(signals: bool, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        done = work => Some(done),
        () = told_to_end(signals) => None,
    }
}
