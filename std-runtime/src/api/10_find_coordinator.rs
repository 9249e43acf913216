//! FindCoordinator, key 10, served 0-6. KIP-98 (v1), KIP-699 (v4), KIP-890 (v5), KIP-932 (v6).
//!
//! Differences from Apache Kafka: `__consumer_offsets`, `__transaction_state` and `__share_group_state` are created before the answer, where
//! Kafka answers COORDINATOR_NOT_AVAILABLE and creates them meanwhile.

use millpond_core::ids::TopicId;
use millpond_core::shard::logs::Written;
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::find_coordinator::{Coordinator, FindCoordinatorRequest, FindCoordinatorResponse};
use crate::worker::turn::Turn;

use super::catalog::Refusal;
use super::dispatch::Asked;
use super::{catalog, respond, share, transaction};

/// What a key names. Source: `FindCoordinatorRequest.CoordinatorType`.
const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;
const SHARE: i8 = 2;

/// From this version on, several keys can be asked for.
const BATCHED_SINCE: i16 = 4;
/// From this version on, the states of share groups can be asked for. Their members go to the coordinator of the group.
const SHARE_SINCE: i16 = 6;
const NO_SHARE_PARTITION: &str = "a shared partition is named GROUP:TOPIC-ID:PARTITION";

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: FindCoordinatorRequest<'_> = asked.decode()?;
    let Asked { worker, head, reply, .. } = asked;
    worker.turn(|turn| {
        let mut written: Vec<Written> = Vec::new();
        let (code, message) = find(turn, request.key_type, head.version, &mut written);
        let (host, port) = &turn.around.advertised;
        let node = turn.around.config.node.0;
        let one = |key| {
            let names = request.key_type != SHARE || names_share_partition(key);
            let (code, error_message) =
                if names { (code, message.as_deref()) } else { (ErrorCode::INVALID_REQUEST, Some(NO_SHARE_PARTITION)) };
            let (node_id, host, port) = if code.is_none() { (node, host.as_str(), i32::from(*port)) } else { (-1, "", -1) };
            Coordinator { key, node_id, host, port, error_code: code.number(), error_message }
        };
        let coordinators: Vec<Coordinator<'_>> = request.coordinator_keys.iter().map(one).collect();
        let message = if head.version >= BATCHED_SINCE {
            FindCoordinatorResponse { coordinators: Array::from(&*coordinators), ..Default::default() }
        } else {
            let Coordinator { node_id, host, port, error_code, error_message, .. } = one("");
            FindCoordinatorResponse { error_code, error_message, node_id, host, port, ..Default::default() }
        };
        let outgoing = respond::encode(head, &message);
        turn.hold(head, reply, outgoing, &written, ErrorCode::COORDINATOR_NOT_AVAILABLE, None);
    });
    Ok(())
}

fn find(turn: &mut Turn<'_>, key_type: i8, version: i16, written: &mut Vec<Written>) -> (ErrorCode, Option<String>) {
    match key_type {
        GROUP => found(catalog::ensure_offsets_topic(turn), written),
        TRANSACTION => found(transaction::ensure_topic_of_transactions(turn), written),
        SHARE if version >= SHARE_SINCE => found(share::ensure_state_topic(turn), written),
        other => (ErrorCode::INVALID_REQUEST, Some(format!("{other} names no kind of coordinator"))),
    }
}

/// Whether a key is one of the coordinator of what share groups know: group, topic id and partition. Source: `SharePartitionKey`.
fn names_share_partition(key: &str) -> bool {
    let mut parts = key.rsplitn(3, ':');
    let partition = parts.next().and_then(|part| part.parse::<i32>().ok());
    let topic = parts.next().and_then(TopicId::parse);
    partition.is_some() && topic.is_some() && parts.next().is_some_and(|group| !group.trim().is_empty())
}

/// There is a coordinator where its topic is.
fn found(topic: Result<Option<Written>, Refusal>, written: &mut Vec<Written>) -> (ErrorCode, Option<String>) {
    match topic {
        Ok(end) => {
            written.extend(end);
            (ErrorCode::NONE, None)
        }
        Err(refusal) => (ErrorCode::COORDINATOR_NOT_AVAILABLE, Some(refusal.message)),
    }
}
