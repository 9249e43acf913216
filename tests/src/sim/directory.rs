//! The data directory on the simulated disk: what `DataDir` of the broker keeps, in the same order of operations.

use core::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use millpond::disk::names;
use millpond::disk::partition_dir::{identity_of, parse_identity};
use millpond_core::bounded::table::HashKey;
use millpond_core::catalog::name::CLUSTER_METADATA;
use millpond_core::ids::{Offset, PartitionIndex, ProducerId, TopicId};
use millpond_core::log::config::LogConfig;
use millpond_core::log::partition_log::{LogLimits, LogMemory};
use millpond_core::log::recover::{OpenHints, RecoveryReport};
use millpond_core::shard::directory::{LeftOut, LogDirectory, PartitionName};
use millpond_core::time::Millis;

use super::Sabotage;
use super::disk::{Beside, Disk, DiskError, Media, ROOT, Store};

pub(crate) const CLEAN_SHUTDOWN: &str = ".kafka_cleanshutdown";
const RECOVERY_POINTS: &str = "recovery-point-offset-checkpoint";
const LOG_STARTS: &str = "log-start-offset-checkpoint";
const FIRST_DIRTY: &str = "cleaner-offset-checkpoint";

type Offsets = BTreeMap<(String, i32), i64>;

/// How a log was left.
#[derive(Debug)]
pub(crate) struct LeftLog {
    pub(crate) topic: String,
    pub(crate) index: PartitionIndex,
    pub(crate) durable_end: Offset,
    pub(crate) log_start: Offset,
    /// Everything below was compacted; `None` when nothing was.
    pub(crate) first_dirty: Option<Offset>,
}

#[derive(Debug)]
pub(crate) struct Directory {
    disk: Disk,
    was_clean: bool,
    recovery_points: Offsets,
    log_starts: Offsets,
    first_dirty: Offsets,
    /// Partitions that were opened since the start.
    opened: Vec<String>,
    retired: Vec<(TopicId, String)>,
    removed: Vec<TopicId>,
    /// Partitions without an identity that can be read: they get it again when they are opened.
    nameless: Vec<String>,
    sabotage: Option<Sabotage>,
}

impl Directory {
    pub(crate) fn open(disk: &Disk, sabotage: Option<Sabotage>) -> Result<Self, DiskError> {
        let was_clean = {
            let mut media = disk.borrow_mut();
            let was_clean = media.find(ROOT, CLEAN_SHUTDOWN).is_some();
            if was_clean {
                media.remove(ROOT, CLEAN_SHUTDOWN);
                media.sync_names(ROOT)?;
            }
            was_clean
        };
        let (recovery_points, log_starts) = (read(disk, RECOVERY_POINTS), read(disk, LOG_STARTS));
        let first_dirty = read(disk, FIRST_DIRTY);
        let (opened, retired, removed, nameless) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let disk = Rc::clone(disk);
        Ok(Self { disk, was_clean, recovery_points, log_starts, first_dirty, opened, retired, removed, nameless, sabotage })
    }

    pub(crate) fn tidy(
        &mut self,
        is_known: impl Fn(TopicId) -> bool,
        is_named: impl Fn(&str, PartitionIndex) -> bool,
    ) -> Result<(), DiskError> {
        let mut doomed = Vec::new();
        let mut media = self.disk.borrow_mut();
        // First what goes, then what comes back: its place may be taken by what goes.
        let directories = media.directory_names();
        let comes_back = |name: &String| {
            let (topic, index) = names::parse_deleted(name)?;
            topic_id(&media, media.directory(name)?).filter(|id| is_known(*id)).map(|_| names::partition_dir(topic, index))
        };
        let coming_back: Vec<String> = directories.iter().filter_map(comes_back).collect();
        let passes = [false, true].into_iter().flat_map(|restore| directories.iter().map(move |name| (restore, name.clone())));
        for (restore, name) in passes.collect::<Vec<_>>() {
            let parsed = names::parse_deleted(&name).or_else(|| names::parse(&name));
            let Some((topic, index)) = parsed.filter(|(topic, _)| *topic != CLUSTER_METADATA) else { continue };
            let back = names::partition_dir(topic, index);
            let number = media.directory(&name).unwrap_or(ROOT);
            let id = topic_id(&media, number);
            let (is_known, was_removed) = (id.is_some_and(&is_known), id.is_some_and(|id| self.removed.contains(&id)));
            match (names::is_deleted(&name), id) {
                (true, Some(_)) if is_known && restore => {
                    assert!(media.directory(&back).is_none_or(|it| media.names(it).is_empty()), "{name} finds its place taken: no start");
                    media.rename_directory(&name, &back);
                }
                (true, _) if !is_known && !restore => doomed.push(name),
                (false, Some(id)) if was_removed && !restore => {
                    let deleted = names::deleted_dir(topic, index, id);
                    media.rename_directory(&name, &deleted);
                    doomed.push(deleted);
                }
                (false, None) if !restore && is_named(topic, index) && !coming_back.contains(&name) => self.nameless.push(name),
                (false, _) if !is_known && !restore => {
                    let numbered = (0..u128::MAX).map(|number| TopicId(number.to_be_bytes()));
                    let places = id.into_iter().chain(numbered).map(|id| names::stray_dir(topic, index, id));
                    let aside = places.into_iter().find(|place| media.directory(place).is_none()).unwrap_or_default();
                    media.rename_directory(&name, &aside);
                }
                _ => {}
            }
        }
        if !doomed.is_empty() {
            media.sync_names(ROOT)?;
        }
        doomed.iter().for_each(|name| media.remove_directory(name));
        self.removed.clear();
        Ok(())
    }

