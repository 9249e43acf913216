//! What the documents tell is what the tables say. `BLESS=1` writes it anew.

use core::fmt::Write as _;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use millpond::config::key::{Key, Rule};
use millpond::config::keys::KEYS;
use millpond::disk::data_dir::DataDirError;
use millpond::protocol::api_key::ApiKey;
use millpond_core::catalog::others::{Elsewhere, Obstacle};
use millpond_core::catalog::snapshot::SnapshotId;
use millpond_core::ids::{BrokerId, LeaderEpoch, Offset, PartitionIndex, TopicId};
use millpond_core::shard::error::OpenError;
use millpond_tests::toolbox::workspace_dir;

const README: &str = "README.md";
const CONFIGURATION: &str = "docs/configuration.md";
const MOVING: &str = "docs/moving.md";

/// Compares the text between two marks of a document with what it should be, or puts it there.
#[track_caller]
fn holds(document: &str, mark: &str, expected: &str) {
    let path = workspace_dir().join(document);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{document}: {error}"));
    let (begin, end) = (format!("<!-- {mark}: made by tests/it/docs.rs -->\n"), format!("<!-- end of {mark} -->"));
    let from = text.find(&begin).unwrap_or_else(|| panic!("{document} has no line {begin}")) + begin.len();
    let to = from + text[from..].find(&end).unwrap_or_else(|| panic!("{document} has no line {end}"));
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, format!("{}{expected}{}", &text[..from], &text[to..])).expect("a document of ours can be written");
        return;
    }
    assert!(text[from..to] == *expected, "{document} does not tell what is: BLESS=1 writes it anew. It should be\n{expected}");
}

/// What each file of a request says of how it differs from Apache Kafka, by the number of the request.
fn differences() -> BTreeMap<i16, String> {
    let mut found = BTreeMap::new();
    let folder = workspace_dir().join("std-runtime/src/api");
    for entry in fs::read_dir(folder).expect("the folder of requests") {
        let path = entry.expect("an entry").path();
        let text = fs::read_to_string(&path).expect("a source");
        let prose: Vec<&str> = text.lines().take_while(|line| line.starts_with("//!")).map(|line| line[3..].trim()).collect();
        let prose = prose.join(" ");
        let Some((head, told)) = prose.split_once("Differences from Apache Kafka:") else {
            assert!(number(&path).is_none(), "{} does not say how it differs", path.display());
            continue;
        };
        for (at, _) in head.match_indices(", key ") {
            let digits: String = head[at + 6..].chars().take_while(char::is_ascii_digit).collect();
            found.insert(digits.parse().expect("a number"), told.trim().trim_end_matches('.').to_owned());
        }
    }
    found
}

/// The number that a file's name begins with.
fn number(path: &Path) -> Option<i16> {
    path.file_name()?.to_str()?.split_once('_')?.0.parse().ok()
}

#[test]
fn the_readme_names_the_requests_that_are_served_and_how_they_differ() {
    let mut differences = differences();
    let mut table = String::from("| key | request | versions | differs from Apache Kafka |\n|---|---|---|---|\n");
    for key in ApiKey::ALL {
        let api = key.api();
        let Some(versions) = api.advertised else { continue };
        let told = differences.remove(&key.number()).unwrap_or_else(|| panic!("no file says how {} differs", api.name));
        let told =
            if told.starts_with("none known") { told.trim_start_matches("none known").trim_start_matches([';', '.']) } else { &told };
        let span =
            if versions.first == versions.last { versions.first.to_string() } else { format!("{}–{}", versions.first, versions.last) };
        writeln!(table, "| {} | {} | {span} | {} |", key.number(), api.name, told.trim()).expect("text grows");
    }
    assert!(differences.is_empty(), "not served, yet it has a file: {differences:?}");
    holds(README, "requests", &table);
}

