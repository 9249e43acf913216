//! What comes in: requests of members and administrators, without a version or a number of the wire.

use crate::bounded::slab::Slot;
use crate::ids::{CallId, GenerationId, LeaderEpoch, MemberEpoch, Offset, PartitionIndex, TopicId};
use crate::machine::Transaction;
use crate::time::{Millis, Timestamp};
use crate::wire::value::Array;

/// One input of the coordinator.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// A member asks for a seat.
    Join(Join<'a>),
    /// A member asks for its assignment; the leader brings everybody's.
    Sync(Sync<'a>),
    /// A member says that it lives.
    Heartbeat(Heartbeat<'a>),
    /// Members leave.
    Leave(Leave<'a>),
    /// Offsets are committed.
    Commit(Commit<'a>),
    /// Offsets are deleted by an administrator. Source: KIP-496.
    DeleteOffsets(DeleteOffsets<'a>),
    /// A group is deleted by an administrator. Source: KIP-229.
    DeleteGroup(DeleteGroup<'a>),
    /// A topic is gone: one group forgets its offsets there.
    ForgetTopic(ForgetTopic<'a>),
    /// A member of a consumer group joins, stays or leaves. Source: KIP-848.
    ConsumerHeartbeat(ConsumerHeartbeat<'a>),
    /// A member of a share group joins, stays or leaves. Source: KIP-932.
    ShareHeartbeat(ShareHeartbeat<'a>),
    /// Partitions have a state of their own by now, and can be shared. Source: KIP-932.
    Shared(Shared),
    /// An administrator says where a share group is to go on: those partitions are about to be shared.
    AlterShares(AlterShares<'a>),
    /// An administrator says that a share group is to forget a topic.
    DeleteShares(DeleteShares<'a>),
}

impl<'a> Input<'a> {
    /// The group that a request is about; `None` where it is known by its place only.
    #[must_use]
    pub const fn group_id(&self) -> Option<&'a str> {
        match self {
            Self::Join(join) => Some(join.caller.group_id),
            Self::Sync(sync) => Some(sync.caller.group_id),
            Self::Heartbeat(heartbeat) => Some(heartbeat.caller.group_id),
            Self::Leave(leave) => Some(leave.group_id),
            Self::Commit(commit) => Some(commit.caller.group_id),
            Self::DeleteOffsets(delete) => Some(delete.group_id),
            Self::DeleteGroup(delete) => Some(delete.group_id),
            Self::ForgetTopic(_) | Self::Shared(_) => None,
            Self::ConsumerHeartbeat(heartbeat) => Some(heartbeat.caller.group_id),
            Self::ShareHeartbeat(heartbeat) => Some(heartbeat.caller.group_id),
            Self::AlterShares(alter) => Some(alter.group_id),
            Self::DeleteShares(delete) => Some(delete.group_id),
        }
    }
}

/// Who speaks, in calls of members that have a seat.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    /// The call to answer.
    pub call: CallId,
    /// The group.
    pub group_id: &'a str,
    /// The member's id; empty when it has none.
    pub member_id: &'a str,
    /// The instance id of a static member. Source: KIP-345.
    pub group_instance_id: Option<&'a str>,
}

/// A protocol that a member offers, in the order of its preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocol<'a> {
    /// Its name; for consumers, the assignor's.
    pub name: &'a str,
    /// What the member tells the leader under it; opaque here.
    pub metadata: &'a [u8],
}

/// A member asks for a seat.
#[derive(Clone, Copy, Debug)]
pub struct Join<'a> {
    /// Who speaks; an empty member id asks for a new seat.
    pub caller: Caller<'a>,
    /// What its connection calls itself.
    pub client_id: &'a str,
    /// Where it speaks from, as Kafka prints it.
    pub client_host: &'a str,
    /// How long it may be silent.
    pub session_timeout: Millis,
    /// How long it may take to join again.
    pub rebalance_timeout: Millis,
    /// What kind of group it means to join, such as `consumer`.
    pub protocol_type: &'a str,
    /// What it can do, most preferred first.
    pub protocols: &'a [Protocol<'a>],
    /// Whether a new dynamic member is first sent away with its id. Source: KIP-394.
    pub id_required: bool,
    /// Whether the member understands being told not to compute an assignment. Source: KIP-814.
    pub may_skip_assignment: bool,
    /// What makes a new member's id unique: chosen by the runtime, so that a replayed day gives the same ids.
    pub id_suffix: &'a str,
}

/// An assignment that the leader made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberAssignment<'a> {
    /// For whom.
    pub member_id: &'a str,
    /// What; opaque here.
    pub assignment: &'a [u8],
}

/// A member asks for its assignment; the leader brings everybody's.
#[derive(Clone, Copy, Debug)]
pub struct Sync<'a> {
    /// Who speaks.
    pub caller: Caller<'a>,
    /// The generation it joined.
    pub generation_id: GenerationId,
    /// The protocol type it believes in, if it says so.
    pub protocol_type: Option<&'a str>,
    /// The protocol it believes in, if it says so.
    pub protocol_name: Option<&'a str>,
    /// From the leader: what everybody gets.
    pub assignments: &'a [MemberAssignment<'a>],
}

/// A member says that it lives.
#[derive(Clone, Copy, Debug)]
pub struct Heartbeat<'a> {
    /// Who speaks.
    pub caller: Caller<'a>,
    /// The generation it is in.
    pub generation_id: GenerationId,
}

/// Members leave.
#[derive(Clone, Copy, Debug)]
pub struct Leave<'a> {
    /// The call to answer.
    pub call: CallId,
    /// The group.
    pub group_id: &'a str,
    /// Who leaves.
    pub members: &'a [LeavingMember<'a>],
}

