//! The coordinator: all groups of a shard, and who may ask what of them.

use crate::bounded::Full;
use crate::bounded::bytes::{ByteHeap, Text};
use crate::bounded::chain::Chain;
use crate::bounded::deadlines::Deadlines;
use crate::bounded::list::List;
use crate::bounded::slab::{Slab, Slot};
use crate::bounded::table::{HashKey, Table};
use crate::ids::PartitionIndex;
use crate::machine::{Effects, Machine};
use crate::time::{Instant, Moment, Timestamp};

use super::answer::Answer;
use super::classic::state::{Group, Member, Offered, Pending, ProtocolEntry, State};
use super::config::GroupConfig;
use super::error::GroupError;
use super::input::Input;
use super::modern::tables::ModernMemory;
use super::modern::topics::{NoTopics, Topics};
use super::offsets::OffsetEntry;
use super::pending::{OpenTransaction, PendingOffset};
use super::record::GroupRecord;

/// Effects of the coordinator.
pub type Fx<'e, 'm, 'c> = Effects<'e, 'm, Coordinator<'c>>;

/// All groups of a shard, their members and their offsets.
///
/// Hard state is what the records of `__consumer_offsets` say: which groups there are, the last completed generation of each with
/// its members and assignments, and the offsets. Soft state is the round in progress: who waits, who is due, which metadata the
/// members of an unfinished round brought. Losing soft state costs a client one retry.
/// Bounds: every part has its capacity; see [`CoordinatorMemory`].
#[derive(Debug)]
pub struct Coordinator<'m> {
    pub(super) config: GroupConfig,
    pub(super) key: HashKey,
    pub(super) texts: ByteHeap<'m>,
    pub(super) groups: Table<'m, Group>,
    pub(super) members: Table<'m, Member>,
    pub(super) instances: Table<'m, Slot>,
    pub(super) pendings: Table<'m, Pending>,
    pub(super) offered: Table<'m, Offered>,
    pub(super) protocols: Slab<'m, ProtocolEntry>,
    pub(super) offsets: Table<'m, OffsetEntry>,
    pub(super) pending_offsets: Table<'m, PendingOffset>,
    pub(super) transactions: Table<'m, OpenTransaction>,
    /// How many commits were believed: later ones count, whichever transaction ends when. Follows from the log.
    pub(super) commits: u64,
    pub(super) sessions: Deadlines<'m>,
    pub(super) pending_sessions: Deadlines<'m>,
    pub(super) rounds: Deadlines<'m>,
    pub(super) modern: ModernMemory<'m>,
    /// One result for each part of a request; empty between steps.
    pub(super) results: List<'m, Option<GroupError>>,
    /// When offsets are next looked through for expired ones, and at which group the look goes on.
    pub(super) expiry: Option<Expiry>,
}

/// The walk through all groups in search of expired offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Expiry {
    pub(super) due: Instant,
    /// The place number of the next group to look at.
    pub(super) next: usize,
}

/// The memory of a coordinator: lent piece by piece, or grown up to stated limits.
#[derive(Debug)]
pub struct CoordinatorMemory<'m> {
    /// Ids, metadata, assignments.
    pub texts: ByteHeap<'m>,
    /// One entry a group.
    pub groups: Table<'m, Group>,
    /// One entry a member.
    pub members: Table<'m, Member>,
    /// One entry a static member.
    pub instances: Table<'m, Slot>,
    /// One entry a member that was given an id and has not come back with it yet.
    pub pendings: Table<'m, Pending>,
    /// One entry a group and protocol name.
    pub offered: Table<'m, Offered>,
    /// One entry a member and protocol.
    pub protocols: Slab<'m, ProtocolEntry>,
    /// One entry a group and partition.
    pub offsets: Table<'m, OffsetEntry>,
    /// One entry a group and partition that a transaction commits while it is open.
    pub pending_offsets: Table<'m, PendingOffset>,
    /// One entry an open transaction that commits offsets.
    pub transactions: Table<'m, OpenTransaction>,
    /// Capacity of `members`.
    pub sessions: Deadlines<'m>,
    /// Capacity of `pendings`.
    pub pending_sessions: Deadlines<'m>,
    /// Capacity of `groups`.
    pub rounds: Deadlines<'m>,
    /// Consumer groups.
    pub modern: ModernMemory<'m>,
    /// As many as one request may have parts: partitions of a commit, members of a leave.
    pub results: List<'m, Option<GroupError>>,
}

