//! `millpond log verify`, on directories that a broker has written.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use millpond_tests::command::{Done, run_offline};
use serde_json::Value;

use super::World;

const FIRST: &str = "00000000000000000000.log";
/// As many batches as there are records.
const RECORDS: usize = 12;

/// A topic `t` with a batch for each record, and one `other`; the broker is stopped in good order.
fn written() -> World {
    let mut world = World::new();
    world.run("topic create t --config index.interval.bytes=100").ok();
    world.run("topic create other").ok();
    for (number, compression) in ["none", "gzip", "snappy", "lz4", "zstd"].into_iter().cycle().take(RECORDS).enumerate() {
        world.feed(&format!("produce t --compression {compression}"), &format!("{}\n", record(number))).ok();
    }
    world.feed("produce other", "kept\n").ok();
    world.stop();
    world
}

fn record(number: usize) -> String {
    format!("record {number} {}", "x".repeat(60))
}

impl World {
    fn path(&self, below: &str) -> PathBuf {
        self.directory.join(below)
    }

    fn verify(&self, more: &str) -> Done {
        let line = format!("log verify {} {more}", self.directory.display());
        run_offline(line.trim_end(), Vec::new())
    }

    fn report(&self, more: &str) -> (u8, Value) {
        let done = self.verify(format!("{more} --json").trim_start());
        (done.code, serde_json::from_str(&done.out).unwrap_or_else(|error| panic!("{error}: {}{}", done.out, done.err)))
    }

    /// What consumers read of a topic.
    fn consumed(&self, topic: &str) -> Vec<String> {
        let text = self.run(&format!("consume {topic} --from earliest --exit-at-end")).ok();
        text.lines().map(ToOwned::to_owned).collect()
    }
}

/// Every file below a folder.
fn all_files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(all_files(&path));
        } else {
            found.insert(path.clone(), fs::read(&path).expect("a file"));
        }
    }
    found
}

fn change(path: &Path, with: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).expect("the file is there");
    with(&mut bytes);
    fs::write(path, bytes).expect("the file can be written");
}

/// Where the batches of a log begin.
fn batches(log: &Path) -> Vec<usize> {
    let bytes = fs::read(log).expect("the log is there");
    let mut positions = Vec::new();
    let mut at = 0;
    while let Some(length) = bytes.get(at + 8..at + 12) {
        positions.push(at);
        at += 12 + usize::try_from(u32::from_be_bytes(length.try_into().expect("four bytes"))).expect("a size");
    }
    positions
}

fn strings(value: &Value, pointer: &str) -> Vec<String> {
    let list = value.pointer(pointer).and_then(Value::as_array).unwrap_or_else(|| panic!("no {pointer} in {value:#}"));
    list.iter().map(|finding| format!("{} {}", text(finding, "kind"), text(finding, "file"))).collect()
}

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap_or_else(|| panic!("no {field} in {value:#}"))
}

/// What is told of a topic's only partition.
fn of<'v>(report: &'v Value, topic: &str) -> &'v Value {
    let partitions = report["partitions"].as_array().expect("partitions");
    partitions.iter().find(|partition| partition["topic"] == topic).unwrap_or_else(|| panic!("no {topic} in {report:#}"))
}

#[test]
fn what_a_broker_has_written_is_sound_and_stays_as_it_is() {
    let world = written();
    let before = all_files(&world.directory);
    let said = world.verify("").ok();
    assert!(said.contains("all of it sound") && said.contains("--deep looks into them"), "{said}");
    assert_eq!(world.verify("--quiet").ok(), "");
    for (more, unopened) in [("", 9), ("--deep", 0)] {
        let (code, report) = world.report(more);
        assert_eq!((code, &report["sound"], &report["lossless"]), (0, &Value::from(true), &Value::from(true)));
        let seen = &of(&report, "t")["before"];
        assert_eq!(seen["batches_unopened"], unopened);
        assert_eq!((&seen["records"], &seen["log_end"]), (&Value::from(RECORDS), &Value::from(RECORDS)));
        assert_eq!(seen["bytes"], seen["bytes_sound"]);
    }
    assert!(all_files(&world.directory) == before, "looking changes nothing");
    world.verify("--repair").ok();
    assert!(all_files(&world.directory) == before, "there is nothing to repair");
    assert_eq!(of(&world.report("--topic t --partition 0").1, "t")["recovery_point"], RECORDS);
    assert!(world.verify("--topic nowhere").failed().contains("has no such partition"));
}

