//! Where tests keep what they build and install, and how they run programs.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The folder of the profile that this test was built in, such as `target/debug`.
///
/// # Panics
/// When the test does not run from a cargo target folder.
#[must_use]
pub fn profile_dir() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    let deps = test.parent().expect("a program stands in a folder");
    deps.parent().expect("cargo builds tests into target/PROFILE/deps").to_path_buf()
}

/// The folder under the target folder for what tests install; made if it is missing.
///
/// # Panics
/// When it cannot be made.
#[must_use]
pub fn tools_dir() -> PathBuf {
    let dir = profile_dir().parent().expect("a profile stands in the target folder").join("interop");
    fs::create_dir_all(&dir).expect("the target folder can be written");
    dir
}

/// The root of the workspace.
#[must_use]
pub fn workspace_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).to_path_buf()
}

/// Makes something in the tools' folder once: across tests, processes, and runs with the same `recipe`.
///
/// A half-made folder is never taken for a whole one: the recipe is written down last.
///
/// # Panics
/// When the file system refuses.
pub fn make_once<E>(name: &str, recipe: &str, make: impl FnOnce(&Path) -> Result<(), E>) -> Result<PathBuf, E> {
    let tools = tools_dir();
    let lock = File::create(tools.join(format!("{name}.lock"))).expect("a lock file can be made");
    lock.lock().expect("a lock file can be locked");
    let dir = tools.join(name);
    let made = tools.join(format!("{name}.made"));
    if dir.exists() && fs::read_to_string(&made).is_ok_and(|text| text == recipe) {
        return Ok(dir);
    }
    let _ = fs::remove_file(&made);
    if dir.exists() {
        fs::remove_dir_all(&dir).expect("a folder of ours can be removed");
    }
    fs::create_dir_all(&dir).expect("a folder can be made");
    make(&dir)?;
    fs::write(&made, recipe).expect("the recipe can be written down");
    Ok(dir)
}

/// Whether a program can be started at all.
#[must_use]
pub fn is_there(program: &str, argument: &str) -> bool {
    Command::new(program).arg(argument).output().is_ok_and(|output| output.status.success())
}

/// What a program wrote, both ways.
#[must_use]
pub fn text_of(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Runs a program to its end.
///
/// # Errors
/// What it was and what it wrote, when it cannot be started or fails.
pub fn run<I, S>(program: impl AsRef<OsStr>, arguments: I) -> Result<String, String>
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    let mut command = Command::new(&program);
    command.args(arguments);
    run_command(&mut command)
}

/// Runs a command to its end.
///
/// # Errors
/// What it was and what it wrote, when it cannot be started or fails.
pub fn run_command(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("{command:?} cannot be started: {error}"))?;
    if output.status.success() {
        Ok(text_of(&output))
    } else {
        Err(format!("{command:?} ended with {}\n{}", output.status, text_of(&output)))
    }
}
