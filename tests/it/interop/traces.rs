//! The same requests, step by step, to us and to Apache Kafka 4.3: the answers are the same.
//!
//! Scenarios and Kafka's recorded answers stand in a folder of their own, which `MILLPOND_TRACES` names.

use std::fs;
use std::path::Path;
use std::process::Command;

use millpond_tests::broker::Broker;
use millpond_tests::skip::{skip, variable_or_skip};
use millpond_tests::toolbox::{is_there, run_command, text_of, tools_dir};

#[test]
fn our_answers_are_those_of_apache_kafka() {
    const TEST: &str = "differential traces";
    let Some(folder) = variable_or_skip(TEST, "MILLPOND_TRACES", "the folder with the trace program and its scenarios") else { return };
    for (program, argument) in [("go", "version"), ("python3", "--version")] {
        if !is_there(program, argument) {
            return skip(TEST, &format!("{program} is missing"));
        }
    }
    let folder = fs::canonicalize(folder).expect("MILLPOND_TRACES names a folder");
    let program = tools_dir().join("trace");
    run_command(Command::new("go").current_dir(&folder).args(["build", "-o"]).arg(&program).arg("."))
        .unwrap_or_else(|message| panic!("{message}"));

    let profile = fs::read_to_string(folder.join("trace-profile.properties")).expect("the profile can be read");
    let settings: Vec<(&str, &str)> =
        profile.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.trim().split_once('=')).collect();
    let Some(broker) = Broker::start_own_or_skip(TEST, &settings) else { return };

    let mut scenarios: Vec<_> = fs::read_dir(folder.join("scenarios")).expect("scenarios").flatten().map(|entry| entry.path()).collect();
    scenarios.retain(|path| serves(path));
    scenarios.sort();
    assert!(!scenarios.is_empty(), "there are scenarios");
    let mut trace = Command::new(&program);
    trace.args(["-bootstrap", broker.bootstrap()]).args(&scenarios);
    let output = trace.output().expect("the trace program can be started");
    let found = tools_dir().join("trace.jsonl");
    fs::write(&found, &output.stdout).expect("the trace can be written");

    let mut compare = Command::new("python3");
    compare.arg(folder.join("compare.py")).arg(folder.join("kafka-4.3.0.jsonl")).arg(&found).args(["--tags", TAGS]);
    let compared = compare.output().expect("python3 can be started");
    println!("{}", text_of(&compared));
    assert!(compared.status.success(), "the traces differ:\n{}\n{}", text_of(&compared), String::from_utf8_lossy(&output.stderr));
}

/// What we promise to answer as Kafka does.
const TAGS: &str = "classic,static,offsets,log";

/// Whether a file has scenarios with those tags; the others would only wait for what is not there.
fn serves(path: &Path) -> bool {
    let text = fs::read_to_string(path).expect("a scenario can be read");
    TAGS.split(',').any(|tag| text.contains(&format!("\"{tag}\"")))
}
