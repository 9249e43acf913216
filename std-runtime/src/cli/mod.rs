//! The commands of the binary `millpond`.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub mod serve;

/// Apache Kafka's log and consumer groups, small enough to link into anything.
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
}

/// Carries out a command.
#[must_use]
pub fn run(arguments: Arguments) -> ExitCode {
    match arguments.command.unwrap_or_else(|| Command::Serve(serve::Serve::default())) {
        Command::Serve(serve) => serve.run(),
    }
}