/// A member that leaves: by its id, or, if that is empty, by its instance id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeavingMember<'a> {
    /// The member's id.
    pub member_id: &'a str,
    /// The instance id of a static member.
    pub group_instance_id: Option<&'a str>,
}

/// Offsets are committed.
#[derive(Clone, Copy, Debug)]
pub struct Commit<'a> {
    /// Who speaks; a consumer without a group's coordination has neither id.
    pub caller: Caller<'a>,
    /// The generation of the member; `None` without a group's coordination.
    pub generation_id: Option<GenerationId>,
    /// Whether the member's way of asking knows member epochs: older ones do not.
    pub knows_epochs: bool,
    /// The transaction that the commit is part of: it counts when that is committed. Source: KIP-98, KIP-447.
    pub transaction: Option<Transaction>,
    /// When the offsets are to expire, from clients that still say so.
    pub expire_timestamp: Option<Timestamp>,
    /// What is committed.
    pub partitions: &'a [CommitPartition<'a>],
}

/// One committed offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitPartition<'a> {
    /// The topic's name.
    pub topic: &'a str,
    /// The topic's id; zero when unknown.
    pub topic_id: TopicId,
    /// The partition.
    pub partition: PartitionIndex,
    /// The offset of the next record to consume.
    pub offset: Offset,
    /// The leader epoch of the last consumed record, if known.
    pub leader_epoch: Option<LeaderEpoch>,
    /// What the client wants kept beside it.
    pub metadata: &'a str,
}

/// Offsets are deleted.
#[derive(Clone, Copy, Debug)]
pub struct DeleteOffsets<'a> {
    /// The call to answer.
    pub call: CallId,
    /// The group.
    pub group_id: &'a str,
    /// What is deleted.
    pub partitions: &'a [TopicPartition<'a>],
}

/// A partition by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicPartition<'a> {
    /// The topic's name.
    pub topic: &'a str,
    /// The partition.
    pub partition: PartitionIndex,
}

/// A group is deleted.
#[derive(Clone, Copy, Debug)]
pub struct DeleteGroup<'a> {
    /// The call to answer.
    pub call: CallId,
    /// The group.
    pub group_id: &'a str,
}

