//! kafka-python, unmodified, from PyPI: one scenario of `tests/interop/python` a test.
//!
//! To run one by hand: `target/interop/python/bin/python tests/interop/python/commit_resume.py 127.0.0.1:9092`.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use millpond_tests::broker::Broker;
use millpond_tests::skip::skip;
use millpond_tests::toolbox::{is_there, make_once, run_command, text_of, tools_dir, workspace_dir};

/// A Python with kafka-python in it; without Python or its packages the test is skipped.
pub(super) fn python_or_skip(test: &str) -> Option<PathBuf> {
    installed().map_err(|lacks| skip(test, &lacks)).ok()
}

/// A Python with the packages of `requirements.txt` in it; what it lacks, if there is none.
pub(super) fn installed() -> Result<PathBuf, String> {
    if !is_there("python3", "--version") {
        return Err("python3 is missing".to_owned());
    }
    let requirements = scenarios().join("requirements.txt");
    let recipe = std::fs::read_to_string(&requirements).expect("the list of packages is in the repository");
    let made = make_once("python", &recipe, |dir| {
        run_command(Command::new("python3").args(["-m", "venv"]).arg(dir))?;
        let mut pip = Command::new(dir.join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:", "--requirement"]);
        run_command(pip.arg(&requirements)).map(drop)
    });
    made.map(|dir| dir.join("bin/python")).map_err(|message| format!("Python's packages cannot be installed: {message}"))
}

fn scenarios() -> PathBuf {
    workspace_dir().join("tests/interop/python")
}

/// `PYTHON SCENARIO.py BOOTSTRAP ARGUMENTS…`.
fn command(python: &Path, scenario: &str, broker: &Broker, arguments: &[&str]) -> Command {
    let mut command = Command::new(python);
    command.env("PYTHONDONTWRITEBYTECODE", "1").stdin(Stdio::null());
    command.arg(scenarios().join(scenario).with_extension("py")).arg(broker.bootstrap()).args(arguments);
    command
}

/// Runs a scenario; answers the JSON line it found.
pub(super) fn play(python: &Path, scenario: &str, broker: &Broker, arguments: &[&str]) -> String {
    let output = command(python, scenario, broker, arguments).output().expect("python can be started");
    assert!(output.status.success(), "{scenario} {arguments:?} failed:\n{}", text_of(&output));
    let found = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    println!("{scenario} {arguments:?}: {found}");
    found
}

/// A scenario against a broker of its own, or whichever runs.
fn scenario(name: &str, arguments: &[&str]) {
    let Some(python) = python_or_skip(name) else { return };
    let broker = Broker::start(&[]);
    play(&python, name, &broker, arguments);
}

/// A scenario that needs settings.
fn scenario_with(name: &str, arguments: &[&str], settings: &[(&str, &str)]) {
    let Some(python) = python_or_skip(name) else { return };
    let Some(broker) = Broker::start_own_or_skip(name, settings) else { return };
    play(&python, name, &broker, arguments);
}

#[test]
fn the_four_experiments() {
    scenario("experiments", &[]);
}

#[test]
fn records_come_back_with_keys_values_headers_and_timestamps() {
    scenario("produce_consume", &[]);
}

#[test]
fn the_same_key_goes_to_the_same_partition_and_no_key_spreads() {
    scenario("partitioning", &[]);
}

#[test]
fn two_consumers_share_and_the_other_takes_over_at_once_when_one_closes() {
    scenario("share_and_close", &[]);
}

#[test]
fn a_killed_consumer_is_replaced_when_its_session_has_timed_out() {
    scenario("kill_take_over", &[]);
}

#[test]
fn a_group_resumes_where_it_committed_and_another_starts_at_zero() {
    scenario("commit_resume", &[]);
}

#[test]
fn auto_offset_reset_three_ways() {
    scenario("offset_reset", &[]);
}

#[test]
fn seek_assign_and_offsets_in_a_store_of_the_applications_own() {
    scenario("seek_and_store", &[]);
}

#[test]
fn kip345_a_restarted_static_member_keeps_its_partitions() {
    scenario("static_membership", &[]);
}

#[test]
fn assignor_range() {
    scenario("assignors", &["range"]);
}

#[test]
fn assignor_roundrobin() {
    scenario("assignors", &["roundrobin"]);
}

#[test]
fn assignor_sticky() {
    scenario("assignors", &["sticky"]);
}

#[test]
fn assignor_cooperative_sticky() {
    scenario("assignors", &["cooperative-sticky"]);
}

#[test]
fn members_without_a_common_assignor_are_refused() {
    scenario("assignors", &["none-in-common"]);
}

#[test]
fn what_starts_a_rebalance() {
    scenario("rebalance_triggers", &[]);
}

#[test]
fn an_idempotent_producer_writes_each_record_once_and_in_order() {
    scenario("idempotent", &[]);
}

#[test]
fn four_codecs_in_one_log() {
    scenario("compression", &[]);
}

#[test]
fn large_records_pass_and_too_large_ones_are_refused() {
    scenario("large_records", &[]);
}

#[test]
fn topics_by_the_admin_client() {
    scenario("admin_topics", &[]);
}

#[test]
fn configs_by_the_admin_client() {
    scenario("admin_configs", &[]);
}

#[test]
fn groups_by_the_admin_client() {
    scenario("admin_groups", &[]);
}

#[test]
fn deleted_records_are_gone_for_everyone() {
    scenario("delete_records", &[]);
}

#[test]
fn an_unknown_topic_is_made() {
    scenario("auto_create", &[]);
}

#[test]
fn an_unknown_topic_is_not_made_where_that_is_forbidden() {
    scenario_with("auto_create", &["off"], &[("auto.create.topics.enable", "false")]);
}

#[test]
fn a_topic_is_deleted_under_its_consumer() {
    scenario_with("delete_while_consuming", &[], &[("auto.create.topics.enable", "false")]);
}

#[test]
fn restarts_lose_no_record_and_no_commit() {
    const TEST: &str = "broker_restart";
    let Some(python) = python_or_skip(TEST) else { return };
    let Some(mut broker) = Broker::start_own_or_skip(TEST, &[]) else { return };
    let state = play(&python, TEST, &broker, &["before"]);
    broker.stop();
    broker.restart();
    play(&python, TEST, &broker, &["after", &state, "1"]);
    broker.kill();
    broker.restart();
    play(&python, TEST, &broker, &["after", &state, "2"]);
    // Twice in a row: what recovery wrote must itself be recoverable.
    broker.kill();
    broker.restart();
    broker.kill();
    broker.restart();
    play(&python, TEST, &broker, &["after", &state, "3"]);
}

#[test]
fn producer_and_consumer_live_through_a_stop() {
    through_a_restart("through a stop", Broker::stop);
}

#[test]
fn producer_and_consumer_live_through_a_kill() {
    through_a_restart("through a kill", Broker::kill);
}

fn through_a_restart(test: &str, end: impl FnOnce(&mut Broker)) {
    let Some(python) = python_or_skip(test) else { return };
    let Some(mut broker) = Broker::start_own_or_skip(test, &[]) else { return };
    let mut command = command(&python, "through_restart", &broker, &[]);
    // While the broker is away the client complains, at length: only a failure wants to read that.
    let complaints = tools_dir().join(format!("{test}.log"));
    command.stderr(File::create(&complaints).expect("a log can be made"));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("python can be started");
    let mut output = BufReader::new(child.stdout.take().expect("its output is ours"));
    let mut line = String::new();
    output.read_line(&mut line).expect("its output can be read");
    assert_eq!(line, "ready\n", "what the scenario says first");
    end(&mut broker);
    broker.restart();
    // Closing its input, too, would tell it to stop; the line says it in words.
    child.stdin.take().expect("its input is ours").write_all(b"stop\n").expect("it listens");
    line.clear();
    output.read_line(&mut line).expect("its output can be read");
    let status = child.wait().expect("it ends");
    assert!(status.success(), "{test} ended with {status}:\n{}", std::fs::read_to_string(&complaints).unwrap_or_default());
    println!("{test}: {line}");
}