    pub(crate) fn remember(&mut self, logs: &[LeftLog], clean: bool) -> Result<(), DiskError> {
        for log in logs {
            self.recovery_points.insert((log.topic.clone(), log.index.0), log.durable_end.0);
            if log.log_start > Offset::ZERO {
                self.log_starts.insert((log.topic.clone(), log.index.0), log.log_start.0);
            } else {
                self.log_starts.remove(&(log.topic.clone(), log.index.0));
            }
            match log.first_dirty {
                Some(offset) => drop(self.first_dirty.insert((log.topic.clone(), log.index.0), offset.0)),
                None => drop(self.first_dirty.remove(&(log.topic.clone(), log.index.0))),
            }
        }
        self.write(RECOVERY_POINTS, &self.recovery_points)?;
        self.write(LOG_STARTS, &self.log_starts)?;
        self.write(FIRST_DIRTY, &self.first_dirty)?;
        let partitions = self.disk.borrow().directory_names();
        let all_opened = partitions.iter().filter(|name| !names::is_deleted(name)).all(|name| self.opened.contains(name));
        if clean && (self.was_clean || all_opened) {
            self.write(CLEAN_SHUTDOWN, &Offsets::new())?;
        }
        Ok(())
    }

    fn write(&self, name: &str, offsets: &Offsets) -> Result<(), DiskError> {
        let text: String = offsets.iter().map(|((topic, index), offset)| format!("{topic} {index} {offset}\n")).collect();
        let mut media = self.disk.borrow_mut();
        let temporary = format!("{name}.tmp");
        let file = media.open(ROOT, &temporary);
        media.truncate(file, 0);
        media.write(file, 0, text.as_bytes())?;
        media.sync(file)?;
        media.rename(ROOT, &temporary, name)?;
        media.sync_names(ROOT)
    }
}

/// Whose a directory is.
fn topic_id(media: &Media, directory: usize) -> Option<TopicId> {
    let bytes = media.find(directory, "partition.metadata").map(|file| media.bytes(file).to_vec())?;
    parse_identity(&String::from_utf8(bytes).ok()?)
}

fn read(disk: &Disk, name: &str) -> Offsets {
    let media = disk.borrow();
    let text = media.find(ROOT, name).map(|file| media.bytes(file).to_vec()).unwrap_or_default();
    let text = String::from_utf8(text).unwrap_or_default();
    let entry = |line: &str| {
        let mut words = line.split(' ');
        Some(((words.next()?.to_owned(), words.next()?.parse().ok()?), words.next()?.parse().ok()?))
    };
    text.lines().filter_map(entry).collect()
}