/// Limits of a coordinator whose memory grows.
#[cfg(feature = "alloc")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoordinatorLimits {
    /// Groups.
    pub groups: usize,
    /// Members of all groups together.
    pub members: usize,
    /// Committed offsets of all groups together.
    pub offsets: usize,
    /// Partitions that members of consumer groups hold, of all groups together; likewise topics that they subscribe to.
    pub partitions: usize,
    /// Bytes of ids, metadata and assignments.
    pub text_bytes: usize,
}

#[cfg(feature = "alloc")]
impl Default for CoordinatorLimits {
    fn default() -> Self {
        Self { groups: 100_000, members: 100_000, offsets: 4_000_000, partitions: 4_000_000, text_bytes: 1 << 30 }
    }
}

#[cfg(feature = "alloc")]
impl CoordinatorMemory<'_> {
    /// Memory that is allocated as it is needed.
    #[must_use]
    pub fn grown(limits: CoordinatorLimits) -> Self {
        // A member offers a handful of protocols; the texts are the ids and metadata of all of them.
        let protocols = limits.members.saturating_mul(8);
        let texts = limits.groups * 4 + limits.members * 32 + limits.offsets * 2 + limits.partitions;
        Self {
            texts: ByteHeap::grown(limits.text_bytes, texts),
            groups: Table::grown(limits.groups),
            members: Table::grown(limits.members),
            instances: Table::grown(limits.members),
            pendings: Table::grown(limits.members),
            offered: Table::grown(protocols),
            protocols: Slab::grown(protocols),
            offsets: Table::grown(limits.offsets),
            pending_offsets: Table::grown(limits.offsets),
            transactions: Table::grown(limits.offsets),
            sessions: Deadlines::grown(limits.members),
            pending_sessions: Deadlines::grown(limits.members),
            rounds: Deadlines::grown(limits.groups),
            modern: ModernMemory::grown(limits.groups, limits.members, limits.partitions),
            results: List::grown(limits.offsets),
        }
    }
}

impl<'m> Coordinator<'m> {
    /// A coordinator that knows no group yet. `key` keys the hashes of names that peers chose.
    ///
    /// # Panics
    /// When a list of deadlines is shorter than the table it belongs to.
    #[must_use]
    pub fn new(config: GroupConfig, key: HashKey, memory: CoordinatorMemory<'m>) -> Self {
        assert!(memory.sessions.capacity() >= memory.members.capacity(), "a deadline for each member");
        assert!(memory.pending_sessions.capacity() >= memory.pendings.capacity(), "a deadline for each pending member");
        assert!(memory.rounds.capacity() >= memory.groups.capacity(), "a deadline for each group");
        let deadlines = memory.modern.sessions.capacity().min(memory.modern.patience.capacity());
        assert!(deadlines >= memory.modern.members.capacity(), "two deadlines for each member of a consumer group");
        Self {
            config,
            key,
            texts: memory.texts,
            groups: memory.groups,
            members: memory.members,
            instances: memory.instances,
            pendings: memory.pendings,
            offered: memory.offered,
            protocols: memory.protocols,
            offsets: memory.offsets,
            pending_offsets: memory.pending_offsets,
            transactions: memory.transactions,
            commits: 0,
            sessions: memory.sessions,
            pending_sessions: memory.pending_sessions,
            rounds: memory.rounds,
            modern: memory.modern,
            results: memory.results,
            expiry: None,
        }
    }

    /// The settings in force.
    #[must_use]
    pub const fn config(&self) -> &GroupConfig {
        &self.config
    }

    /// Puts other settings in force, for inputs from now on. Over how many partitions groups are spread is not among them.
    pub const fn configure(&mut self, config: GroupConfig) {
        let offsets_partition_count = self.config.offsets_partition_count;
        self.config = GroupConfig { offsets_partition_count, ..config };
    }

    /// Says over how many partitions groups are spread: as many as `__consumer_offsets` has, whatever the settings say by now. To be
    /// called when that is known, and before anything is replayed. Source: `GroupCoordinatorService.startup`.
    pub const fn spread_over(&mut self, partition_count: i32) {
        self.config.offsets_partition_count = partition_count;
    }

    /// Wakes up what was loaded: sessions start, and a group that is over capacity rebalances.
    /// Source: `GroupMetadataManager.onLoaded`.
    pub fn loaded(&mut self, at: Moment) {
        let mut from = 0;
        while let Some(group) = self.groups.next_from(from) {
            from = group.index() + 1;
            let mut slot = self.groups.get(group).map_or(Slot::NONE, |group| group.members.first());
            while slot.is_some() {
                self.restart_session(at.now, slot);
                slot = Chain::next(&self.members, slot);
            }
            self.wake_consumers(at.now, group);
            let over = self.groups.get(group).is_some_and(|group| group.members.len() > self.config.size_max);
            if over {
                self.begin_round_without_effects(at, group);
            }
        }
        if !self.groups.is_empty() {
            self.arm_expiry(at.now);
        }
    }

