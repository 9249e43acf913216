//! From what members wrote to what an assignor asks, and back to what is written to them.
//!
//! ```text
//!  metadata of JoinGroup ──► Told ──► members ──► Group ──► assign ──► Shares ──► put_assignment ──► SyncGroup
//! ```
//! Names become numbers here, so the leader first lists what there is: topics that anybody subscribes to in the order of
//! [`super::assignor::compare_names`], those without metadata as topics without partitions; and racks in any order.

use core::fmt;
use core::ops::Range;

use crate::bounded::Full;
use crate::bounded::list::List;
use crate::member::consumer_protocol::{ConsumerProtocolSubscription, subscription};
use crate::wire::reader::DecodeError;
use crate::wire::writer::Writer;

use super::assignor::Assignor;
use super::group::Member;
use super::order;
use super::scratch::index;
use super::topics::Topics;
use super::user_data::{CooperativeStickyUserData, StickyUserData};

/// A member as the answer to JoinGroup lists it.
#[derive(Clone, Copy, Debug)]
pub struct Joined<'a> {
    /// Its id.
    pub member_id: &'a str,
    /// Its fixed name, if it has one.
    pub instance_id: Option<&'a str>,
    /// What it wrote: a subscription, with its version before it.
    pub metadata: &'a [u8],
}

/// Names, which become numbers by their places.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a> {
    /// The names of topics, in order.
    pub topics: &'a [&'a str],
    /// How their partitions are numbered.
    pub numbers: Topics<'a>,
    /// The names of racks in which replicas stand.
    pub racks: &'a [&'a str],
}

/// Why what a member wrote could not be taken up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToldError {
    /// The memory lent is too small.
    Full,
    /// It is no subscription.
    Decode(DecodeError),
}

impl From<Full> for ToldError {
    fn from(_: Full) -> Self {
        Self::Full
    }
}

impl From<DecodeError> for ToldError {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}

impl fmt::Display for ToldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => Full.fmt(f),
            Self::Decode(error) => write!(f, "a subscription cannot be read: {error}"),
        }
    }
}

impl core::error::Error for ToldError {}

/// Where the numbers of one member stand.
#[derive(Clone, Debug)]
pub struct Span<'a> {
    joined: Joined<'a>,
    topics: Range<usize>,
    owned: Range<usize>,
    rack: Option<u32>,
    generation: i32,
}

/// What members said, in numbers.
///
/// Bounds: a span for each member, a number in `topics` for each topic it subscribes to, and one in `owned` for each partition it owns.
#[derive(Debug)]
pub struct Told<'a, 'm> {
    spans: List<'m, Span<'a>>,
    topics: List<'m, u32>,
    owned: List<'m, u32>,
}

/// The rack of a member in which no replica stands.
const ELSEWHERE: u32 = u32::MAX;

impl<'a, 'm> Told<'a, 'm> {
    /// Nothing was said yet. The lists are emptied.
    #[must_use]
    pub fn new(mut spans: List<'m, Span<'a>>, mut topics: List<'m, u32>, mut owned: List<'m, u32>) -> Self {
        spans.clear();
        topics.clear();
        owned.clear();
        Self { spans, topics, owned }
    }

    /// Takes up what a member wrote, as an assignor of this kind reads it. Topics that are not among the names are passed over.
    ///
    /// The eager sticky assignor reads what was owned from the user data, the cooperative one from the subscription, which has a generation
    /// from version 2 on and before that in its user data. User data that cannot be read count as none. Source: `memberData` of both.
    ///
    /// # Errors
    /// [`ToldError::Decode`] when it is no subscription, [`ToldError::Full`] when memory is too small. The member is then not among those
    /// taken up.
    pub fn take(&mut self, assignor: Assignor, names: &Names<'_>, joined: Joined<'a>) -> Result<(), ToldError> {
        let subscription = subscription(joined.metadata)?;
        let (topics, owned) = (self.topics.len(), self.owned.len());
        let taken = self.take_numbers(assignor, names, joined, &subscription);
        if taken.is_err() {
            self.topics.truncate(topics);
            self.owned.truncate(owned);
        }
        taken
    }

