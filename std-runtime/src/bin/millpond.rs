//! The command line.

use std::process::ExitCode;

use clap::Parser as _;
use millpond::cli::Arguments;

fn main() -> ExitCode {
    match Arguments::try_parse() {
        Ok(arguments) => millpond::cli::run(arguments),
        Err(error) => {
            // Nothing is left to be done about a text that cannot be shown.
            let _ = error.print();
            if error.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
        }
    }
}
