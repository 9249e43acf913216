//! Committed offsets: storing, asking, deleting, forgetting.

use crate::bounded::Full;
use crate::bounded::bytes::Text;
use crate::bounded::chain::{Links, linked};
use crate::bounded::slab::Slot;
use crate::ids::{LeaderEpoch, Offset, PartitionIndex, TopicId};
use crate::machine::When;
use crate::time::{Instant, Moment, Timestamp};
use crate::wire::reader::Reader;
use crate::wire::value::{Array, Form, Value};

use super::answer::Answer;
use super::classic::state::{Group, State};
use super::coordinator::{Coordinator, Expiry, Fx, has_passed};
use super::error::GroupError;
use super::input::{Commit, DeleteOffsets, ForgetTopic};
use super::modern::state::GroupKind;
use super::modern::topics::Topics;
use super::record::{GroupRecord, StoredOffset};

/// The protocol type of consumers. Source: `ConsumerProtocol.PROTOCOL_TYPE`.
pub const CONSUMER_PROTOCOL_TYPE: &str = "consumer";

/// An offset as it is kept. Hard.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    pub(super) topic: Text,
    pub(super) partition: PartitionIndex,
    offset: Offset,
    leader_epoch: Option<LeaderEpoch>,
    metadata: Text,
    commit_timestamp: Timestamp,
    expire_timestamp: Option<Timestamp>,
    topic_id: TopicId,
    /// The how manieth commit it was: of two for one partition the later one counts, whenever its transaction ends.
    pub(super) commit: u64,
}

/// One committed offset. Hard.
#[derive(Debug)]
pub struct OffsetEntry {
    group: Slot,
    kept: Kept,
    links: Links,
}

linked!(OffsetEntry);

impl<'m> Coordinator<'m> {
    pub(super) fn offset_hash(&self, group: Slot, topic: &str, partition: PartitionIndex) -> u64 {
        let id = self.groups.get(group).map_or(&[][..], |group| self.texts.bytes(group.id));
        self.key.hash(&[id, topic.as_bytes(), &partition.0.to_be_bytes()])
    }

    pub(super) fn find_offset(&self, group: Slot, topic: &str, partition: PartitionIndex) -> Option<Slot> {
        let is_it = |entry: &OffsetEntry| entry.group == group && self.is_of(&entry.kept, topic, partition);
        self.offsets.find(self.offset_hash(group, topic, partition), is_it)
    }

    pub(super) fn is_of(&self, kept: &Kept, topic: &str, partition: PartitionIndex) -> bool {
        kept.partition == partition && self.texts.bytes(kept.topic) == topic.as_bytes()
    }

    pub(super) fn drop_offset(&mut self, slot: Slot) {
        let Some(group) = self.offsets.get(slot).map(|entry| entry.group) else { return };
        if let Some(group) = self.groups.get_mut(group) {
            group.offsets.unlink(&mut self.offsets, slot);
        }
        if let Some(entry) = self.offsets.remove(slot) {
            self.release_kept(&entry.kept);
        }
    }

    pub(super) fn release_kept(&mut self, kept: &Kept) {
        self.texts.release(kept.topic);
        self.texts.release(kept.metadata);
    }

    /// Keeps what a commit says; the count of commits goes up.
    pub(super) fn keep(&mut self, topic: &str, partition: PartitionIndex, commit: &StoredOffset<'_>) -> Result<Kept, Full> {
        let topic = self.texts.store(topic.as_bytes())?;
        let metadata = self.texts.store(commit.metadata.as_bytes()).inspect_err(|Full| self.texts.release(topic))?;
        self.commits += 1;
        Ok(Kept {
            topic,
            partition,
            offset: commit.offset,
            leader_epoch: commit.leader_epoch,
            metadata,
            commit_timestamp: commit.commit_timestamp,
            expire_timestamp: commit.expire_timestamp,
            topic_id: commit.topic_id,
            commit: self.commits,
        })
    }

