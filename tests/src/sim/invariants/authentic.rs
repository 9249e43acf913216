//! No record is invented; a producer's keep their order, and appear once if it is idempotent.

use std::collections::BTreeMap;

use super::Verdict;
use crate::sim::message::{Partition, Read};

#[derive(Debug, Default)]
pub(crate) struct Authentic {
    /// Where each record was sent to, and under which idempotent identity.
    sent: BTreeMap<u64, (String, i32, Option<i64>)>,
    /// Where records of idempotent producers were seen.
    places: BTreeMap<(Partition, u64), i64>,
    /// By producer: its records by offset.
    orders: BTreeMap<(Partition, i64), BTreeMap<i64, u64>>,
    /// Producer ids that were told.
    producers: BTreeMap<i64, u64>,
    disk_was_full: bool,
}

impl Authentic {
    pub(crate) fn send(&mut self, topic: &str, partition: i32, producer: Option<i64>, records: &[u64]) {
        for record in records {
            self.sent.insert(*record, (topic.to_owned(), partition, producer));
        }
    }

    pub(crate) fn introduce(&mut self, producer: i64, call: u64) -> Verdict {
        match self.producers.insert(producer, call) {
            Some(other) => Err(format!("calls {other} and {call} were both given producer id {producer}")),
            None => Ok(()),
        }
    }

    pub(crate) fn forget(&mut self, topic: &str) {
        self.places.retain(|(partition, _), _| partition.topic != topic);
        self.orders.retain(|(partition, _), _| partition.topic != topic);
    }

    /// When a full disk has no room for what is known of producers, old records are deleted all the same. Late retries are then taken for new.
    pub(crate) fn fill_disk(&mut self) {
        self.disk_was_full = true;
    }

    fn forget_below(&mut self, partition: &Partition, log_start: i64) {
        self.places.retain(|(of, _), offset| of != partition || *offset >= log_start);
        for (_, order) in self.orders.iter_mut().filter(|((of, _), _)| of == partition) {
            order.retain(|offset, _| *offset >= log_start);
        }
    }

    pub(crate) fn read(&mut self, read: &Read) -> Verdict {
        let place = &read.partition;
        if self.disk_was_full && read.log_start > 0 {
            self.forget_below(place, read.log_start);
        }
        for (offset, number) in &read.records {
            let Some((topic, index, producer)) = self.sent.get(number) else {
                return Err(format!("nobody sent {number:#x}, which {place:?} has at {offset}"));
            };
            if (topic, *index) != (&place.topic, place.index) {
                return Err(format!("{number:#x} was sent to {topic}-{index}, not to {place:?}"));
            }
            let Some(producer) = producer else { continue };
            let before = self.places.insert((place.clone(), *number), *offset);
            if before.is_some_and(|before| before != *offset) {
                return Err(format!("{number:#x} stands at {before:?} and at {offset} of {place:?}"));
            }
            let order = self.orders.entry((place.clone(), *producer)).or_default();
            order.insert(*offset, *number);
            let earlier = order.range(..*offset).next_back().is_some_and(|(_, other)| other >= number);
            let later = order.range(*offset + 1..).next().is_some_and(|(_, other)| other <= number);
            if earlier || later {
                return Err(format!("producer {producer} has its records out of order in {place:?} around {offset}"));
            }
        }
        Ok(())
    }
}
