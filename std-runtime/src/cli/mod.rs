//! The commands of the binary `millpond`.
//!
//! - [`serve`]: a broker. [`topic`], [`group`], [`produce`], [`consume`]: what clients do, at any broker that speaks Kafka's protocol.
//! - [`log`]: the files of a data directory, without a broker.
//! - [`run`] is the program, [`run_with`] the same inside another one. [`terminal`]: what a command reads and writes.
//! - [`connect`]: the options that lead to a broker. [`error`]: how a command fails. [`table`], [`moment`], [`record_format`]: how things look.

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub mod connect;
pub mod consume;
pub mod error;
pub mod group;
pub mod log;
pub mod moment;
pub mod produce;
pub mod record_format;
pub mod serve;
pub mod table;
pub mod terminal;
pub mod topic;

use error::CommandError;
use terminal::Terminal;

/// Apache Kafka's log and consumer groups, small enough to link into anything. Without a command it runs a broker on port 9092 with its data in
/// `millpond-data`, as `millpond serve` does.
#[derive(Debug, Parser)]
#[command(name = "millpond", version)]
pub struct Arguments {
    /// What to do; without a command, `serve`.
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a broker.
    Serve(serve::Serve),
    /// Create, look at, change and delete topics.
    #[command(subcommand)]
    Topic(topic::Topic),
    /// Look at groups of any kind, move the offsets of consumer groups, delete groups.
    #[command(subcommand)]
    Group(group::Group),
    /// Look at the files of a data directory, without a broker, and repair them.
    #[command(subcommand)]
    Log(log::Log),
    /// Write records: one from each line of the input.
    Produce(produce::Produce),
    /// Read records.
    Consume(consume::Consume),
}

impl Command {
    async fn carry_out(self, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
        match self {
            Self::Serve(_) => Err(CommandError::Usage("serve runs as a program of its own".to_string())),
            Self::Topic(topic) => topic.carry_out(terminal).await,
            Self::Group(group) => group.carry_out(terminal).await,
            Self::Log(log) => log.carry_out(terminal),
            Self::Produce(produce) => produce.carry_out(terminal).await,
            Self::Consume(consume) => consume.carry_out(terminal).await,
        }
    }
}

/// Carries out a command.
#[must_use]
pub fn run(arguments: Arguments) -> ExitCode {
    let command = match arguments.command {
        None => return serve::Serve::default().run(),
        Some(Command::Serve(serve)) => return serve.run(),
        Some(command) => command,
    };
    let (mut out, mut err) = (std::io::stdout(), std::io::stderr());
    let input = Box::new(std::io::stdin());
    let watched = std::io::stderr().is_terminal();
    let mut terminal = Terminal { input: Some(input), out: &mut out, err: &mut err, signals: true, watched };
    ExitCode::from(terminal.run(async |terminal| command.carry_out(terminal).await))
}

/// Carries out a command inside another program, and answers its exit code. The first argument is the program's name. All commands but
/// `serve`: for that there is [`Broker::start`](crate::broker::Broker::start).
///
/// Runs a runtime of its own, so it must not be called from within another.
#[must_use]
pub fn run_with(arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>, terminal: &mut Terminal<'_>) -> u8 {
    match Arguments::try_parse_from(arguments) {
        Ok(arguments) => {
            let command = arguments.command.unwrap_or_else(|| Command::Serve(serve::Serve::default()));
            terminal.run(async |terminal| command.carry_out(terminal).await)
        }
        Err(error) => {
            let text = error.render().to_string();
            let failed = error.use_stderr();
            // Nothing is left to be done about a text that cannot be shown.
            let _ = if failed { terminal.err.write_all(text.as_bytes()) } else { terminal.out.write_all(text.as_bytes()) };
            u8::from(failed)
        }
    }
}