    pub(super) fn believe_offset(
        &mut self,
        group_id: &str,
        topic: &str,
        partition: PartitionIndex,
        commit: &StoredOffset<'_>,
    ) -> Result<(), Full> {
        let group = self.find_or_create_group(group_id)?;
        let Some(slot) = self.find_offset(group, topic, partition) else {
            let kept = self.keep(topic, partition, commit)?;
            return self.add_offset(group, kept).inspect_err(|Full| self.release_kept(&kept));
        };
        // The name of the topic is there already, and mostly the metadata too: so a commit that changes neither needs no room.
        let Some(before) = self.offsets.get(slot).map(|entry| entry.kept) else { return Ok(()) };
        let metadata = self.texts.replace(before.metadata, commit.metadata.as_bytes())?;
        self.commits += 1;
        let number = self.commits;
        if let Some(entry) = self.offsets.get_mut(slot) {
            entry.kept.offset = commit.offset;
            entry.kept.leader_epoch = commit.leader_epoch;
            entry.kept.metadata = metadata;
            entry.kept.commit_timestamp = commit.commit_timestamp;
            entry.kept.expire_timestamp = commit.expire_timestamp;
            entry.kept.topic_id = commit.topic_id;
            entry.kept.commit = number;
        }
        Ok(())
    }

    fn add_offset(&mut self, group: Slot, kept: Kept) -> Result<(), Full> {
        let hash = self.offset_hash(group, self.texts.str(kept.topic), kept.partition);
        let slot = self.offsets.insert(hash, OffsetEntry { group, kept, links: Links::default() })?;
        if let Some(group) = self.groups.get_mut(group) {
            group.offsets.push(&mut self.offsets, slot);
        }
        Ok(())
    }

    /// Lets a kept offset count, unless a later one does already. It is used up either way.
    pub(super) fn settle_offset(&mut self, group: Slot, kept: Kept) -> Result<(), Full> {
        let Some(slot) = self.find_offset(group, self.texts.str(kept.topic), kept.partition) else {
            return self.add_offset(group, kept).inspect_err(|Full| self.release_kept(&kept));
        };
        let Some(entry) = self.offsets.get_mut(slot) else { return Ok(()) };
        let superseded = if entry.kept.commit < kept.commit { core::mem::replace(&mut entry.kept, kept) } else { kept };
        self.release_kept(&superseded);
        Ok(())
    }

    /// What a stored entry says.
    pub(super) fn stored<'a>(&'a self, entry: &'a OffsetEntry) -> (&'a str, PartitionIndex, StoredOffset<'a>) {
        let kept = &entry.kept;
        let stored = StoredOffset {
            offset: kept.offset,
            leader_epoch: kept.leader_epoch,
            metadata: self.texts.str(kept.metadata),
            commit_timestamp: kept.commit_timestamp,
            expire_timestamp: kept.expire_timestamp,
            topic_id: kept.topic_id,
        };
        (self.texts.str(kept.topic), kept.partition, stored)
    }
}

/// Commits and deletions.
impl<'m> Coordinator<'m> {
    /// Source: `OffsetMetadataManager.commitOffset`.
    pub(super) fn commit(&mut self, at: Moment, commit: &Commit<'_>, fx: &mut Fx<'_, '_, 'm>) {
        let before = fx.records.len();
        let result = self.try_commit(at, commit, fx);
        let when = if result.is_ok() { When::Written } else { When::Now };
        if result.is_err() {
            fx.records.truncate(before);
        }
        fx.answers.answer(commit.caller.call, when, Answer::Committed(result.map(|()| &*self.results)));
        self.results.clear();
        if when == When::Written {
            self.arm_expiry(at.now);
        }
    }

