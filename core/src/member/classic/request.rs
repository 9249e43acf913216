//! What a classic member asks, is answered, and tells the application. No version and no number of the wire.

use crate::ids::GenerationId;
use crate::member::assignor::assignor::Assignor;
use crate::member::assignor::group::Racks;
use crate::member::assignor::told;
use crate::member::contact::RequestId;
use crate::member::error::{Failure, MemberError};
use crate::member::names::Names;
use crate::member::partitions::{Partitions, TopicNames};
use crate::time::Millis;

use super::lead::Seat;

/// A request that is to be sent now.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Names it in the reply.
    pub id: RequestId,
    /// What is asked.
    pub request: Request<'a>,
}

/// What a member asks. All but the first and [`Request::Metadata`] go to the coordinator; those two to any broker.
#[derive(Clone, Copy, Debug)]
pub enum Request<'a> {
    /// Which broker is the coordinator of the group? The runtime keeps the answer.
    FindCoordinator {
        /// The group.
        group_id: &'a str,
    },
    /// A seat in the next generation. Answered when all members have asked, or the rebalance timeout is over.
    JoinGroup(JoinGroup<'a>),
    /// How many partitions do these topics have? Not answered as the others are, but with [`super::member::ClassicMember::assign`]: this
    /// member leads the group.
    Metadata {
        /// The topics that anybody in the group subscribes to, in order.
        topics: TopicNames<'a>,
    },
    /// The assignment; the leader brings everybody's. Answered when the leader has asked.
    SyncGroup(SyncGroup<'a>),
    /// The member lives.
    Heartbeat(Heartbeat<'a>),
    /// The member leaves.
    LeaveGroup(LeaveGroup<'a>),
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller<'a> {
    /// The group.
    pub group_id: &'a str,
    /// The member's id; empty when it has none yet.
    pub member_id: &'a str,
    /// The instance id of a static member. Source: KIP-345.
    pub group_instance_id: Option<&'a str>,
}

/// A member asks for a seat.
#[derive(Clone, Copy, Debug)]
pub struct JoinGroup<'a> {
    /// Who speaks.
    pub caller: Caller<'a>,
    /// How long it may be silent.
    pub session_timeout: Millis,
    /// How long it may take to join again. The reply may take that long and a little more.
    pub rebalance_timeout: Millis,
    /// What kind of group it is: `consumer`.
    pub protocol_type: &'static str,
    /// What the member offers, most preferred first.
    pub protocols: Protocols<'a>,
    /// Why it joins, for the broker's log. Source: KIP-800.
    pub reason: &'static str,
}

/// The assignors that a member offers, and what it tells the leader under each.
#[derive(Clone, Copy)]
pub struct Protocols<'a> {
    pub(super) assignors: &'a [Assignor],
    pub(super) metadata: &'a [u8],
    pub(super) ends: &'a [usize],
}

impl<'a> Protocols<'a> {
    /// Each with its name and its metadata.
    pub fn iter(self) -> impl Iterator<Item = (&'static str, &'a [u8])> + Clone {
        let starts = core::iter::once(0).chain(self.ends.iter().copied());
        let spans = starts.zip(self.ends).map(move |(start, end)| self.metadata.get(start..*end).unwrap_or_default());
        self.assignors.iter().map(|assignor| assignor.name()).zip(spans)
    }
}

impl core::fmt::Debug for Protocols<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_map().entries(self.iter().map(|(name, metadata)| (name, metadata.len()))).finish()
    }
}

/// A member asks for its assignment.
#[derive(Clone, Copy, Debug)]
pub struct SyncGroup<'a> {
    /// Who speaks.
    pub caller: Caller<'a>,
    /// The generation that it has joined.
    pub generation_id: GenerationId,
    /// What kind of group it is: `consumer`.
    pub protocol_type: &'static str,
    /// The assignor of the generation.
    pub protocol_name: &'static str,
    /// From the leader: what everybody gets. From others, and from a leader that is to leave it as it is, nothing.
    pub assignments: Assignments<'a>,
}

/// What everybody gets.
#[derive(Clone, Copy)]
pub struct Assignments<'a> {
    pub(super) names: &'a Names<'a>,
    pub(super) seats: &'a [Seat],
    pub(super) bytes: &'a [u8],
}