    fn take_numbers(
        &mut self,
        assignor: Assignor,
        names: &Names<'_>,
        joined: Joined<'a>,
        subscription: &ConsumerProtocolSubscription<'_>,
    ) -> Result<(), ToldError> {
        let (topics, owned) = (self.topics.len(), self.owned.len());
        for name in subscription.topics {
            if let Some(topic) = names.topic(name) {
                self.topics.push(topic)?;
            }
        }
        self.sort_topics_from(topics);
        let generation = match assignor {
            Assignor::Range | Assignor::RoundRobin => -1,
            Assignor::Sticky => self.take_sticky(names, subscription.user_data.unwrap_or_default())?,
            Assignor::CooperativeSticky => {
                for topic in subscription.owned_partitions {
                    self.take_owned(names, topic.topic, topic.partitions.iter())?;
                }
                let written = subscription.user_data.and_then(|data| CooperativeStickyUserData::read(data).ok());
                if subscription.generation_id < 0 { written.map_or(-1, |data| data.generation) } else { subscription.generation_id }
            }
        };
        let rack = subscription.rack_id.filter(|rack| !rack.is_empty()).map(|rack| names.rack(rack));
        self.spans.push(Span { joined, topics: topics..self.topics.len(), owned: owned..self.owned.len(), rack, generation })?;
        Ok(())
    }

    /// Puts the topics of the last member in order, each once.
    fn sort_topics_from(&mut self, first: usize) {
        let own = self.topics.get_mut(first..).unwrap_or_default();
        own.sort_unstable();
        let mut kept = 0;
        for at in 0..own.len() {
            if at == 0 || own.get(at) != own.get(at - 1) {
                own.swap(kept, at);
                kept += 1;
            }
        }
        self.topics.truncate(first + kept);
    }

    fn take_sticky(&mut self, names: &Names<'_>, data: &[u8]) -> Result<i32, Full> {
        let Ok(data) = StickyUserData::read(data) else { return Ok(-1) };
        for topic in data.previous_assignment {
            self.take_owned(names, topic.topic, topic.partitions.iter())?;
        }
        Ok(data.generation)
    }

    fn take_owned(&mut self, names: &Names<'_>, topic: &str, indexes: impl Iterator<Item = i32>) -> Result<(), Full> {
        let Some(topic) = names.topic(topic) else { return Ok(()) };
        let known = indexes.filter_map(|partition_index| names.numbers.partition(topic, u32::try_from(partition_index).ok()?));
        for partition in known {
            self.owned.push(partition)?;
        }
        Ok(())
    }

    /// Lists the members taken up, as [`super::group::Group`] takes them, in the order in which they were.
    ///
    /// # Errors
    /// [`Full`] when `members` has no room for all.
    pub fn members<'t>(&'t self, members: &mut List<'_, Member<'t>>) -> Result<(), Full> {
        members.clear();
        for span in self.spans.iter() {
            members.push(Member {
                member_id: span.joined.member_id,
                instance_id: span.joined.instance_id,
                rack: span.rack,
                topics: self.topics.get(span.topics.clone()).unwrap_or_default(),
                owned: self.owned.get(span.owned.clone()).unwrap_or_default(),
                generation: span.generation,
            })?;
        }
        Ok(())
    }
}

impl Names<'_> {
    fn topic(&self, name: &str) -> Option<u32> {
        let place = self.topics.binary_search_by(|topic| order::of_text(topic, name)).ok()?;
        u32::try_from(place).ok()
    }

    fn rack(&self, name: &str) -> u32 {
        let place = self.racks.iter().position(|rack| *rack == name);
        place.and_then(|place| u32::try_from(place).ok()).unwrap_or(ELSEWHERE)
    }
}

/// Writes what a member is given, with its version before it: partitions that rise, by topic.
///
/// Source: `ConsumerProtocolAssignment`, which is the same in versions 0 to 3; a leader answers each member in the version that it wrote.
pub fn put_assignment(writer: &mut Writer<'_>, version: i16, names: &Names<'_>, partitions: &[u32]) {
    let runs = || partitions.chunk_by(|a, b| names.numbers.topic_of(*a) == names.numbers.topic_of(*b));
    writer.put(&version.to_be_bytes());
    writer.put(&size(runs().count()).to_be_bytes());
    for run in runs() {
        let topic = run.first().and_then(|partition| names.numbers.topic_of(*partition)).unwrap_or(u32::MAX);
        let name = names.topics.get(index(topic)).copied().unwrap_or_default();
        let first = names.numbers.partitions(topic).start;
        writer.put(&i16::try_from(name.len()).unwrap_or(0).to_be_bytes());
        writer.put(name.as_bytes());
        writer.put(&size(run.len()).to_be_bytes());
        run.iter().for_each(|partition| writer.put(&partition.saturating_sub(first).to_be_bytes()));
    }
    // No user data.
    writer.put(&(-1i32).to_be_bytes());
}

