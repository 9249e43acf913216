//! One file is damaged between two lives of the broker: what is not in it is still there, and nothing false is told.

use std::collections::{BTreeMap, BTreeSet};

use millpond_core::catalog::name;
use millpond_core::ids::PartitionIndex;
use millpond_core::store::file_name::{FileKind, FileName};

use crate::random::Random;
use crate::sim::broker::Broker;
use crate::sim::directory::CLEAN_SHUTDOWN;
use crate::sim::disk::ROOT;
use crate::sim::message::{Answer, Partition, Request};
use crate::sim::{Damaged, Harm};

use super::World;

/// What stands for a record that a client does not believe.
const DAMAGED: u64 = u64::MAX;

/// The files of partitions, by directory and name, with what they hold.
type Files = BTreeMap<(String, String), Vec<u8>>;

/// The records of one partition, and whether no more could be had.
type Heard = (BTreeSet<(i64, u64)>, bool);

/// Everything that clients can ask for.
#[derive(Clone, Debug, Default, PartialEq)]
struct Told {
    topics: BTreeSet<(String, i32)>,
    /// By partition, and whether only what is committed was asked for.
    records: BTreeMap<(Partition, bool), Heard>,
    offsets: BTreeMap<String, Vec<(Partition, i64)>>,
}

impl World {
    /// Lives as ever, ends in good order or not, and finds a file damaged. Answers what was done to which, or what was wrong afterwards.
    pub(crate) fn suffer(mut self, harm: Harm) -> Result<Damaged, String> {
        self.live_through();
        if let Some(violation) = &self.oracle.violation {
            return Err(format!("before anything was damaged: {violation:?}"));
        }
        let partitions = self.oracle.partitions();
        let truth = self.ask_everything(&partitions);
        let cleanly = self.random.once_in(2);
        let Some(mut broker) = self.broker.take() else { return Err("no broker".to_owned()) };
        self.next_topic_id = broker.ids_up_to();
        if cleanly {
            broker.stop();
        } else if self.random.once_in(2) {
            broker.checkpoint();
        }
        let files = self.files();
        // A stop in good order can fail to say so: a full disk, a log that was closed before.
        let said_how_long = self.disk.borrow().find(ROOT, CLEAN_SHUTDOWN).is_some();
        // Half of the time one that holds records: there are not many among the others.
        let holds_records = self.random.once_in(2);
        let is_candidate = |file: &str, bytes: &[u8]| !bytes.is_empty() && (!holds_records || file.ends_with(".log"));
        let candidates: Vec<_> =
            files.iter().filter(|((_, file), bytes)| is_candidate(file, bytes)).map(|(name, _)| name.clone()).collect();
        let (directory, file) = self.random.pick(&candidates).clone();
        let before = files.get(&(directory.clone(), file.clone())).cloned().unwrap_or_default();
        let after = harmed(harm, &before, &mut self.random);
        self.replace(&directory, &file, after.as_deref());
        let what =
            format!("{harm:?} of {directory}/{file}, {} bytes, after a {} stop", before.len(), if cleanly { "clean" } else { "sudden" });
        let kind = FileName::parse(&file).map(|name| name.kind);
        let refused = match Broker::start(self.clock.moment(), &self.disk, None, self.next_topic_id) {
            Ok(broker) => {
                self.broker = Some(broker);
                None
            }
            Err(error) => Some(error),
        };
        if let Some(error) = &refused {
            // A refusal must leave everything as it was, for whoever can bring the file back.
            self.replace(&directory, &file, Some(&before));
            let again = Broker::start(self.clock.moment(), &self.disk, None, self.next_topic_id);
            self.broker = Some(again.map_err(|again| format!("{what}: refused with {error:?}, and with the file back with {again:?}"))?);
        }
        let what = format!("{what}, refused: {refused:?}");
        let told = self.ask_everything(&partitions);
        let is_catalog = directory.starts_with(name::CLUSTER_METADATA);
        if is_catalog && kind == Some(FileKind::Log) && refused.is_none() && !said_how_long {
            // How long it was had not been written down yet. Whose topic is not known any more is set aside, with all its records.
            let left: Vec<_> = self.files().into_iter().collect();
            let is_kept = |name: &str, bytes: &[u8]| left.iter().any(|((_, left), kept)| left == name && kept == bytes);
            // Its own later segments go with what lies before them: nothing says that they ever were on the disk.
            let counts = |at: &str, name: &str| at != directory && name.ends_with(".log");
            let gone = files.iter().find(|((at, name), bytes)| counts(at, name) && !is_kept(name, bytes));
            return match gone {
                Some((gone, _)) => Err(format!("{what}: {gone:?} is gone")),
                None => Ok(Damaged { is_catalog, refused: false, lost: true, what }),
            };
        }
        let exempt = if refused.is_some() { None } else { kind };
        compare(&truth, &told, &directory, exempt).map_err(|wrong| format!("{what}: {wrong}"))?;
        Ok(Damaged { is_catalog, refused: refused.is_some(), lost: told != truth, what })
    }

    /// Asks for all that there is, in small bites.
    fn ask_everything(&mut self, partitions: &BTreeSet<Partition>) -> Told {
        let mut told = Told::default();
        if let Some(Answer::Topics(topics)) = self.ask(Request::Metadata) {
            told.topics = topics.into_iter().map(|topic| (topic.name, topic.partitions)).collect();
        }
        for group in ["g", "h"] {
            if let Some(Answer::Offsets(offsets)) = self.ask(Request::FetchOffsets { group: group.to_owned() }) {
                told.offsets.insert(group.to_owned(), offsets);
            }
        }
        for partition in partitions {
            for committed in [false, true] {
                let records = self.ask_records(partition, committed);
                told.records.insert((partition.clone(), committed), records);
            }
        }
        told
    }

