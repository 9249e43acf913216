//! The command line.

use std::process::ExitCode;

use clap::Parser as _;
use millpond::cli::Arguments;

fn main() -> ExitCode {
    millpond::cli::run(Arguments::parse())
}