fn size(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

#[cfg(all(test, feature = "alloc"))]
mod tests {
    use super::*;
    use crate::member::consumer_protocol::{ConsumerProtocolAssignment, SubscriptionTopicPartition};
    use crate::wire::schema::Message as _;
    use crate::wire::value::Array;
    use alloc::vec;
    use alloc::vec::Vec;

    use super::super::user_data::PreviousTopic;

    const ENDS: [u32; 3] = [2, 2, 5];

    fn names() -> Names<'static> {
        Names { topics: &["a", "gone", "z"], numbers: Topics::from_ends(&ENDS).expect("ends that rise"), racks: &["r", "s"] }
    }

    fn written(subscription: &ConsumerProtocolSubscription<'_>, version: i16) -> Vec<u8> {
        let mut writer = Writer::growing();
        writer.put(&version.to_be_bytes());
        subscription.encode(&mut writer, version);
        writer.bytes().to_vec()
    }

    fn told<'a>() -> Told<'a, 'a> {
        Told::new(List::grown(9), List::grown(9), List::grown(9))
    }

    #[test]
    fn names_become_numbers_as_each_assignor_reads_them() {
        let previous = [PreviousTopic { topic: "a", partitions: Array::from(&[1]) }];
        let mut data = Writer::growing();
        StickyUserData { previous_assignment: Array::from(&previous), generation: 6 }.put(&mut data);
        let partitions = [0, 2, 3, -1];
        let owned = [SubscriptionTopicPartition { topic: "z", partitions: Array::from(&partitions) }];
        let subscription = ConsumerProtocolSubscription {
            topics: Array::from(&["z", "a", "nowhere", "z"]),
            user_data: Some(data.bytes()),
            owned_partitions: Array::from(&owned),
            generation_id: 8,
            rack_id: Some("s"),
        };
        let metadata = written(&subscription, 3);
        let joined = Joined { member_id: "m", instance_id: Some("i"), metadata: &metadata };
        for (assignor, owned, generation) in
            [(Assignor::Range, vec![], -1), (Assignor::Sticky, vec![1], 6), (Assignor::CooperativeSticky, vec![2, 4], 8)]
        {
            let mut told = told();
            told.take(assignor, &names(), joined).unwrap();
            let mut members = List::grown(1);
            told.members(&mut members).unwrap();
            assert_eq!((members[0].member_id, members[0].instance_id, members[0].rack), ("m", Some("i"), Some(1)));
            assert_eq!((members[0].topics, members[0].owned, members[0].generation), (&[0, 2][..], &*owned, generation));
        }
    }

    #[test]
    fn older_members_and_strange_ones_are_read_as_far_as_they_go() {
        let mut data = Writer::growing();
        CooperativeStickyUserData { generation: 3 }.put(&mut data);
        let owned = [SubscriptionTopicPartition { topic: "a", partitions: Array::from(&[0]) }];
        let subscription = ConsumerProtocolSubscription {
            topics: Array::from(&["a"]),
            user_data: Some(data.bytes()),
            owned_partitions: Array::from(&owned),
            ..ConsumerProtocolSubscription::default()
        };
        let metadata = written(&subscription, 1);
        let mut told = told();
        let joined = |metadata| Joined { member_id: "m", instance_id: None, metadata };
        told.take(Assignor::CooperativeSticky, &names(), joined(&metadata)).unwrap();
        // Its user data are no partitions: it had none.
        told.take(Assignor::Sticky, &names(), joined(&metadata)).unwrap();
        assert_eq!(told.take(Assignor::Sticky, &names(), joined(&metadata[..7])), Err(ToldError::Decode(DecodeError::Truncated)));
        let mut members = List::grown(2);
        told.members(&mut members).unwrap();
        assert_eq!([0, 1].map(|at: usize| (members[at].owned, members[at].generation)), [(&[0][..], 3), (&[], -1)]);
        // What does not fit leaves nothing behind.
        let mut small = Told::new(List::grown(9), List::grown(1), List::grown(0));
        assert_eq!(small.take(Assignor::CooperativeSticky, &names(), joined(&metadata)), Err(ToldError::Full));
        small.take(Assignor::Range, &names(), joined(&metadata)).unwrap();
    }

    #[test]
    fn what_is_written_to_a_member_is_an_assignment() {
        let mut writer = Writer::growing();
        put_assignment(&mut writer, 3, &names(), &[0, 1, 4]);
        let bytes = writer.bytes();
        assert_eq!(bytes[..2], [0, 3]);
        let read = ConsumerProtocolAssignment::decode(&bytes[2..], 3).unwrap();
        let given: Vec<(&str, Vec<i32>)> =
            read.assigned_partitions.iter().map(|topic| (topic.topic, topic.partitions.iter().collect())).collect();
        assert_eq!((given, read.user_data), (vec![("a", vec![0, 1]), ("z", vec![2])], None));
    }
}