#[test]
fn one_flipped_bit_costs_one_batch_and_is_named() {
    let mut world = written();
    let log = world.path("t-0").join(FIRST);
    let position = batches(&log)[4];
    change(&log, |bytes| bytes[position + 70] ^= 1);
    let before = all_files(&world.directory);

    let done = world.verify("");
    assert!(done.out.contains(&format!("t-0/{FIRST}, byte {position}, ")), "{}", done.out);
    assert!(done.out.contains("; offset 4 cannot be read"), "{}", done.out);
    assert!(done.out.contains("all the rest can be saved"), "{}", done.out);
    assert_eq!(done.failed(), "millpond: damage was found; 1 offset cannot be read\n");
    let (code, report) = world.report("");
    assert_eq!((code, &report["sound"]), (1, &Value::from(false)));
    let finding = &of(&report, "t")["before"]["findings"][0];
    assert_eq!((text(finding, "file"), &finding["position"]), (&*format!("t-0/{FIRST}"), &Value::from(position)));
    assert_eq!((text(finding, "kind"), text(finding, "remedy")), ("batch", "cut"));
    assert_eq!(finding["offsets"], serde_json::json!({ "first": 4, "last": 4 }));
    assert!(all_files(&world.directory) == before, "looking changes nothing");

    let (code, report) = world.report("--repair");
    assert_eq!(code, 1, "a record is lost, and that is said");
    assert_eq!((&report["sound"], &report["lossless"]), (&Value::from(true), &Value::from(false)));
    let aside = world.path(text(of(&report, "t"), "set_aside"));
    assert!(fs::read(aside.join(FIRST)).expect("it is kept") == before[&log]);
    let (code, report) = world.report("");
    assert_eq!((code, &of(&report, "t")["before"]["offsets_absent"]), (0, &Value::from(1)));
    assert_eq!(world.verify("--deep --quiet").ok(), "");

    world.start();
    let expected: Vec<String> = (0..RECORDS).filter(|number| *number != 4).map(record).collect();
    assert_eq!(world.consumed("t"), expected);
    assert_eq!(world.consumed("other"), ["kept"]);
    world.feed("produce t", "next\n").ok();
    assert_eq!(world.run(&format!("consume t --from {RECORDS} --exit-at-end --format %o:%v~")).ok().trim(), format!("{RECORDS}:next"));
}

#[test]
fn what_follows_from_the_batches_is_made_anew_and_nothing_is_lost() {
    let mut world = written();
    let partition = world.path("t-0");
    change(&partition.join("00000000000000000000.index"), |bytes| bytes[7] ^= 1);
    change(&partition.join("leader-epoch-checkpoint"), |bytes| bytes[0] = b'7');
    change(&partition.join(format!("{RECORDS:020}.snapshot")), |bytes| bytes[3] ^= 1);
    change(&partition.join("partition.metadata"), |bytes| bytes.clear());
    change(&world.path("log-start-offset-checkpoint"), |bytes| bytes.push(b'x'));
    change(&world.path("recovery-point-offset-checkpoint"), |bytes| bytes.clear());
    let (code, report) = world.report("");
    assert_eq!((code, &report["lossless"]), (1, &Value::from(true)));
    let expected = ["index t-0/00000000000000000000.index", "snapshot t-0/00000000000000000012.snapshot"];
    let expected = [&expected[..], &["epochs t-0/leader-epoch-checkpoint", "metadata t-0/partition.metadata"]].concat();
    assert_eq!(strings(of(&report, "t"), "/before/findings"), expected);
    let beside = ["metadata recovery-point-offset-checkpoint", "metadata log-start-offset-checkpoint"];
    assert_eq!(strings(&report, "/findings"), beside);
    let damaged = all_files(&world.directory);

    let said = world.verify("--repair").ok();
    assert!(said.contains("t-0: no offset is lost; 100.0 % of the bytes are sound; repaired"), "{said}");
    world.verify("").ok();
    let now = all_files(&world.directory);
    for (path, bytes) in &damaged {
        assert!(now.values().any(|kept| kept == bytes), "the bytes of {} are kept", path.display());
    }
    let points = fs::read_to_string(world.path("recovery-point-offset-checkpoint")).expect("written anew");
    assert!(points.contains(&format!("t 0 {RECORDS}\n")) && points.contains("other 0 1\n"), "{points}");
    world.start();
    assert_eq!(world.consumed("t"), (0..RECORDS).map(record).collect::<Vec<_>>());
    world.feed("produce t", "next\n").ok();
}

