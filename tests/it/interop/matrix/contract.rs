//! The driver's half of the contract that `tests/interop/README.md` tells.

use core::fmt::Write as _;
use core::time::Duration;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use millpond_tests::broker::Broker;
use millpond_tests::command;
use millpond_tests::skip::{skip, variable_or_skip};
use millpond_tests::toolbox::tools_dir;

use super::client::Client;
use super::{effects, table};

/// Members of KIP-848 hear of changes with their heartbeats, whose pace is the broker's.
const SETTINGS: &[(&str, &str)] = &[("group.consumer.min.heartbeat.interval.ms", "100"), ("group.consumer.heartbeat.interval.ms", "300")];

/// How long a program may run, in seconds: far beyond what any needs.
const PATIENCE: &str = "600";

/// How long the broker is away.
const AWAY: Duration = Duration::from_secs(1);

/// What a program said of a capability.
pub(super) enum Answer {
    Ok,
    /// The client does not have it; why.
    NotOffered(String),
}

/// A capability, and the answer.
pub(super) type Answers = Vec<(String, Answer)>;

/// Runs a client's program against a broker of its own, and compares its row of the table.
pub(super) fn play(test: &str, client: &Client) {
    if variable_or_skip(test, "MILLPOND_MATRIX", "1 to install every client").is_none() {
        return;
    }
    let program = match (client.program)() {
        Ok(program) => program,
        Err(lacks) => return skip(test, &lacks),
    };
    let Some(mut broker) = Broker::start_own_or_skip(test, SETTINGS) else { return };
    for (topic, partitions) in client.table.topics {
        command::run(broker.bootstrap(), &format!("topic create {topic} --partitions {partitions}"), Vec::new()).ok();
    }
    let only = std::env::var("MILLPOND_CAPABILITIES").unwrap_or_default();
    let only: Vec<&str> = only.split_whitespace().collect();
    let answers = converse(test, client, program, &mut broker, &only);
    let wanted = client.table.capabilities.iter().copied().filter(|name| only.is_empty() || only.contains(name));
    let wanted: Vec<&str> = wanted.collect();
    let answered: Vec<&str> = answers.iter().map(|(capability, _)| &**capability).collect();
    assert_eq!(answered, wanted, "{test}: every capability is answered for, in order");
    for (capability, answer) in &answers {
        if matches!(answer, Answer::Ok) {
            effects::check(capability, &broker);
        }
    }
    if only.is_empty() {
        table::compare(client, &answers);
    }
}

/// Runs a program to its end, and restarts the broker when it asks for that.
#[expect(clippy::disallowed_methods, reason = "a broker that is away is away for a time")]
fn converse(test: &str, client: &Client, program: Command, broker: &mut Broker, only: &[&str]) -> Answers {
    // Clients complain while the broker is away, at length: only a failure wants to read that.
    let complaints = tools_dir().join(format!("{test}.log"));
    let mut command = Command::new("timeout");
    command.arg(PATIENCE).arg(program.get_program()).args(program.get_args()).arg(broker.bootstrap()).args(only);
    command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Some(dir) = program.get_current_dir() {
        command.current_dir(dir);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(File::create(&complaints).expect("a log can be made"));
    let mut child = command.spawn().expect("timeout can be started");
    let mut input = child.stdin.take().expect("its input is ours");
    let output = BufReader::new(child.stdout.take().expect("its output is ours"));
    let (mut answers, mut said, mut restarts) = (Answers::new(), String::new(), 0);
    for line in output.lines().map_while(Result::ok) {
        println!("{test}: {line}");
        writeln!(said, "{line}").expect("text grows");
        if line == "restart please" {
            broker.kill();
            // Long enough for clients to find nobody there.
            std::thread::sleep(AWAY);
            broker.restart();
            restarts += 1;
            // A program that is gone says so by how it ended.
            let _ = input.write_all(b"restarted\n");
        }
        answers.extend(answer(client, &line));
    }
    let status = child.wait().expect("it ends");
    let complaints = std::fs::read_to_string(&complaints).unwrap_or_default();
    assert!(status.success(), "{test} ended with {status}:\n{said}{complaints}");
    let lived_through_one = answers.iter().any(|(capability, answer)| capability == "restart" && matches!(answer, Answer::Ok));
    assert_eq!(restarts, u32::from(lived_through_one), "{test}: restarts");
    answers
}

/// `CAPABILITY ok` or `CAPABILITY not offered: REASON`; any other line is the client's own talk.
fn answer(client: &Client, line: &str) -> Option<(String, Answer)> {
    let (capability, answer) = line.split_once(' ')?;
    if !client.table.capabilities.contains(&capability) {
        return None;
    }
    let answer = match answer.strip_prefix("not offered: ") {
        None if answer == "ok" => Answer::Ok,
        None => return None,
        Some(reason) => Answer::NotOffered(reason.to_owned()),
    };
    Some((capability.to_owned(), answer))
}
