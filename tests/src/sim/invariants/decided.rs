//! Of a transaction, readers of committed records see all of what was acknowledged, or nothing; and nothing that is open or was aborted.

use std::collections::{BTreeMap, BTreeSet};

use super::Verdict;
use crate::sim::message::{Partition, Read, Transaction};

/// How a transaction ends, as far as anybody was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum End {
    /// Nobody asked for a commit, or none was told of.
    #[default]
    Untold,
    Committed,
    Aborted,
}

#[derive(Debug, Default)]
struct Known {
    end: End,
    /// Whether a commit was ever asked for: before that, no record may be seen.
    commit_asked: bool,
    /// Acknowledged records, and where.
    acknowledged: BTreeSet<(Partition, u64)>,
}

/// A transaction: its producer's name for itself, and its number.
type Name = (String, u64);

#[derive(Debug, Default)]
pub(crate) struct Decided {
    transactions: BTreeMap<Name, Known>,
    of: BTreeMap<u64, Name>,
    /// What is there at the end, decided or not, and what readers of committed records see of it.
    there: BTreeSet<(Partition, u64)>,
    seen: BTreeSet<(Partition, u64)>,
    /// What has become of these transactions in these topics nobody promises.
    lost: BTreeSet<(String, Name)>,
}

fn name(transaction: &Transaction) -> Name {
    (transaction.id.clone(), transaction.number)
}

impl Decided {
    pub(crate) fn send(&mut self, transaction: &Transaction, records: &[u64]) {
        self.transactions.entry(name(transaction)).or_default();
        self.of.extend(records.iter().map(|record| (*record, name(transaction))));
    }

    pub(crate) fn acknowledge(&mut self, transaction: &Transaction, partition: &Partition, records: &[u64]) {
        let known = self.transactions.entry(name(transaction)).or_default();
        known.acknowledged.extend(records.iter().map(|record| (partition.clone(), *record)));
    }

    pub(crate) fn ask_end(&mut self, transaction: &Transaction, commit: bool) {
        self.transactions.entry(name(transaction)).or_default().commit_asked |= commit;
    }

    pub(crate) fn told_end(&mut self, transaction: &Transaction, commit: bool) -> Verdict {
        let known = self.transactions.entry(name(transaction)).or_default();
        let end = if commit { End::Committed } else { End::Aborted };
        if known.end != End::Untold && known.end != end {
            return Err(format!("{transaction:?} was told to be {:?} and then {end:?}", known.end));
        }
        known.end = end;
        Ok(())
    }

    /// What was written to a topic may have been lost, markers among it.
    pub(crate) fn forget(&mut self, topic: &str) {
        self.lost.extend(self.transactions.keys().map(|name| (topic.to_owned(), name.clone())));
    }

    /// Whether a record may count as never written.
    pub(crate) fn may_be_aborted(&self, number: u64) -> bool {
        self.end_of(number).is_some_and(|end| end != End::Committed)
    }

    /// Whether a record counts as never written.
    pub(crate) fn is_aborted(&self, number: u64) -> bool {
        self.of
            .get(&number)
            .and_then(|name| self.transactions.get(name))
            .is_some_and(|known| known.end == End::Aborted || !known.commit_asked)
    }

    fn end_of(&self, number: u64) -> Option<End> {
        self.of.get(&number).and_then(|name| self.transactions.get(name)).map(|known| known.end)
    }

    /// Somebody reads what is committed.
    pub(crate) fn read(&self, read: &Read) -> Verdict {
        for (offset, number) in read.records.iter().filter(|_| read.committed) {
            let Some(name) = self.of.get(number) else { continue };
            let Some(known) = self.transactions.get(name) else { continue };
            if self.lost.contains(&(read.partition.topic.clone(), name.clone())) {
                continue;
            }
            if known.end == End::Aborted || !known.commit_asked {
                return Err(format!("{number:#x}, {:?} in {name:?}, is seen at {offset} of {:?}", known.end, read.partition));
            }
        }
        Ok(())
    }

    /// At the end of the world everything is read, as it lies and as it is decided.
    pub(crate) fn read_last(&mut self, read: &Read) {
        let place = if read.committed { &mut self.seen } else { &mut self.there };
        place.extend(read.records.iter().map(|(_, number)| (read.partition.clone(), *number)));
    }

    pub(crate) fn finish(&self) -> Verdict {
        for (name, known) in &self.transactions {
            let is_kept = |partition: &Partition| !self.lost.contains(&(partition.topic.clone(), name.clone()));
            let there: BTreeSet<_> = known.acknowledged.intersection(&self.there).filter(|(partition, _)| is_kept(partition)).collect();
            let seen = there.iter().filter(|record| self.seen.contains(record)).count();
            let is_right = match known.end {
                End::Committed => seen == there.len(),
                End::Aborted => seen == 0,
                End::Untold => seen == 0 || seen == there.len(),
            };
            if !is_right {
                return Err(format!("{name:?}, {:?}: {seen} of its {} records are seen", known.end, there.len()));
            }
        }
        Ok(())
    }
}