#[test]
fn offsets_that_are_gone_at_the_end_are_not_given_out_again() {
    let mut world = written();
    let log = world.path("t-0").join(FIRST);
    let position = batches(&log)[RECORDS - 2];
    change(&log, |bytes| bytes.truncate(position + 20));
    let (code, report) = world.report("");
    let before = &of(&report, "t")["before"];
    assert_eq!((code, &before["offsets_lost"]), (1, &Value::from(2)));
    assert_eq!(before["lost"], serde_json::json!([{ "first": RECORDS - 2, "last": RECORDS - 1 }]));
    assert!(strings(before, "/findings").contains(&"end t-0".to_owned()), "{before:#}");
    assert_eq!(world.report("--repair").0, 1);
    world.verify("").ok();
    world.start();
    assert_eq!(world.consumed("t").len(), RECORDS - 2);
    world.feed("produce t", "next\n").ok();
    assert_eq!(world.run(&format!("consume t --from {RECORDS} --exit-at-end")).ok(), "next\n");
}

#[test]
fn a_write_that_did_not_get_done_is_no_loss() {
    let mut world = written();
    let log = world.path("t-0").join(FIRST);
    change(&log, |bytes| bytes.extend_from_within(..40));
    let (code, report) = world.report("");
    assert_eq!((code, &report["lossless"]), (1, &Value::from(true)));
    assert_eq!(strings(of(&report, "t"), "/before/findings"), [format!("torn t-0/{FIRST}")]);
    assert_eq!(world.report("--repair").0, 0);
    world.start();
    assert_eq!(world.consumed("t").len(), RECORDS);
}

#[test]
fn a_repair_that_was_interrupted_is_run_again() {
    let mut world = written();
    let partition = world.path("t-0");
    let log = partition.join(FIRST);
    let position = batches(&log)[7];
    change(&log, |bytes| bytes[position + 30] ^= 8);
    let original = fs::read(&log).expect("the log");
    // As it stands when the indexes are gone and the new batches are not there yet.
    fs::write(partition.join(format!("{FIRST}.cleaned")), &original[..100]).expect("written");
    fs::create_dir(partition.join("millpond-repair-1")).expect("made");
    fs::rename(partition.join("00000000000000000000.index"), partition.join("millpond-repair-1/00000000000000000000.index"))
        .expect("moved");
    fs::remove_file(partition.join("00000000000000000000.timeindex")).expect("removed");
    fs::write(partition.join("millpond-repair-1").join(format!("{FIRST}.tmp")), b"half").expect("written");
    assert!(world.verify("").out.contains("t-0: 1 file of work that is not done, which a broker ends when it starts"));
    let (code, report) = world.report("--repair");
    assert_eq!((code, &report["sound"]), (1, &Value::from(true)));
    assert_eq!(text(of(&report, "t"), "set_aside"), "t-0/millpond-repair-2");
    assert!(fs::read(partition.join("millpond-repair-2").join(FIRST)).expect("kept") == original);
    assert!(!partition.join(format!("{FIRST}.cleaned")).exists());
    world.verify("").ok();
    world.start();
    assert_eq!(world.consumed("t").len(), RECORDS - 1);
}

#[test]
fn a_directory_in_use_is_left_to_its_broker() {
    let mut world = written();
    world.start();
    for more in ["", "--repair"] {
        let said = world.verify(more).failed();
        assert!(said.contains("is in use by a broker: stop it first"), "{said}");
        let partition = run_offline(format!("log verify {} {more}", world.path("t-0").display()).trim_end(), Vec::new()).failed();
        assert!(partition.contains("is in use by a broker"), "{partition}");
    }
    world.stop();
    world.verify("").ok();
}

