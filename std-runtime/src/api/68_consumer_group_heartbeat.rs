//! ConsumerGroupHeartbeat, key 68, served 0-1. KIP-848, KIP-1082 (v1).
//!
//! Differences from Apache Kafka: the texts of refusals are our own; when a classic group becomes a consumer group, what one of its members
//! still reads and has to give back goes to nobody else before it has, where Kafka looks only at what the leader gave last; what a pattern
//! matches is known with the answer, not some time later; a pattern takes 1 MiB of memory at the most, compiled.

use millpond_core::catalog::name::GROUP_VERSION;
use millpond_core::group::answer::ConsumerSeat;
use millpond_core::group::error::GroupError;
use millpond_core::group::input::{Caller, ConsumerHeartbeat, Input, ShowOwned};
use millpond_core::group::modern::topics::{BadPattern, Matcher};
use millpond_core::ids::{MemberEpoch, PartitionIndex, TopicId};
use millpond_core::time::Millis;
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::consumer_group_heartbeat::{
    Assignment, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, TopicPartitions,
};
use crate::worker::calls::Head;
use crate::worker::reply::Outgoing;

use super::dispatch::Asked;
use super::{catalog, error_map, group, re2, respond};

/// From this version on, the client draws its member id.
const OWN_ID_SINCE: i16 = 1;

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: ConsumerGroupHeartbeatRequest<'_> = asked.decode()?;
    let Asked { worker, head, client_id, caller, reply, .. } = asked;
    let drawn = TopicId(catalog::random()).to_string();
    let may_draw = head.version < OWN_ID_SINCE && request.member_epoch == MemberEpoch::JOINS.0 && request.member_id.is_empty();
    let member_id = if may_draw { &drawn } else { request.member_id };
    let show = |see: &mut dyn FnMut(TopicId, PartitionIndex)| {
        for topic in request.topic_partitions.unwrap_or_default().iter() {
            topic.partitions.iter().for_each(|partition| see(topic.topic_id, PartitionIndex(partition)));
        }
    };
    let show: &ShowOwned<'_> = &show;
    worker.turn(|turn| {
        // Source: `KafkaApis.isConsumerGroupProtocolEnabled`.
        let is_on = turn.inner.shard.catalog().features().any(|(name, level)| name == GROUP_VERSION && level >= 1);
        if !is_on {
            let error_code = ErrorCode::UNSUPPORTED_VERSION.number();
            return reply.send(respond::encode(head, &ConsumerGroupHeartbeatResponse { error_code, ..Default::default() }));
        }
        if let Err(refusal) = catalog::ensure_offsets_topic(turn) {
            tracing::error!(error = refusal.message, "groups have nowhere to be kept");
        }
        turn.group(head, reply, &|answer| group::tell(head, answer), |call| {
            Input::ConsumerHeartbeat(ConsumerHeartbeat {
                caller: Caller { call, group_id: request.group_id, member_id, group_instance_id: request.instance_id },
                epoch: MemberEpoch(request.member_epoch),
                client_id,
                client_host: &caller.client_host,
                rack_id: request.rack_id,
                rebalance_timeout: u64::try_from(request.rebalance_timeout_ms).ok().map(Millis),
                names: request.subscribed_topic_names,
                pattern: request.subscribed_topic_regex,
                assignor: request.server_assignor,
                owned: request.topic_partitions.map(|_| show),
            })
        });
    });
    Ok(())
}

/// Regular expressions as Kafka reads them.
pub(crate) struct Regexes;

impl Matcher for Regexes {
    fn select(&self, pattern: &str, names: &mut dyn Iterator<Item = &str>, see: &mut dyn FnMut(&str)) -> Result<(), BadPattern> {
        let regex = re2::compile(pattern).map_err(|_| BadPattern)?;
        names.filter(|name| regex.is_match(name)).for_each(see);
        Ok(())
    }
}

pub(crate) fn tell(head: Head, seat: &ConsumerSeat<'_>) -> Outgoing {
    let indices: Vec<Vec<i32>> = seat
        .assigned
        .into_iter()
        .flat_map(|assigned| assigned.topics())
        .map(|topic| topic.iter().map(|held| held.partition.0).collect())
        .collect();
    let topics = seat.assigned.into_iter().flat_map(|assigned| assigned.topics());
    let topics: Vec<TopicPartitions<'_>> = topics
        .zip(&indices)
        .map(|(topic, indices)| TopicPartitions { topic_id: topic.topic, partitions: Array::from(&**indices) })
        .collect();
    let message = ConsumerGroupHeartbeatResponse {
        member_id: Some(seat.member_id),
        member_epoch: seat.epoch.0,
        heartbeat_interval_ms: i32::try_from(seat.heartbeat_interval.0).unwrap_or(i32::MAX),
        assignment: seat.assigned.map(|_| Assignment { topic_partitions: Array::from(&*topics) }),
        ..Default::default()
    };
    respond::encode(head, &message)
}

pub(crate) fn tell_left(head: Head, member_id: &str, epoch: MemberEpoch) -> Outgoing {
    let message = ConsumerGroupHeartbeatResponse { member_id: Some(member_id), member_epoch: epoch.0, ..Default::default() };
    respond::encode(head, &message)
}

pub(crate) fn tell_refused(head: Head, error: &GroupError) -> Outgoing {
    let (error_code, why) = (error_map::of_group(error).number(), error.to_string());
    respond::encode(head, &ConsumerGroupHeartbeatResponse { error_code, error_message: Some(&why), ..Default::default() })
}
