//! What a leader knows of its group.

use super::error::AssignError;
use super::owner::Owner;
use super::scratch::{Sizes, count, index};
use super::subscribers::{all_equal, subscription_count};
use super::topics::Topics;

/// A member of a classic group, as its leader sees it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Member<'a> {
    /// Its id.
    pub member_id: &'a str,
    /// Its fixed name, if it has one. No two members have the same.
    pub instance_id: Option<&'a str>,
    /// The number of the rack that it stands in, if it says so. Which rack has which number is the caller's choice.
    pub rack: Option<u32>,
    /// The topics that it subscribes to: a rising list of their numbers.
    pub topics: &'a [u32],
    /// The partitions that it says it has; those that there are not are passed over. Only sticky assignors ask.
    pub owned: &'a [u32],
    /// The generation in which it got them; -1 when it does not say.
    pub generation: i32,
}

/// The racks in which the replicas of every partition stand, by the same numbers as those of members.
#[derive(Clone, Copy, Debug)]
pub struct Racks<'a> {
    ends: &'a [u32],
    racks: &'a [u32],
}

impl<'a> Racks<'a> {
    /// `racks` lists those of partition 0, then those of partition 1, and so on; `ends` says for each partition where its racks end.
    /// A replica without a rack is left out; a rack may stand there twice.
    ///
    /// # Errors
    /// [`AssignError::Racks`] when the ends do not rise, or do not end with the list.
    pub fn new(ends: &'a [u32], racks: &'a [u32]) -> Result<Self, AssignError> {
        let is_whole = ends.is_sorted() && index(ends.last().copied().unwrap_or(0)) == racks.len();
        if is_whole { Ok(Self { ends, racks }) } else { Err(AssignError::Racks) }
    }

    /// The racks of a partition.
    #[must_use]
    pub fn of(&self, partition: u32) -> &'a [u32] {
        let start = partition.checked_sub(1).and_then(|before| self.ends.get(index(before))).copied().unwrap_or(0);
        let end = self.ends.get(index(partition)).copied().unwrap_or(0);
        self.racks.get(index(start)..index(end)).unwrap_or_default()
    }
}

/// A group as its leader sees it.
///
/// Topics are numbered in the order of their names, by UTF-16 code units. A topic that somebody subscribes to and that does not exist is
/// one without partitions: it takes part in the question whether all subscribe to the same. Members stand as the broker listed them.
#[derive(Clone, Copy, Debug)]
pub struct Group<'a> {
    topics: Topics<'a>,
    members: &'a [Member<'a>],
    member_count: u32,
    racks: Option<Racks<'a>>,
    topic_names: &'a [&'a str],
}

impl<'a> Group<'a> {
    /// Checks what members subscribe to. Bounds: fewer than 2^31 members.
    ///
    /// # Errors
    /// [`AssignError::Subscription`] when a list of topics does not rise or names one that there is not; [`AssignError::TooMany`].
    pub fn new(topics: Topics<'a>, members: &'a [Member<'a>]) -> Result<Self, AssignError> {
        let member_count = count(members.len())?;
        match (0..).zip(members).find(|(_, member)| !topics.has_all(member.topics)) {
            Some((member, _)) => Err(AssignError::Subscription { member }),
            None => Ok(Self { topics, members, member_count, racks: None, topic_names: &[] }),
        }
    }

    /// The same group, and where its partitions' replicas stand. Source: KIP-881.
    ///
    /// # Errors
    /// [`AssignError::Racks`] when they are not given for each partition.
    pub fn with_racks(self, racks: Racks<'a>) -> Result<Self, AssignError> {
        let is_whole = racks.ends.len() == index(self.topics.partition_count());
        if is_whole { Ok(Self { racks: Some(racks), ..self }) } else { Err(AssignError::Racks) }
    }

    /// The same group, and what its topics are called, by number. Names decide nothing but which of several partitions, equal in all else,
    /// Java's sticky assignors move between two members that subscribe to different topics; without them the first is moved.
    #[must_use]
    pub const fn with_topic_names(self, topic_names: &'a [&'a str]) -> Self {
        Self { topic_names, ..self }
    }

    /// The topics.
    #[must_use]
    pub const fn topics(&self) -> Topics<'a> {
        self.topics
    }

    /// The members.
    #[must_use]
    pub const fn members(&self) -> &'a [Member<'a>] {
        self.members
    }

    /// The number of members.
    #[must_use]
    pub const fn member_count(&self) -> u32 {
        self.member_count
    }

    pub(super) fn topic_name(&self, topic: u32) -> Option<&'a str> {
        self.topic_names.get(index(topic)).copied()
    }

    /// A member; one of nothing for a number that is none's.
    pub(super) fn member(&self, number: u32) -> Member<'a> {
        self.members.get(index(number)).copied().unwrap_or_default()
    }

    /// The racks of a partition; none when they are not known.
    pub(super) fn racks_of(&self, partition: u32) -> &'a [u32] {
        self.racks.map_or(&[], |racks| racks.of(partition))
    }

    /// Whether two partitions have replicas in the same racks.
    pub(super) fn have_same_racks(&self, a: u32, b: u32) -> bool {
        let (a, b) = (self.racks_of(a), self.racks_of(b));
        a.iter().all(|rack| b.contains(rack)) && b.iter().all(|rack| a.contains(rack))
    }

    /// Whether a partition has a replica in the rack of a member, or the member has none.
    pub(super) fn racks_match(&self, member: u32, partition: u32) -> bool {
        self.member(member).rack.is_none_or(|rack| self.racks_of(partition).contains(&rack))
    }

    pub(super) fn are_alike(&self) -> bool {
        all_equal(self.members.iter().map(|member| member.topics))
    }

    pub(super) fn sizes(&self) -> Sizes {
        Sizes {
            members: self.members.len(),
            topics: self.topics.len(),
            partitions: index(self.topics.partition_count()),
            pairs: subscription_count(self.members.iter().map(|member| member.topics)),
        }
    }

    /// Whether an array of owners is as long as there are partitions.
    pub(super) fn check(&self, owners: &[Owner]) -> Result<(), AssignError> {
        if owners.len() == index(self.topics.partition_count()) { Ok(()) } else { Err(AssignError::Owners) }
    }
}