#[test]
fn damage_inside_of_the_catalogue_is_told_and_left_alone() {
    let world = written();
    let catalogue = world.path("__cluster_metadata-0").join(FIRST);
    let position = batches(&catalogue)[1];
    change(&catalogue, |bytes| bytes[position + 65] ^= 1);
    let before = fs::read(&catalogue).expect("the catalogue");
    let done = world.verify("");
    assert!(done.out.contains("it is the catalogue, on which no broker starts while it is damaged"), "{}", done.out);
    let (code, report) = world.report("--repair");
    assert_eq!((code, &report["sound"]), (1, &Value::from(false)));
    assert_eq!(text(&of(&report, "__cluster_metadata")["before"]["findings"][0], "remedy"), "none");
    assert!(fs::read(&catalogue).expect("the catalogue") == before);
    assert_eq!(world.verify("--repair").failed(), "millpond: not all of the damage could be repaired\n");
}

#[test]
fn one_partition_is_enough_wherever_it_lies() {
    let world = written();
    let alone = std::env::temp_dir().join(format!("millpond-alone-{}", std::process::id()));
    let _ = fs::remove_dir_all(&alone);
    fs::create_dir(&alone).expect("made");
    for entry in fs::read_dir(world.path("t-0")).expect("the partition") {
        let entry = entry.expect("an entry");
        fs::copy(entry.path(), alone.join(entry.file_name())).expect("copied");
    }
    let verify = |more: &str| run_offline(format!("log verify {} {more}", alone.display()).trim_end(), Vec::new());
    verify("").ok();
    let log = alone.join(FIRST);
    let position = batches(&log)[2];
    change(&log, |bytes| bytes[position + 16] = 1);
    let done = verify("--json");
    let report: Value = serde_json::from_str(&done.out).expect("JSON");
    assert_eq!((done.code, &report["partitions"][0]["before"]["findings"][0]["file"]), (1, &Value::from(FIRST)));
    assert_eq!(verify("--repair").code, 1);
    verify("").ok();
    // Where it was, the checkpoints are known.
    let known = run_offline(&format!("log verify {} --json", world.path("t-0").display()), Vec::new()).ok();
    let known: Value = serde_json::from_str(&known).expect("JSON");
    assert_eq!((&known["partitions"][0]["recovery_point"], &known["totals"]["partitions"]), (&Value::from(RECORDS), &Value::from(1)));
    fs::remove_dir_all(&alone).expect("removed");
}

#[test]
fn what_is_no_directory_of_logs_is_refused() {
    let nowhere = run_offline("log verify /nowhere/at/all", Vec::new()).failed();
    assert!(nowhere.starts_with("millpond: opening /nowhere/at/all: "), "{nowhere}");
    let empty = std::env::temp_dir().join(format!("millpond-empty-{}", std::process::id()));
    fs::create_dir_all(&empty).expect("made");
    let said = run_offline(&format!("log verify {}", empty.display()), Vec::new()).failed();
    assert!(said.contains("is neither a data directory nor the directory of a partition"), "{said}");
    assert!(all_files(&empty).is_empty());
    fs::remove_dir_all(&empty).expect("removed");
    let help = run_offline("log verify --help", Vec::new()).ok();
    assert!(help.contains("Exit codes:") && help.contains("millpond-repair-N"), "{help}");
}

#[test]
fn a_damaged_identity_is_told_and_a_partition_that_is_gone_too() {
    let world = written();
    change(&world.path("meta.properties"), |bytes| bytes.truncate(20));
    fs::remove_dir_all(world.path("other-0")).expect("removed");
    let (code, report) = world.report("--repair");
    assert_eq!((code, &report["sound"]), (1, &Value::from(false)));
    assert_eq!(strings(&report, "/findings_after"), ["metadata meta.properties"]);
    assert_eq!(of(&report, "other")["before"]["lost"], serde_json::json!([{ "first": 0, "last": 0 }]));
}
