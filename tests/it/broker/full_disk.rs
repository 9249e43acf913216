//! A disk that fills up under load: it is said out loud, nothing that was acknowledged is lost, and when there is room again all goes on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use millpond_tests::broker::Broker;
use millpond_tests::command::run;
use millpond_tests::wait::until;

use super::command;

const RECORDS: usize = 20_000;
/// Of which a disk of 8 MiB holds less than half.
const RECORD_SIZE: usize = 600;
const FULL: &str = "No space left on device";

/// A small file system of its own at a folder.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` where this user may not mount one: no installation would help.
    fn mount(at: &Path, size: &str) -> Option<Self> {
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(at).output();
        let mounted = mounted.is_ok_and(|output| output.status.success());
        mounted.then(|| Self(at.to_path_buf()))
    }

    fn resize(&self, size: &str) {
        let resized = Command::new("mount").args(["-o", &format!("remount,size={size}")]).arg(&self.0).status();
        assert!(resized.is_ok_and(|status| status.success()), "what was mounted can be mounted again");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: the broker may still have files open.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// A broker whose data lies on a disk of 8 MiB.
fn on_a_small_disk(test: &str) -> Option<(Broker, SmallDisk)> {
    let mut broker = Broker::start_own_or_skip(test, &[])?;
    broker.stop();
    let data = broker.data_dir();
    fs::remove_dir_all(&data).expect("the data directory can be emptied");
    fs::create_dir(&data).expect("and made again");
    let Some(disk) = SmallDisk::mount(&data, "8m") else {
        println!("skipped: {test} (this user may not mount a file system)");
        return None;
    };
    broker.restart();
    Some((broker, disk))
}

fn lines() -> String {
    (0..RECORDS).map(|number| format!("{number:0RECORD_SIZE$}\n")).collect()
}

#[test]
fn a_producer_outlives_a_full_disk_and_loses_nothing() {
    let Some((broker, disk)) = on_a_small_disk("a disk that fills up") else { return };
    command(&broker, "topic create other", "");
    command(&broker, "produce other", "kept\n");
    command(&broker, "topic create load", "");
    let bootstrap = broker.bootstrap().to_owned();
    // An idempotent producer, which tries again until there is room.
    let load = thread::spawn(move || run(&bootstrap, "produce load --batch-bytes 20000 --timeout-ms 120000", lines().into_bytes()));
    until(FULL, || broker.said().contains(FULL).then_some(()));
    // Meanwhile whoever reads is served, and is shown nothing but what is there.
    assert_eq!(command(&broker, "consume other --from earliest --exit-at-end", ""), "kept\n");
    let so_far = command(&broker, "consume load --from earliest --exit-at-end", "");
    assert!(lines().starts_with(&so_far) && so_far.len() > 1 << 20, "{} bytes", so_far.len());
    assert!(!load.is_finished(), "there is no room for so many records");
    disk.resize("64m");
    load.join().expect("the producer ends").ok();
    assert!(command(&broker, "consume load --from earliest --exit-at-end", "") == lines(), "each record once, in order");
}

#[test]
fn a_broker_starts_on_a_full_disk_and_goes_on_when_there_is_room() {
    let Some((mut broker, disk)) = on_a_small_disk("a start on a full disk") else { return };
    command(&broker, "topic create load", "");
    let refused = run(broker.bootstrap(), "produce load --timeout-ms 500", lines().into_bytes()).failed();
    assert!(refused.contains("KAFKA_STORAGE_ERROR") && refused.contains(FULL), "{refused}");
    let kept = command(&broker, "consume load --from earliest --exit-at-end", "");
    // Not a byte is left, for whatever a start might want to write.
    let ballast = broker.data_dir().join("ballast");
    let filled = Command::new("dd").args(["if=/dev/zero", "bs=512", &format!("of={}", ballast.display())]).output();
    assert!(filled.is_ok_and(|output| !output.status.success()), "the disk is filled to the end");
    for cleanly in [false, true] {
        if cleanly {
            // As cleanly as can be: how the logs stand cannot be written down.
            broker.stop_badly();
        } else {
            broker.kill();
        }
        broker.restart();
        assert!(
            command(&broker, "consume load --from earliest --exit-at-end", "") == kept,
            "clean {cleanly}: what was acknowledged is there"
        );
    }
    // A topic more than the others goes: its deletion is a record, too, and fits into what it leaves.
    disk.resize("9m");
    command(&broker, "topic delete load", "");
    command(&broker, "topic create next", "");
    command(&broker, "produce next", "room\n");
    broker.kill();
    broker.restart();
    assert_eq!(command(&broker, "consume next --from earliest --exit-at-end", ""), "room\n");
    assert_eq!(command(&broker, "topic list", ""), "next\n");
}