impl<'a> Assignments<'a> {
    /// Each member's id, and its assignment.
    pub fn iter(self) -> impl Iterator<Item = (&'a str, &'a [u8])> + Clone {
        let given = self.seats.iter().filter(|seat| !seat.given.is_empty());
        given.map(move |seat| (self.names.str(seat.member_id), self.bytes.get(seat.given.clone()).unwrap_or_default()))
    }
}

impl core::fmt::Debug for Assignments<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_map().entries(self.iter().map(|(member_id, assignment)| (member_id, assignment.len()))).finish()
    }
}

/// A member lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heartbeat<'a> {
    /// Who speaks.
    pub caller: Caller<'a>,
    /// The generation it is in.
    pub generation_id: GenerationId,
}

/// A member leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaveGroup<'a> {
    /// Who speaks. The member id of a static member may be empty: its instance id tells who it is.
    pub caller: Caller<'a>,
    /// Why it leaves, for the broker's log. Source: KIP-800.
    pub reason: &'static str,
}

/// What was answered. Each request but [`Request::Metadata`] has one of its name.
#[derive(Clone, Copy, Debug)]
pub enum Reply<'a> {
    /// The runtime knows the coordinator.
    FindCoordinator(Result<(), MemberError>),
    /// The member has a seat, or not.
    JoinGroup(Result<Joined<'a>, MemberError>),
    /// To JoinGroup: the member is to join again with this id. Source: KIP-394.
    MemberIdRequired {
        /// The id.
        member_id: &'a str,
    },
    /// The member has its assignment, or not.
    SyncGroup(Result<Synced<'a>, MemberError>),
    /// The coordinator has heard the member, or does not listen.
    Heartbeat(Result<(), MemberError>),
    /// The member has left, or was not there.
    LeaveGroup(Result<(), MemberError>),
}

/// Shows the members of a generation, one after the other, to whoever looks.
pub type ShowMembers<'a> = dyn Fn(&mut dyn FnMut(told::Joined<'_>)) + 'a;

/// A seat in a generation.
#[derive(Clone, Copy)]
pub struct Joined<'a> {
    /// The generation.
    pub generation_id: GenerationId,
    /// What kind of group it is, where the reply says so.
    pub protocol_type: Option<&'a str>,
    /// The assignor that all members offer.
    pub protocol_name: &'a str,
    /// The id of the member that divides the partitions; empty when the broker does.
    pub leader: &'a str,
    /// The member's own id.
    pub member_id: &'a str,
    /// For the leader: everybody.
    pub members: &'a ShowMembers<'a>,
    /// Whether the leader is to leave the assignment as it is. Source: KIP-814.
    pub skip_assignment: bool,
}

impl core::fmt::Debug for Joined<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { generation_id, protocol_name, leader, member_id, skip_assignment, .. } = self;
        let mut shown = f.debug_struct("Joined");
        shown.field("generation_id", generation_id).field("protocol_name", protocol_name).field("leader", leader);
        shown.field("member_id", member_id).field("skip_assignment", skip_assignment).finish_non_exhaustive()
    }
}

/// An assignment.
#[derive(Clone, Copy, Debug)]
pub struct Synced<'a> {
    /// What kind of group it is, where the reply says so.
    pub protocol_type: Option<&'a str>,
    /// The assignor of the generation, where the reply says so.
    pub protocol_name: Option<&'a str>,
    /// What the leader gave the member, as it wrote it; empty for nothing.
    pub assignment: &'a [u8],
}

/// What a leader is told of the topics that [`Request::Metadata`] named.
#[derive(Clone, Copy, Debug)]
pub struct Metadata<'a> {
    /// How many partitions they have, in the order of the request; 0 for a topic that does not exist.
    pub partition_counts: &'a [u32],
    /// Where the replicas of these partitions stand, counted through all topics in the same order, if members are to read near by:
    /// the names of racks, and which partition has replicas in which of them. Source: KIP-881.
    pub racks: Option<(&'a [&'a str], Racks<'a>)>,
}

/// What the application is told. It acts on each before it looks for the next.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// These partitions are the member's from now on.
    Assigned(Partitions<'a>),
    /// These partitions are to be given back: the application reads nothing of them any more, commits what it has read, and says
    /// [`super::member::ClassicMember::revoked_done`]. The group waits for that as long as the rebalance timeout.
    Revoked(Partitions<'a>),
    /// These partitions are not the member's any more, and may be somebody else's: nothing is to be read or committed.
    Lost(Partitions<'a>),
    /// The member has given up. It holds nothing.
    Failed(Failure),
}