    fn try_commit(&mut self, at: Moment, commit: &Commit<'_>, fx: &mut Fx<'_, '_, 'm>) -> Result<(), GroupError> {
        if commit.transaction.is_some() {
            self.check_pending_commit(commit)?;
        } else {
            self.check_commit(at, commit)?;
        }
        let full = |Full| GroupError::CommitTooLarge;
        self.clear_results(commit.partitions.len()).map_err(full)?;
        let mut fresh = 0;
        for (index, partition) in commit.partitions.iter().enumerate() {
            if partition.metadata.encode_utf16().count() > self.config.offset_metadata_max {
                self.set_result(index, Err(GroupError::MetadataTooLarge));
                continue;
            }
            let group = self.find_group(commit.caller.group_id);
            let known = group.and_then(|group| self.find_offset(group, partition.topic, partition.partition));
            // What a transaction commits may find an offset there or not when it ends.
            fresh += usize::from(known.is_none() || commit.transaction.is_some());
            let record = GroupRecord::Offset {
                group: commit.caller.group_id,
                topic: partition.topic,
                partition: partition.partition,
                commit: StoredOffset {
                    offset: partition.offset,
                    leader_epoch: partition.leader_epoch,
                    metadata: partition.metadata,
                    commit_timestamp: at.wall,
                    expire_timestamp: commit.expire_timestamp,
                    topic_id: partition.topic_id,
                },
                transaction: commit.transaction.map(|transaction| transaction.producer_id),
            };
            self.record(&record, fx).map_err(full)?;
        }
        // Belief cannot fail, so room is made sure of before anything is written.
        let text_size: usize = commit.partitions.iter().map(|partition| partition.topic.len() + partition.metadata.len()).sum();
        let texts = commit.partitions.len() * 2 + 1;
        let pending = self.pending_offsets.len();
        let has_room = self.offsets.capacity().saturating_sub(self.offsets.len() + pending) >= fresh
            && (commit.transaction.is_none() || self.has_room_for_pending(commit.partitions.len()))
            && self.texts.has_room_for(text_size + commit.caller.group_id.len(), texts)
            && (self.find_group(commit.caller.group_id).is_some() || !self.groups.is_full());
        if let Some(transaction) = commit.transaction {
            fx.records.belong_to(transaction);
        }
        if has_room { Ok(()) } else { Err(GroupError::CommitTooLarge) }
    }

    /// Who may commit. Source: `ClassicGroup.validateOffsetCommit`.
    fn check_commit(&mut self, at: Moment, commit: &Commit<'_>) -> Result<(), GroupError> {
        let caller = &commit.caller;
        let Some(group) = self.find_group(caller.group_id) else {
            // Without a generation, a consumer that needs no coordination keeps its offsets here: belief makes the group.
            return if commit.generation_id.is_none() { Ok(()) } else { Err(GroupError::GroupNotFound) };
        };
        if self.consumer_group(group).is_some() {
            return self.check_consumer_commit(group, commit);
        }
        let Some(entry) = self.groups.get(group) else { return Err(GroupError::GroupNotFound) };
        let state = entry.state;
        if commit.generation_id.is_none() && state == State::Empty {
            return Ok(());
        }
        if commit.generation_id.is_none() && caller.member_id.is_empty() && caller.group_instance_id.is_none() {
            return Err(GroupError::UnknownMemberId);
        }
        let generation_id = entry.generation_id;
        let slot = self.check_member(group, caller.member_id, caller.group_instance_id)?;
        if commit.generation_id != Some(generation_id) {
            return Err(GroupError::IllegalGeneration);
        }
        match state {
            State::CompletingRebalance => Err(GroupError::RebalanceInProgress),
            State::Stable | State::PreparingRebalance(_) => {
                self.restart_session(at.now, slot);
                Ok(())
            }
            State::Empty => Ok(()),
        }
    }

    /// Source: KIP-496, `OffsetMetadataManager.deleteOffsets`.
    pub(super) fn delete_offsets(&mut self, delete: &DeleteOffsets<'_>, fx: &mut Fx<'_, '_, 'm>) {
        let before = fx.records.len();
        let result = self.try_delete_offsets(delete, fx);
        if result.is_err() {
            fx.records.truncate(before);
        }
        fx.answers.answer(delete.call, When::Written, Answer::OffsetsDeleted(result.map(|()| &*self.results)));
        self.results.clear();
    }