/// One setting as a row.
fn row(table: &mut String, key: &Key, name: &str) {
    let default = match key.default {
        Some("") | None => String::new(),
        Some(default) => format!("`{default}`"),
    };
    let rule = if key.rule == Rule::Any { String::new() } else { key.rule.to_string() };
    let changes = if key.dynamic { "yes" } else { "" };
    let kind = format!("{:?}", key.kind).to_lowercase();
    writeln!(table, "| `{name}` | {kind} | {default} | {rule} | {changes} | {} |", key.doc).expect("text grows");
}

#[test]
fn the_reference_of_settings_is_what_the_keys_say() {
    const HEAD: &str = "| key | kind | default | must be | while running | meaning |\n|---|---|---|---|---|---|\n";
    let (mut broker, mut topic) = (HEAD.to_owned(), HEAD.to_owned());
    let mut sorted: Vec<&Key> = KEYS.iter().collect();
    sorted.sort_by_key(|key| key.name);
    for key in sorted.iter().filter(|key| !key.name.is_empty()) {
        row(&mut broker, key, key.name);
    }
    sorted.sort_by_key(|key| key.topic_name);
    for key in &sorted {
        if let Some(name) = key.topic_name {
            row(&mut topic, key, name);
        }
    }
    let mut group = String::from("| key | kind | default | must be | of the broker |\n|---|---|---|---|---|\n");
    sorted.sort_by_key(|key| key.group_name);
    for key in &sorted {
        if let Some(name) = key.group_name {
            let (kind, default) = (format!("{:?}", key.kind).to_lowercase(), key.default.unwrap_or_default());
            let of_broker = if key.name.is_empty() { String::new() } else { format!("`{}`", key.name) };
            writeln!(group, "| `{name}` | {kind} | `{default}` | {} | {of_broker} |", key.rule).expect("text grows");
        }
    }
    holds(CONFIGURATION, "group settings", &group);
    holds(CONFIGURATION, "broker settings", &broker);
    holds(CONFIGURATION, "topic settings", &topic);
}

/// A message is told on a page when a piece of code in it, with the numbers and names of the example, is part of the message.
#[test]
fn the_page_on_moving_tells_the_refusals_as_they_are() {
    let page = fs::read_to_string(workspace_dir().join(MOVING)).expect("the page is in the repository");
    let pieces: Vec<&str> =
        page.lines().filter(|line| line.starts_with("| `")).flat_map(|line| line.split('`').skip(1).step_by(2)).collect();
    let place = |place| Obstacle::Elsewhere { topic: "T", index: PartitionIndex(0), place };
    let obstacles = [
        Obstacle::MetadataVersion { found: 31, known: 30 },
        Obstacle::Voter(BrokerId(2)),
        place(Elsewhere::Broker(BrokerId(2))),
        place(Elsewhere::Directory(TopicId([7; 16]))),
        Obstacle::AccessControl { entries: 3 },
    ];
    let snapshot = SnapshotId { end: Offset(9), epoch: LeaderEpoch(1) };
    let losses: [OpenError<String>; 4] = [
        OpenError::Beheaded(Offset(9)),
        OpenError::Cut { snapshot, log_end: Offset(5) },
        OpenError::Batch(Offset(5)),
        OpenError::Hole(Offset(5)),
    ];
    let directory = PathBuf::from("DIR");
    let refusals = [DataDirError::Locked(directory.clone()), DataDirError::OtherNode { directory, found: 7, expected: 1 }];
    let messages = obstacles.iter().map(ToString::to_string);
    let messages = messages.chain(losses.iter().map(ToString::to_string)).chain(refusals.iter().map(ToString::to_string));
    for message in messages {
        // What stands for a number or a name on the page.
        let example = [("31", "N"), ("30", "M"), ("offset 9", "offset N"), ("offset 5", "offset N")];
        let example = example.iter().fold(message.clone(), |text, (from, to)| text.replace(from, to));
        let example = example.replace(&snapshot.to_string(), "…").replace(&TopicId([7; 16]).to_string(), "ID");
        assert!(pieces.iter().any(|piece| piece.len() > 9 && example.contains(piece)), "{MOVING} does not tell of {example:?}");
    }
}
