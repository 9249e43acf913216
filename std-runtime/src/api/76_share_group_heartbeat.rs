//! ShareGroupHeartbeat, key 76, served 1. KIP-932.
//!
//! Differences from Apache Kafka: the texts of refusals are our own; what a group is about to share has a state when the heartbeat is answered,
//! so that the next one brings its partitions.

use millpond_core::group::answer::ConsumerSeat;
use millpond_core::group::error::GroupError;
use millpond_core::group::input::{Caller, Input, ShareHeartbeat};
use millpond_core::ids::MemberEpoch;
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::share_group_heartbeat::{
    Assignment, ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse, TopicPartitions,
};
use crate::worker::calls::Head;
use crate::worker::reply::Outgoing;

use super::dispatch::Asked;
use super::{catalog, error_map, group, respond, share};

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: ShareGroupHeartbeatRequest<'_> = asked.decode()?;
    let Asked { worker, head, client_id, caller, reply, .. } = asked;
    worker.turn(|turn| {
        if !share::is_enabled(turn) {
            let error_code = ErrorCode::UNSUPPORTED_VERSION.number();
            return reply.send(respond::encode(head, &ShareGroupHeartbeatResponse { error_code, ..Default::default() }));
        }
        for refusal in [catalog::ensure_offsets_topic(turn).err(), share::ensure_state_topic(turn).err()].into_iter().flatten() {
            tracing::error!(error = refusal.message, "share groups have nowhere to be kept");
        }
        turn.group(head, reply, &|answer| group::tell(head, answer), |call| {
            Input::ShareHeartbeat(ShareHeartbeat {
                caller: Caller { call, group_id: request.group_id, member_id: request.member_id, group_instance_id: None },
                epoch: MemberEpoch(request.member_epoch),
                client_id,
                client_host: &caller.client_host,
                rack_id: request.rack_id,
                names: request.subscribed_topic_names,
            })
        });
        let inner = &mut *turn.inner;
        if let Err(error) = inner.shard.begin_to_share(turn.at, request.group_id, &mut inner.released) {
            tracing::warn!(%error, "what a group is about to share has no state yet; it is tried again");
        }
    });
    Ok(())
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
    let message = ShareGroupHeartbeatResponse {
        member_id: Some(seat.member_id),
        member_epoch: seat.epoch.0,
        heartbeat_interval_ms: i32::try_from(seat.heartbeat_interval.0).unwrap_or(i32::MAX),
        assignment: seat.assigned.map(|_| Assignment { topic_partitions: Array::from(&*topics) }),
        ..Default::default()
    };
    respond::encode(head, &message)
}

pub(crate) fn tell_left(head: Head, member_id: &str) -> Outgoing {
    let message = ShareGroupHeartbeatResponse { member_id: Some(member_id), member_epoch: MemberEpoch::LEAVES.0, ..Default::default() };
    respond::encode(head, &message)
}

pub(crate) fn tell_refused(head: Head, error: &GroupError) -> Outgoing {
    let (error_code, why) = (error_map::of_group(error).number(), error.to_string());
    respond::encode(head, &ShareGroupHeartbeatResponse { error_code, error_message: Some(&why), ..Default::default() })
}
