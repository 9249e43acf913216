//! ShareAcknowledge, key 79, served 1-2. KIP-932, KIP-1222 (v2).
//!
//! Differences from Apache Kafka: a partition that is named twice is answered with what became of it last. The leader is named only where it
//! is another broker, so never.

use millpond_core::ids::PartitionIndex;
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::share_acknowledge::{
    PartitionData, ShareAcknowledgeRequest, ShareAcknowledgeResponse, ShareAcknowledgeTopicResponse,
};
use crate::worker::turn::Turn;

use super::dispatch::Asked;
use super::share_session::{CLOSES, OPENS, Owner, SessionError, Wanted};
use super::{respond, share};

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: ShareAcknowledgeRequest<'_> = asked.decode()?;
    let Asked { worker, head, reply, .. } = asked;
    worker.turn(|turn| {
        let refuse = |code: ErrorCode| respond::encode(head, &ShareAcknowledgeResponse { error_code: code.number(), ..Default::default() });
        if !share::is_enabled(turn) {
            return reply.send(refuse(ErrorCode::UNSUPPORTED_VERSION));
        }
        let owner = match share::owner(request.group_id, request.member_id) {
            Ok(owner) => owner,
            Err(code) => return reply.send(refuse(code)),
        };
        let closed = match take(turn, &owner, request.share_session_epoch) {
            Ok(closed) => closed,
            Err(error) => return reply.send(refuse(share::code_of(error))),
        };
        let said = request.topics.iter().flat_map(|topic| {
            topic.partitions.iter().map(move |partition| {
                let batches = partition.acknowledgement_batches.iter();
                let said = batches.map(|batch| (batch.first_offset, batch.last_offset, batch.acknowledge_types.iter().collect())).collect();
                ((topic.topic_id, PartitionIndex(partition.partition_index)), said)
            })
        });
        let (codes, mut written) = share::acknowledge_all(turn, &owner, said, request.is_renew_ack);
        if let Some(wanted) = closed {
            written.extend(share::release(turn, &owner, &wanted));
        }
        let code_of = |place: Wanted| codes.get(&place).map_or(ErrorCode::NONE, |code| *code);
        let told: Vec<Vec<PartitionData<'_>>> = request
            .topics
            .iter()
            .map(|topic| {
                let each = topic.partitions.iter().map(|partition| partition.partition_index);
                each.map(|partition_index| {
                    let code = code_of((topic.topic_id, PartitionIndex(partition_index)));
                    let (error_code, error_message) = (code.number(), share::explained(code));
                    PartitionData { partition_index, error_code, error_message, ..Default::default() }
                })
                .collect()
            })
            .collect();
        let responses: Vec<ShareAcknowledgeTopicResponse<'_>> = request
            .topics
            .iter()
            .zip(&told)
            .map(|(topic, partitions)| ShareAcknowledgeTopicResponse { topic_id: topic.topic_id, partitions: Array::from(&**partitions) })
            .collect();
        let lock = i32::try_from(share::settings(turn, &owner.0).share.record_lock.0).unwrap_or(i32::MAX);
        let message = ShareAcknowledgeResponse {
            acquisition_lock_timeout_ms: if request.is_renew_ack { lock } else { 0 },
            responses: Array::from(&*responses),
            ..Default::default()
        };
        let outgoing = respond::encode(head, &message);
        turn.hold(head, reply, outgoing, &written, ErrorCode::NOT_COORDINATOR, None);
    });
    Ok(())
}

/// Takes the next request of a session. Answers what it had, if that closes it. Source: `SharePartitionManager.acknowledgeSessionUpdate`.
fn take(turn: &mut Turn<'_>, owner: &Owner, epoch: i32) -> Result<Option<Vec<Wanted>>, SessionError> {
    let sessions = &mut turn.inner.share_sessions;
    match epoch {
        OPENS => Err(SessionError::WrongEpoch),
        CLOSES => sessions.close(owner).map(Some),
        epoch => sessions.next(owner, epoch, &[], &[]).map(|_| None),
    }
}