    fn try_delete_offsets(&mut self, delete: &DeleteOffsets<'_>, fx: &mut Fx<'_, '_, 'm>) -> Result<(), GroupError> {
        if delete.group_id.is_empty() {
            return Err(GroupError::InvalidGroupId);
        }
        let slot = self.find_group(delete.group_id).ok_or(GroupError::GroupNotFound)?;
        let group = self.groups.get(slot).ok_or(GroupError::GroupNotFound)?;
        if group.state != State::Empty && !self.is_consumer_group(group) {
            return Err(GroupError::NonEmptyGroup);
        }
        self.clear_results(delete.partitions.len()).map_err(|Full| GroupError::CommitTooLarge)?;
        // Subscriptions are long, and a topic's partitions stand together.
        let mut known: Option<(&str, bool)> = None;
        for (index, partition) in delete.partitions.iter().enumerate() {
            let is_subscribed = match known {
                Some((topic, is_subscribed)) if topic == partition.topic => is_subscribed,
                Some(_) | None => self.is_subscribed(slot, partition.topic),
            };
            known = Some((partition.topic, is_subscribed));
            if is_subscribed {
                self.set_result(index, Err(GroupError::SubscribedToTopic));
            } else if self.find_offset(slot, partition.topic, partition.partition).is_some()
                || self.find_pending_offset(slot, partition.topic, partition.partition).is_some()
            {
                let record = GroupRecord::OffsetDeleted { group: delete.group_id, topic: partition.topic, partition: partition.partition };
                self.record(&record, fx).map_err(|Full| GroupError::CommitTooLarge)?;
            }
        }
        Ok(())
    }

    /// A topic is gone, and so are the offsets of one group in it. Source: `OffsetMetadataManager.onTopicsDeleted`.
    pub(super) fn forget_topic(&mut self, forget: &ForgetTopic<'_>, topics: &dyn Topics, fx: &mut Fx<'_, '_, 'm>) {
        let concerns =
            |kept: &Kept| self.texts.str(kept.topic) == forget.topic && (kept.topic_id.is_zero() || kept.topic_id == forget.topic_id);
        // What does not fit into one step stays until it expires.
        let _ =
            self.record_tombstones(forget.group, fx, concerns).and_then(|()| self.record_pending_tombstones(forget.group, fx, concerns));
        let before = fx.records.len();
        if self.unshare(forget.group, forget.topic_id, topics, fx).is_err() {
            fx.records.truncate(before);
        }
    }

    /// Deletes all offsets of a group.
    pub(super) fn record_offset_tombstones(&self, group: Slot, fx: &mut Fx<'_, '_, 'm>) -> Result<(), Full> {
        self.record_tombstones(group, fx, |_| true)?;
        self.record_pending_tombstones(group, fx, |_| true)
    }

    fn record_tombstones(&self, slot: Slot, fx: &mut Fx<'_, '_, 'm>, concerns: impl Fn(&Kept) -> bool) -> Result<(), Full> {
        let Some(group) = self.groups.get(slot) else { return Ok(()) };
        for (_, entry) in group.offsets.iter(&self.offsets).filter(|(_, entry)| concerns(&entry.kept)) {
            self.record_tombstone(group, &entry.kept, fx)?;
        }
        Ok(())
    }

    pub(super) fn record_tombstone(&self, group: &Group, kept: &Kept, fx: &mut Fx<'_, '_, 'm>) -> Result<(), Full> {
        let (topic, partition) = (self.texts.str(kept.topic), kept.partition);
        self.record(&GroupRecord::OffsetDeleted { group: self.texts.str(group.id), topic, partition }, fx)
    }

    fn is_consumer_group(&self, group: &Group) -> bool {
        group.protocol_type.is_some_and(|text| self.texts.str(text) == CONSUMER_PROTOCOL_TYPE)
    }