    fn ask_records(&mut self, partition: &Partition, committed: bool) -> (BTreeSet<(i64, u64)>, bool) {
        let mut found = BTreeSet::new();
        let mut from = 0;
        for _ in 0..10_000 {
            let partitions = vec![(partition.topic.clone(), partition.index, from)];
            let Some(Answer::Read(reads)) = self.ask(Request::Fetch { partitions, min_bytes: 0, max_bytes: 300, committed }) else { break };
            let Some(read) = reads.into_iter().next().filter(|read| !read.failed) else { return (found, false) };
            // A client sees by the checksum that a batch is damaged.
            found.extend(read.records.into_iter().filter(|(_, number)| *number != DAMAGED));
            let next = if read.in_range { read.next } else { read.log_start };
            if next <= from {
                return (found, from >= read.high_watermark.min(if committed { read.last_stable } else { i64::MAX }));
            }
            from = next;
        }
        (found, true)
    }

    /// Asks one thing and waits for the answer.
    fn ask(&mut self, request: Request) -> Option<Answer> {
        self.next_request += 1;
        let id = self.next_request;
        let broker = self.broker.as_mut()?;
        broker.receive(self.clock.moment(), id, request);
        for _ in 0..20 {
            let broker = self.broker.as_mut()?;
            for job in broker.begin_syncs(self.clock.moment()) {
                let outcome = broker.carry_out(&job);
                broker.end_sync(self.clock.moment(), job, outcome);
            }
            let answers = core::mem::take(&mut broker.said);
            if let Some((_, answer)) = answers.into_iter().find(|(said, _)| *said == id) {
                return Some(answer);
            }
        }
        None
    }

    fn files(&self) -> Files {
        let media = self.disk.borrow();
        let mut files = Files::new();
        for directory in media.directory_names() {
            let Some(number) = media.directory(&directory) else { continue };
            for name in media.names(number) {
                let bytes = media.find(number, &name).map(|file| media.bytes(file).to_vec());
                files.insert((directory.clone(), name), bytes.unwrap_or_default());
            }
        }
        files
    }

    fn replace(&self, directory: &str, name: &str, bytes: Option<&[u8]>) {
        let mut media = self.disk.borrow_mut();
        let Some(number) = media.directory(directory) else { return };
        media.remove(number, name);
        if let Some(bytes) = bytes {
            let file = media.open(number, name);
            // There is room: the disk was repaired before.
            let written = media.write(file, 0, bytes);
            debug_assert!(written.is_ok(), "{written:?}");
        }
    }
}

/// What a file holds after that; `None` when it is gone.
fn harmed(harm: Harm, before: &[u8], random: &mut Random) -> Option<Vec<u8>> {
    let mut after = before.to_vec();
    match harm {
        Harm::Flipped => {
            let at = random.below(after.len());
            if let Some(byte) = after.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
        Harm::Missing => return None,
        Harm::Empty => after.clear(),
        Harm::Cut => after.truncate(random.below(before.len())),
        Harm::Zeroed => {
            let from = random.below(before.len());
            after.iter_mut().skip(from).for_each(|byte| *byte = 0);
        }
        Harm::Longer => after.resize(before.len() + 1 + random.below(2000), 0),
    }
    Some(after)
}

/// What damage to one file may have changed, and what not.
fn compare(truth: &Told, told: &Told, directory: &str, damaged: Option<FileKind>) -> Result<(), String> {
    if truth.topics != told.topics {
        return Err(format!("the topics were {:?} and are {:?}", truth.topics, told.topics));
    }
    let lost_batches = damaged == Some(FileKind::Log);
    if truth.offsets != told.offsets && !(lost_batches && directory.starts_with(name::CONSUMER_OFFSETS)) {
        return Err(format!("the offsets were {:?} and are {:?}", truth.offsets, told.offsets));
    }
    for ((partition, committed), (records, _)) in &truth.records {
        let here = directory == millpond::disk::names::partition_dir(&partition.topic, PartitionIndex(partition.index));
        let Some((found, _)) = told.records.get(&(partition.clone(), *committed)) else {
            return Err(format!("{partition:?} cannot be asked"));
        };
        // As in Kafka: an index of aborted transactions has no checksum, nor has the place of a batch, which is looked at in recovery
        // only; and a segment that is gone takes its index along. Then records may be shown that were aborted, or in another place, and
        // with a bit flipped in such an index those of another producer taken for aborted.
        let written = truth.records.get(&(partition.clone(), false)).map(|(written, _)| written);
        let was_written = |number: u64| written.is_some_and(|written| written.iter().any(|(_, other)| *other == number));
        let may_show = |record: &(i64, u64)| here && was_written(record.1) && (lost_batches || damaged == Some(FileKind::TxnIndex));
        if let Some(more) = found.difference(records).find(|record| !may_show(record)) {
            return Err(format!("{partition:?}, committed {committed}: {more:x?} was never told before"));
        }
        // Whose directory says that it is another topic's is set aside.
        let may_lack =
            here && (lost_batches || damaged == Some(FileKind::PartitionMetadata) || (*committed && damaged == Some(FileKind::TxnIndex)));
        if let Some(less) = records.difference(found).next().filter(|_| !may_lack) {
            return Err(format!("{partition:?}, committed {committed}: {less:x?} is gone"));
        }
    }
    Ok(())
}