    /// The partition of `__consumer_offsets` that keeps a group: the absolute value of Java's hash of its id.
    /// Source: `GroupCoordinatorService.partitionFor`.
    #[must_use]
    pub fn partition_of(&self, group_id: &str) -> PartitionIndex {
        PartitionIndex::of_name(group_id, self.config.offsets_partition_count)
    }

    /// The first group at or behind the place number `from`, for walks that give an input to each.
    #[must_use]
    pub fn next_group(&self, from: usize) -> Option<Slot> {
        self.groups.next_from(from)
    }

    pub(super) fn find_group(&self, group_id: &str) -> Option<Slot> {
        let hash = self.key.hash(&[group_id.as_bytes()]);
        self.groups.find(hash, |group| self.texts.bytes(group.id) == group_id.as_bytes())
    }

    /// Makes a group without members, known to nobody yet.
    pub(super) fn create_group(&mut self, group_id: &str) -> Result<Slot, Full> {
        let hash = self.key.hash(&[group_id.as_bytes()]);
        if self.groups.is_full() {
            return Err(Full);
        }
        let id = self.texts.store(group_id.as_bytes())?;
        self.groups.insert(hash, Group::new(id)).inspect_err(|Full| self.texts.release(id))
    }

    /// Forgets a group and everything that belongs to it.
    pub(super) fn drop_group(&mut self, slot: Slot) {
        while let Some(member) = self.groups.get(slot).map(|group| group.members.first()).filter(|member| member.is_some()) {
            self.drop_member(slot, member);
        }
        while let Some(pending) = self.groups.get(slot).map(|group| group.pendings.first()).filter(|pending| pending.is_some()) {
            self.drop_pending(pending);
        }
        while let Some(offset) = self.groups.get(slot).map(|group| group.offsets.first()).filter(|offset| offset.is_some()) {
            self.drop_offset(offset);
        }
        self.drop_pending_offsets_of(slot);
        self.drop_consumer_group(slot);
        self.rounds.clear(slot);
        if let Some(group) = self.groups.remove(slot) {
            self.texts.release(group.id);
            self.texts.release(group.protocol_type.unwrap_or(Text::EMPTY));
            self.texts.release(group.protocol.unwrap_or(Text::EMPTY));
        }
    }

    /// Forgets a group that is no consumer group, has no members and no offsets: nothing of it is left in the log.
    pub(super) fn drop_group_if_bare(&mut self, slot: Slot) {
        let is_bare = self.groups.get(slot).is_some_and(|group| {
            let has_classic = group.protocol_type.is_some() || !group.members.is_empty() || !group.pendings.is_empty();
            !group.consumer.is_some() && !has_classic && group.offsets.is_empty() && group.pending_offsets == 0
        });
        if is_bare {
            self.drop_group(slot);
        }
    }

    /// Sets the results of a request to "no error" for each of `count` parts.
    pub(super) fn clear_results(&mut self, count: usize) -> Result<(), Full> {
        self.results.clear();
        self.results.fill_to(count, None)
    }

    pub(super) fn set_result(&mut self, at: usize, result: Result<(), GroupError>) {
        if let Some(place) = self.results.get_mut(at) {
            *place = result.err();
        }
    }

    fn delete_group(&self, group_id: &str, fx: &mut Fx<'_, '_, 'm>) -> Result<(), GroupError> {
        let slot = self.find_group(group_id).ok_or(GroupError::GroupNotFound)?;
        let group = self.groups.get(slot).ok_or(GroupError::GroupNotFound)?;
        if group.state != State::Empty || self.consumer_group(slot).is_some_and(|entry| !entry.members.is_empty()) {
            return Err(GroupError::NonEmptyGroup);
        }
        self.record_offset_tombstones(slot, fx).map_err(|Full| GroupError::CommitTooLarge)?;
        self.record_group_gone(slot, fx)
    }

    /// Nothing is left of a group without members but its offsets, which have records of their own.
    pub(super) fn record_group_gone(&self, slot: Slot, fx: &mut Fx<'_, '_, 'm>) -> Result<(), GroupError> {
        if self.consumer_group(slot).is_some() {
            return self.record_consumer_group_gone(slot, fx);
        }
        let group = self.groups.get(slot).map_or("", |group| self.texts.str(group.id));
        self.record(&GroupRecord::GroupDeleted { group }, fx).map_err(|Full| GroupError::CommitTooLarge)
    }

