//! Installs the clients and compiles their programs, each with its own package manager.

use std::fs::File;
use std::process::Command;

use millpond_tests::toolbox::{is_there, run_command, tools_dir};

use super::client::interop_dir;

/// A program of `tests/interop/go`, built.
pub(super) fn go(program: &str) -> Result<Command, String> {
    needs("go", "version")?;
    let built = tools_dir().join("go").join(program);
    one_at_a_time("go", || {
        // Go itself knows what is up to date.
        let mut go = Command::new("go");
        go.current_dir(interop_dir().join("go")).args(["build", "-mod=readonly", "-o"]).arg(&built);
        run_command(go.arg(format!("./{program}")))
    })?;
    Ok(Command::new(built))
}

fn needs(program: &str, argument: &str) -> Result<(), String> {
    if is_there(program, argument) { Ok(()) } else { Err(format!("{program} is missing")) }
}

/// Runs what other tests must not run at the same time.
fn one_at_a_time<T>(name: &str, run: impl FnOnce() -> T) -> T {
    let lock = File::create(tools_dir().join(format!("{name}.lock"))).expect("a lock file can be made");
    lock.lock().expect("a lock file can be locked");
    run()
}