    /// Whether a member of a consumer group reads a topic. What a member said is read as the oldest version of its protocol, which
    /// all later ones begin with; a group that cannot be read counts as reading everything. Source: `ClassicGroup.isSubscribedToTopic`.
    fn is_subscribed(&self, slot: Slot, topic: &str) -> bool {
        if self.consumer_group(slot).is_some() {
            return self.is_consumed(slot, topic);
        }
        let Some(group) = self.groups.get(slot) else { return false };
        if !self.is_consumer_group(group) || group.members.is_empty() {
            return false;
        }
        let Some(protocol) = group.protocol else { return true };
        let protocol = self.texts.str(protocol);
        let mut members = group.members.iter(&self.members);
        members.any(|(_, member)| reads_topic(self.metadata_under(member, protocol), topic).unwrap_or(true))
    }
}

/// Whether the topics at the head of a consumer's subscription contain `topic`; `None` when it does not read as one.
fn reads_topic(subscription: &[u8], topic: &str) -> Option<bool> {
    let mut reader = Reader::new(subscription);
    let version = i16::from_be_bytes(reader.array().ok()?);
    let form = Form { version: 0, flexible: false, nullable: false };
    let topics: Array<'_, &str> = Value::read(&mut reader, form).ok().filter(|_| version >= 0)?;
    Some(topics.iter().any(|name| name == topic))
}

/// Expiry.
impl<'m> Coordinator<'m> {
    /// Sees to it that offsets are looked through for expired ones: to be called when there is something that could expire, or will
    /// be once it is believed.
    pub(super) fn arm_expiry(&mut self, now: Instant) {
        if self.expiry.is_none() {
            self.expiry = Some(Expiry { due: now.after(self.config.offsets_retention_check_interval), next: 0 });
        }
    }

    /// Looks at one group for expired offsets; a group that has nothing left is deleted.
    /// Source: KIP-211, `cleanupExpiredOffsets`, `maybeDeleteGroup`.
    pub(super) fn expire_offsets(&mut self, at: Moment, expiry: Expiry, fx: &mut Fx<'_, '_, 'm>) {
        let Some(slot) = self.groups.next_from(expiry.next) else {
            self.expiry = None;
            if !self.groups.is_empty() {
                self.arm_expiry(at.now);
            }
            return;
        };
        self.expiry = Some(Expiry { next: slot.index() + 1, ..expiry });
        let Some(group) = self.groups.get(slot) else { return };
        // What a share group is about is kept elsewhere, and does not expire. Source: `ShareGroup.shouldExpire`.
        if self.kind_at(slot) == GroupKind::Share {
            return;
        }
        let Some(since) = self.expiry_rule(group) else { return };
        let retention = self.config.offsets_retention;
        let expired = |kept: &Kept| {
            let own = kept.expire_timestamp.map(|due| at.wall >= due);
            let topic = self.texts.str(kept.topic);
            own.unwrap_or_else(|| has_passed(at.wall, since(kept), retention))
                && !self.is_subscribed(slot, topic)
                && self.find_pending_offset(slot, topic, kept.partition).is_none()
        };
        let written = self.record_tombstones(slot, fx, expired);
        let has_consumers = self.consumer_group(slot).is_some_and(|entry| !entry.members.is_empty());
        let deletable = group.state == State::Empty && !has_consumers && group.pendings.is_empty() && group.pending_offsets == 0;
        if written.is_ok() && deletable && group.offsets.iter(&self.offsets).all(|(_, entry)| expired(&entry.kept)) {
            // When this does not fit too, the group goes the next time.
            let before = fx.records.len();
            if self.record_group_gone(slot, fx).is_err() {
                fx.records.truncate(before);
            }
        }
    }

    /// From when an offset of this group counts as unused; `None` while none of them can expire.
    fn expiry_rule(&self, group: &Group) -> Option<impl Fn(&Kept) -> Timestamp + use<>> {
        let emptied = group.state_timestamp;
        let by_state = match (group.protocol_type.is_some(), group.state) {
            // Only offsets, so far: each goes by its own age.
            (false, _) => false,
            (true, State::Empty) => true,
            (true, State::Stable) if self.is_consumer_group(group) => false,
            (true, State::Stable | State::PreparingRebalance(_) | State::CompletingRebalance) => return None,
        };
        Some(move |kept: &Kept| emptied.filter(|_| by_state).unwrap_or(kept.commit_timestamp))
    }
}
