//! DeleteShareGroupOffsets, key 92, served 0. KIP-932.
//!
//! Differences from Apache Kafka: none known.

use millpond_core::ids::TopicId;
use millpond_core::shard::logs::Written;
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::delete_share_group_offsets::{
    DeleteShareGroupOffsetsRequest, DeleteShareGroupOffsetsResponse, DeleteShareGroupOffsetsResponseTopic,
};
use crate::worker::turn::Turn;

use super::dispatch::Asked;
use super::{error_map, respond, share};

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: DeleteShareGroupOffsetsRequest<'_> = asked.decode()?;
    let Asked { worker, head, reply, .. } = asked;
    worker.turn(|turn| {
        let mut written: Vec<Written> = Vec::new();
        let outgoing = match delete(turn, &request, &mut written) {
            Ok(told) => respond::encode(head, &DeleteShareGroupOffsetsResponse { responses: Array::from(&*told), ..Default::default() }),
            Err((code, why)) => {
                let error_message = why.as_deref();
                respond::encode(head, &DeleteShareGroupOffsetsResponse { error_code: code.number(), error_message, ..Default::default() })
            }
        };
        turn.hold(head, reply, outgoing, &written, ErrorCode::NOT_COORDINATOR, None);
    });
    Ok(())
}

/// Source: `GroupMetadataManager.sharePartitionsEligibleForOffsetDeletion`.
fn delete<'a>(
    turn: &mut Turn<'_>,
    request: &DeleteShareGroupOffsetsRequest<'a>,
    written: &mut Vec<Written>,
) -> Result<Vec<DeleteShareGroupOffsetsResponseTopic<'a>>, (ErrorCode, Option<String>)> {
    if !share::is_enabled(turn) {
        return Err((ErrorCode::UNSUPPORTED_VERSION, None));
    }
    if request.group_id.is_empty() {
        return Err((ErrorCode::INVALID_GROUP_ID, None));
    }
    let (mut told, mut refused) = (Vec::new(), Vec::new());
    let topic_refused = |topic_name, message| DeleteShareGroupOffsetsResponseTopic {
        topic_name,
        error_code: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.number(),
        error_message: Some(message),
        ..Default::default()
    };
    // Without topics it is still told whether the group may be touched: a topic that nobody has stands for none.
    let named: Vec<(&'a str, TopicId)> = request
        .topics
        .iter()
        .map(|topic| (topic.topic_name, turn.inner.shard.catalog().topic(topic.topic_name).map_or(TopicId::ZERO, |found| found.topic_id)))
        .collect();
    let none = [("", TopicId::ZERO)];
    for (name, topic_id) in if named.is_empty() { &none[..] } else { &named } {
        let is_shared = turn.inner.shard.groups().shares(request.group_id).iter().any(|held| held.topic == *topic_id);
        let inner = &mut *turn.inner;
        let deleted = inner.shard.delete_shares(turn.at, request.group_id, *topic_id, &mut |end| written.push(end), &mut inner.released);
        match deleted {
            Err(error) => {
                tracing::warn!(%error, group_id = request.group_id, "what a share group is to forget could not be written down");
                return Err((error_map::of_group_write(&error), None));
            }
            Ok(Err(error)) => return Err(share::refusal(request.group_id, &error)),
            Ok(Ok(())) if named.is_empty() => {}
            Ok(Ok(())) if is_shared => {
                told.push(DeleteShareGroupOffsetsResponseTopic { topic_name: name, topic_id: *topic_id, ..Default::default() });
            }
            Ok(Ok(())) if topic_id.is_zero() => refused.push(topic_refused(*name, "This server does not host this topic-partition.")),
            Ok(Ok(())) => refused.push(topic_refused(*name, "There is no offset information to delete.")),
        }
    }
    told.extend(refused);
    Ok(told)
}
