//! The same requests, step by step, to us and to Apache Kafka 4.3: the answers are the same.
//!
//! The program that plays scenarios stands in a folder of its own, which `MILLPOND_TRACES` names, with scenarios and Kafka's recorded answers.
//! More of both are in `tests/golden/traces`, some thought out, some drawn by lot; what Kafka answers there was recorded by the same program, with
//! the settings of its profile.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use millpond_tests::broker::Broker;
use millpond_tests::skip::{skip, variable_or_skip};
use millpond_tests::toolbox::{is_there, run_command, text_of, tools_dir, workspace_dir};
use serde_json::Value;

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

    let ours = workspace_dir().join("tests/golden/traces");
    let mut scenarios = scenario_files(&folder.join("scenarios"));
    scenarios.extend(scenario_files(&ours));
    assert!(scenarios.len() > 1, "there are scenarios");
    let mut trace = Command::new(&program);
    trace.args(["-bootstrap", broker.bootstrap()]).args(&scenarios);
    let output = trace.output().expect("the trace program can be started");
    let found = tools_dir().join("trace.jsonl");
    fs::write(&found, &output.stdout).expect("the trace can be written");

    let expected = tools_dir().join("trace-expected.jsonl");
    let recorded =
        [&folder, &ours].map(|folder| fs::read_to_string(folder.join("kafka-4.3.0.jsonl")).expect("recorded answers can be read"));
    fs::write(&expected, what_is_promised(&scenarios, &recorded.concat())).expect("the expectation can be written");
    let mut compare = Command::new("python3");
    compare.arg(folder.join("compare.py")).arg(&expected).arg(&found);
    let compared = compare.output().expect("python3 can be started");
    println!("{}", text_of(&compared));
    assert!(compared.status.success(), "the traces differ:\n{}\n{}", text_of(&compared), String::from_utf8_lossy(&output.stderr));
}

/// What we promise to answer as Kafka does.
const TAGS: [&str; 7] = ["classic", "static", "offsets", "log", "txn", "consumer", "share"];
/// What we do not serve yet.
const NOT_YET: [&str; 1] = ["streams"];

/// Steps whose recorded answer depends on more than the scenario, or is another on purpose, by scenario and number.
const APART: [(&str, i64); 3] = [
    // A static classic member that comes back by its own id gives back first: see `11_join_group.rs`.
    ("own-static-migration", 6),
    // Kafka names partitions of one topic in no order.
    ("own-partial", 20),
    // Lists groups of the consumer type: the recorded broker had some of other scenarios, which show as an empty list rather than none.
    ("groups-admin", 12),
];

/// The recorded answers that ours must equal.
fn what_is_promised(scenarios: &[PathBuf], recorded: &str) -> String {
    let promised: Vec<String> = scenarios.iter().flat_map(|path| promised_in(path)).collect();
    let keep = |line: &&str| {
        let step: Value = serde_json::from_str(line).expect("a recorded answer is JSON");
        let scenario = step.get("scenario").and_then(Value::as_str).unwrap_or_default();
        let apart = APART.iter().any(|(name, number)| *name == scenario && step.get("step").and_then(Value::as_i64) == Some(*number));
        promised.iter().any(|name| name == scenario) && !apart
    };
    recorded.lines().filter(keep).map(|line| format!("{line}\n")).collect()
}

/// The scenarios of a file that we promise to answer as Kafka does.
fn promised_in(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).expect("a scenario can be read");
    let scenarios: Vec<Value> = serde_json::from_str(&text).expect("scenarios are JSON");
    let has = |scenario: &Value, tags: &[&str]| {
        scenario.get("tags").and_then(Value::as_array).into_iter().flatten().any(|tag| tag.as_str().is_some_and(|tag| tags.contains(&tag)))
    };
    let promised = scenarios.iter().filter(|scenario| has(scenario, &TAGS) && !has(scenario, &NOT_YET));
    promised.filter_map(|scenario| scenario.get("name")?.as_str()).map(str::to_string).collect()
}

/// The files that hold such scenarios; the others would only wait for what is not there.
fn scenario_files(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).expect("a folder of scenarios").flatten().map(|entry| entry.path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let mut files: Vec<PathBuf> = files.filter(|path| !promised_in(path).is_empty()).collect();
    files.sort();
    files
}