    /// Puts a record of a group among the effects.
    pub(super) fn record(&self, record: &GroupRecord<'_>, fx: &mut Fx<'_, '_, 'm>) -> Result<(), Full> {
        record.encode(self.partition_of(record.group()), fx.records)
    }

    /// The earliest instant at which a member, a round or the look for expired offsets is due.
    fn earliest(&self) -> Option<Instant> {
        let (sessions, revocations) = (self.modern.sessions.first(), self.modern.patience.first());
        let heaps = [self.sessions.first(), self.pending_sessions.first(), self.rounds.first(), sessions, revocations];
        let first = heaps.into_iter().flatten().map(|(due, _)| due).min();
        first.into_iter().chain(self.expiry.map(|expiry| expiry.due)).min()
    }
}

/// Acting.
impl<'m> Coordinator<'m> {
    /// [`Machine::step`] for whoever knows what topics there are. Without them a member of a consumer group gets nothing.
    pub fn step_among(&mut self, topics: &dyn Topics, at: Moment, input: Input<'_>, fx: &mut Fx<'_, '_, 'm>) {
        self.modern.downgraded = Slot::NONE;
        match input {
            Input::Join(join) => self.join(at, &join, topics, fx),
            Input::Sync(sync) => self.sync(at, &sync, topics, fx),
            Input::Heartbeat(heartbeat) => self.heartbeat(at, &heartbeat, fx),
            Input::Leave(leave) => self.leave(at, &leave, topics, fx),
            Input::Commit(commit) => self.commit(at, &commit, fx),
            Input::DeleteOffsets(delete) => self.delete_offsets(&delete, fx),
            Input::DeleteGroup(delete) => {
                let before = fx.records.len();
                let result = self.delete_group(delete.group_id, fx).inspect_err(|_| fx.records.truncate(before));
                fx.answers.answer(delete.call, crate::machine::When::Written, Answer::GroupDeleted(result));
            }
            Input::ForgetTopic(forget) => self.forget_topic(&forget, topics, fx),
            Input::ConsumerHeartbeat(heartbeat) => self.consumer_heartbeat(at, &heartbeat, topics, fx),
            Input::ShareHeartbeat(heartbeat) => self.share_heartbeat(at, &heartbeat, topics, fx),
            Input::Shared(shared) => self.shared(shared.group, topics, fx),
            Input::AlterShares(alter) => self.alter_shares(&alter, topics, fx),
            Input::DeleteShares(delete) => self.delete_shares(&delete, topics, fx),
        }
    }

    /// [`Machine::handle_timeout`] for whoever knows what topics there are. Without them a group that becomes a classic one has nothing
    /// assigned until its members have joined again.
    pub fn handle_timeout_among(&mut self, topics: &dyn Topics, at: Moment, fx: &mut Fx<'_, '_, 'm>) -> bool {
        self.modern.downgraded = Slot::NONE;
        if let Some((due, member)) = self.sessions.first()
            && due <= at.now
        {
            self.session_due(at, member, fx);
        } else if let Some((due, pending)) = self.pending_sessions.first()
            && due <= at.now
        {
            self.pending_due(at, pending, fx);
        } else if let Some((due, group)) = self.rounds.first()
            && due <= at.now
        {
            self.round_due(at, group, fx);
        } else if let Some((due, member)) = self.modern.sessions.first()
            && due <= at.now
        {
            self.consumer_session_due(at, member, topics, fx);
        } else if let Some((due, member)) = self.modern.patience.first()
            && due <= at.now
        {
            self.patience_due(at, member, topics, fx);
        } else if let Some(expiry) = self.expiry
            && expiry.due <= at.now
        {
            self.expire_offsets(at, expiry, fx);
        } else {
            return false;
        }
        true
    }
}

impl<'m> Machine for Coordinator<'m> {
    type Input<'a> = Input<'a>;
    type Record<'a> = GroupRecord<'a>;
    type Answer<'a> = Answer<'a>;

    fn step(&mut self, at: Moment, input: Input<'_>, fx: &mut Effects<'_, '_, Self>) {
        self.step_among(&NoTopics, at, input, fx);
    }

    fn replay(&mut self, record: &GroupRecord<'_>) {
        self.believe(record);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.earliest()
    }

    fn handle_timeout(&mut self, at: Moment, fx: &mut Effects<'_, '_, Self>) -> bool {
        self.handle_timeout_among(&NoTopics, at, fx)
    }
}

/// When a wall-clock time plus a span has come.
pub(super) fn has_passed(wall: Timestamp, since: Timestamp, span: crate::time::Millis) -> bool {
    wall >= since.after(span)
}