impl LogDirectory<'static> for Directory {
    type Store = Store;

    fn store(&mut self, partition: PartitionName<'_>) -> Store {
        let directory = names::partition_dir(partition.topic, partition.index);
        let identity = identity_of(partition.topic_id);
        if self.sabotage == Some(Sabotage::UndoesSwaps) {
            let mut media = self.disk.borrow_mut();
            let number = media.directory(&directory).unwrap_or(ROOT);
            media.names(number).iter().filter(|name| name.ends_with(".swap")).for_each(|name| media.remove(number, name));
        }
        let is_new = Rc::new(Cell::new(self.hints(partition).is_doubtful() && self.sabotage != Some(Sabotage::TrustsNewDirectories)));
        let was_nameless = self.nameless.iter().position(|name| *name == directory).map(|at| self.nameless.swap_remove(at)).is_some();
        let store = Store { disk: Rc::clone(&self.disk), directory, identity, is_new, beside: None };
        if was_nameless {
            // What cannot be written now is written by the next start.
            let _ = store.renew();
        }
        store
    }

    fn beside(&mut self, partition: PartitionName<'_>) -> Store {
        let directory = names::partition_dir(partition.topic, partition.index);
        let beside = Some(Beside { sabotage: self.sabotage, has_learnt: false });
        Store { disk: Rc::clone(&self.disk), directory, identity: String::new(), is_new: Rc::default(), beside }
    }

    fn memory(&mut self) -> LogMemory<'static> {
        LogMemory::grown(&LogLimits::default(), HashKey(5, 6))
    }

    fn log_config<'e>(&self, own: &mut dyn Iterator<Item = (&'e str, &'e str)>) -> LogConfig {
        let mut config = LogConfig {
            segment_bytes: 3000,
            recovery_bytes: 700,
            index_interval_bytes: 300,
            retention_ms: None,
            timestamp_after_max: None,
            write_caching: self.sabotage == Some(Sabotage::CommitsBeforeSync),
            ..LogConfig::default()
        };
        for (name, value) in own {
            match name {
                "segment.bytes" => config.segment_bytes = value.parse().unwrap_or(config.segment_bytes),
                "retention.bytes" => config.retention_bytes = value.parse().ok(),
                "retention.ms" => config.retention_ms = value.parse().ok().map(Millis),
                "write.caching" => config.write_caching = value == "true",
                "cleanup.policy" => {
                    let has = |policy| value.split(',').any(|one| one == policy);
                    (config.delete, config.compact) = (has("delete"), has("compact"));
                }
                "min.cleanable.dirty.ratio" => config.min_dirty_millionths = if value == "0" { 0 } else { 500_000 },
                "min.compaction.lag.ms" => config.min_compaction_lag = Millis(value.parse().unwrap_or(0)),
                "max.compaction.lag.ms" => config.max_compaction_lag = value.parse().ok().map(Millis),
                "delete.retention.ms" => config.delete_retention = value.parse().map_or(config.delete_retention, Millis),
                _ => {}
            }
        }
        if self.sabotage == Some(Sabotage::ForgetsTombstones) {
            config.delete_retention = Millis::ZERO;
        }
        config
    }

    fn hints(&self, partition: PartitionName<'_>) -> OpenHints {
        let key = (partition.topic.to_owned(), partition.index.0);
        OpenHints {
            recovery_point: self.recovery_points.get(&key).copied().map(Offset),
            log_start: self.log_starts.get(&key).copied().map(Offset),
            first_dirty: self.first_dirty.get(&key).copied().map(Offset),
            clean: self.was_clean,
        }
    }

    fn opened(&mut self, partition: PartitionName<'_>, report: &RecoveryReport) {
        if std::env::var_os("MILLPOND_TRACE").is_some() {
            println!("opened {partition:?} clean {} {:?} {report:?}", self.was_clean, self.hints(partition));
        }
        self.opened.push(names::partition_dir(partition.topic, partition.index));
    }

    fn left_out(&mut self, partition: PartitionName<'_>, what: LeftOut) {
        // A group that lost something by it is found out by the oracle.
        if std::env::var_os("MILLPOND_TRACE").is_some() {
            println!("left out of {partition:?}: {what:?}");
        }
    }

    fn abandoned(&mut self, _: PartitionName<'_>, _: ProducerId) {}

    fn removed(&mut self, topic_id: TopicId) {
        self.removed.push(topic_id);
    }

    fn retire(&mut self, partition: PartitionName<'_>) {
        let count = |all: &Self| all.recovery_points.len() + all.log_starts.len() + all.first_dirty.len();
        let known = count(self);
        self.recovery_points.retain(|(topic, _), _| topic != partition.topic);
        self.log_starts.retain(|(topic, _), _| topic != partition.topic);
        if self.sabotage != Some(Sabotage::TrustsForeignDirtyOffsets) {
            self.first_dirty.retain(|(topic, _), _| topic != partition.topic);
        }
        if count(self) < known {
            let kinds = [(RECOVERY_POINTS, &self.recovery_points), (LOG_STARTS, &self.log_starts), (FIRST_DIRTY, &self.first_dirty)];
            for (name, offsets) in kinds {
                if self.write(name, offsets).is_err() {
                    self.disk.borrow_mut().remove(ROOT, name);
                }
            }
        }
        let from = names::partition_dir(partition.topic, partition.index);
        let to = names::deleted_dir(partition.topic, partition.index, partition.topic_id);
        let mut media = self.disk.borrow_mut();
        if media.directory(&from).is_some() {
            media.rename_directory(&from, &to);
            self.retired.push((partition.topic_id, to));
        }
    }

    fn purge(&mut self, topic_id: TopicId) {
        let mut media = self.disk.borrow_mut();
        let gone: Vec<String> = self.retired.extract_if(.., |(id, _)| *id == topic_id).map(|(_, name)| name).collect();
        if gone.is_empty() || media.sync_names(ROOT).is_ok() {
            gone.iter().for_each(|name| media.remove_directory(name));
        }
    }
}