/// A topic is gone.
#[derive(Clone, Copy, Debug)]
pub struct ForgetTopic<'a> {
    /// The group that forgets, from [`super::coordinator::Coordinator::next_group`].
    pub group: Slot,
    /// The topic's name.
    pub topic: &'a str,
    /// The id of the topic that is gone: offsets of a later topic of the same name stay.
    pub topic_id: TopicId,
}

/// A member of a share group joins, stays or leaves. What is `None` is as it was.
#[derive(Clone, Copy, Debug)]
pub struct ShareHeartbeat<'a> {
    /// Who speaks. The member id is the client's own.
    pub caller: Caller<'a>,
    /// How far it has come, or that it joins or leaves.
    pub epoch: MemberEpoch,
    /// What its connection calls itself.
    pub client_id: &'a str,
    /// Where it speaks from, as Kafka prints it.
    pub client_host: &'a str,
    /// Its rack.
    pub rack_id: Option<&'a str>,
    /// The topics it subscribes to by name, in any order.
    pub names: Option<Array<'a, &'a str>>,
}

/// All that a share group was about to share has a state of its own by now.
#[derive(Clone, Copy, Debug)]
pub struct Shared {
    /// The group, from [`super::coordinator::Coordinator::about_to_share`].
    pub group: Slot,
}

/// Shows the partitions that a member says it owns, one after the other, to whoever looks.
pub type ShowOwned<'a> = dyn Fn(&mut dyn FnMut(TopicId, PartitionIndex)) + 'a;

/// A member of a consumer group joins, stays or leaves. What is `None` is as it was.
#[derive(Clone, Copy)]
pub struct ConsumerHeartbeat<'a> {
    /// Who speaks. The member id is the client's own, or drawn for it by the runtime.
    pub caller: Caller<'a>,
    /// How far it has come, or that it joins or leaves.
    pub epoch: MemberEpoch,
    /// What its connection calls itself.
    pub client_id: &'a str,
    /// Where it speaks from, as Kafka prints it.
    pub client_host: &'a str,
    /// Its rack.
    pub rack_id: Option<&'a str>,
    /// How long it may take to give partitions back.
    pub rebalance_timeout: Option<Millis>,
    /// The topics it subscribes to by name, in any order.
    pub names: Option<Array<'a, &'a str>>,
    /// The pattern of topics it subscribes to; empty for none any more.
    pub pattern: Option<&'a str>,
    /// The assignor that it wants.
    pub assignor: Option<&'a str>,
    /// The partitions that it owns.
    pub owned: Option<&'a ShowOwned<'a>>,
}

impl core::fmt::Debug for ConsumerHeartbeat<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { caller, epoch, rack_id, rebalance_timeout, names, pattern, assignor, owned, .. } = self;
        let mut shown = f.debug_struct("ConsumerHeartbeat");
        shown.field("caller", caller).field("epoch", epoch).field("rack_id", rack_id).field("rebalance_timeout", rebalance_timeout);
        shown.field("names", names).field("pattern", pattern).field("assignor", assignor).field("owns", &owned.is_some());
        shown.finish_non_exhaustive()
    }
}

/// An administrator says where a share group is to go on. Source: KIP-932, `GroupMetadataManager.alterShareGroupOffsets`.
#[derive(Clone, Copy, Debug)]
pub struct AlterShares<'a> {
    /// The call to answer.
    pub call: CallId,
    /// The group; it comes into being, if there is none.
    pub group_id: &'a str,
    /// Where it is to go on.
    pub starts: &'a [ShareStart],
}

/// Where a share group is to go on in a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShareStart {
    /// The topic.
    pub topic_id: TopicId,
    /// The partition.
    pub partition: PartitionIndex,
    /// The first offset to be delivered.
    pub start: Offset,
}

/// An administrator says that a share group is to forget a topic. Source: KIP-932, `GroupCoordinatorShard.initiateDeleteShareGroupOffsets`.
#[derive(Clone, Copy, Debug)]
pub struct DeleteShares<'a> {
    /// The call to answer.
    pub call: CallId,
    /// The group.
    pub group_id: &'a str,
    /// The topic.
    pub topic_id: TopicId,
}
