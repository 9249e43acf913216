//! What a member of a consumer group asks, is answered, and tells the application. No version and no number of the wire.

use crate::ids::{MemberEpoch, PartitionIndex, TopicId};
use crate::member::contact::RequestId;
use crate::member::error::{Failure, MemberError};
use crate::member::names::Ids;
use crate::member::partitions::{Held, Partitions, TopicNames};
use crate::time::Millis;

/// A request that is to be sent now.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Names it in the reply.
    pub id: RequestId,
    /// What is asked.
    pub request: Request<'a>,
}

/// What a member asks. The heartbeat goes to the coordinator, the others to any broker.
#[derive(Clone, Copy, Debug)]
pub enum Request<'a> {
    /// Which broker is the coordinator of the group? The runtime keeps the answer.
    FindCoordinator {
        /// The group.
        group_id: &'a str,
    },
    /// What are these topics called? Not answered as the others are, but with [`super::member::ConsumerMember::names_known`].
    TopicNames {
        /// The topics.
        topics: TopicIds<'a>,
    },
    /// The member joins, lives, or leaves.
    ConsumerGroupHeartbeat(ConsumerGroupHeartbeat<'a>),
}

/// A member joins, lives, or leaves. What is `None` is as it was.
#[derive(Clone, Copy, Debug)]
pub struct ConsumerGroupHeartbeat<'a> {
    /// The group.
    pub group_id: &'a str,
    /// The member.
    pub member_id: &'a str,
    /// How far it is, or that it joins or leaves.
    pub member_epoch: MemberEpoch,
    /// The instance id of a static member: in each request.
    pub instance_id: Option<&'a str>,
    /// The rack that it stands in.
    pub rack_id: Option<&'a str>,
    /// How long it may take to give partitions back.
    pub rebalance_timeout: Option<Millis>,
    /// The topics it subscribes to by name; empty for none any more.
    pub subscribed_topic_names: Option<TopicNames<'a>>,
    /// The pattern of topics it subscribes to, as RE2 has them; empty for none (any more). Where the protocol has no patterns yet, the
    /// empty one need not be said.
    pub subscribed_topic_regex: Option<&'a str>,
    /// The assignor that it wants.
    pub server_assignor: Option<&'a str>,
    /// The partitions that it has.
    pub topic_partitions: Option<Partitions<'a>>,
}

/// Topics by their ids, those whose names are not known.
#[derive(Clone, Copy)]
pub struct TopicIds<'a> {
    pub(super) ids: &'a Ids<'a>,
    pub(super) held: &'a [Held<TopicId>],
}

impl<'a> TopicIds<'a> {
    /// Each of them once.
    pub fn iter(self) -> impl Iterator<Item = TopicId> + Clone + 'a {
        let topics = self.held.chunk_by(|a, b| a.topic == b.topic).filter_map(|run| run.first()).map(|held| held.topic);
        topics.filter(move |topic| self.ids.find(*topic).is_none())
    }
}

impl core::fmt::Debug for TopicIds<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// What was answered. Each request but [`Request::TopicNames`] has one of its name.
#[derive(Clone, Copy, Debug)]
pub enum Reply<'a> {
    /// The runtime knows the coordinator.
    FindCoordinator(Result<(), MemberError>),
    /// The coordinator has heard the member, or does not listen.
    ConsumerGroupHeartbeat(Result<Heard<'a>, MemberError>),
}

/// Shows the partitions of an assignment, one after the other, to whoever looks.
pub type ShowAssigned<'a> = dyn Fn(&mut dyn FnMut(TopicId, PartitionIndex)) + 'a;

/// The coordinator has heard the member.
#[derive(Clone, Copy)]
pub struct Heard<'a> {
    /// How far the member is.
    pub member_epoch: MemberEpoch,
    /// How often it is to be heard.
    pub heartbeat_interval: Millis,
    /// What it is to have; `None` for what it was told last.
    pub assignment: Option<&'a ShowAssigned<'a>>,
}

impl core::fmt::Debug for Heard<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { member_epoch, heartbeat_interval, assignment } = self;
        let mut shown = f.debug_struct("Heard");
        shown.field("member_epoch", member_epoch).field("heartbeat_interval", heartbeat_interval);
        shown.field("assigns", &assignment.is_some()).finish()
    }
}

/// What the application is told. It acts on each before it looks for the next.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// These partitions are the member's from now on.
    Assigned(Partitions<'a>),
    /// These partitions are to be given back: the application reads nothing of them any more, commits what it has read, and says
    /// [`super::member::ConsumerMember::revoked_done`]. The group waits for that as long as the rebalance timeout.
    Revoked(Partitions<'a>),
    /// These partitions are not the member's any more, and may be somebody else's: nothing is to be read or committed.
    Lost(Partitions<'a>),
    /// The coordinator refuses, and may think better of it: the member holds what it has, and goes on asking.
    Refused(MemberError),
    /// The member has given up. It holds nothing.
    Failed(Failure),
}
