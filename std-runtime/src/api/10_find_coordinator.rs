//! FindCoordinator, key 10, served 0-6. KIP-98 (v1), KIP-699 (v4), KIP-890 (v5), KIP-932 (v6).
//!
//! Differences from Apache Kafka: `__consumer_offsets` and `__transaction_state` are created before the answer, where Kafka answers
//! COORDINATOR_NOT_AVAILABLE and creates them meanwhile; there is no coordinator of share groups yet.

use millpond_core::shard::logs::Written;
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::find_coordinator::{Coordinator, FindCoordinatorRequest, FindCoordinatorResponse};
use crate::worker::turn::Turn;

use super::catalog::Refusal;
use super::dispatch::Asked;
use super::{catalog, respond, transaction};

/// What a key names. Source: `FindCoordinatorRequest.CoordinatorType`.
const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;
const SHARE: i8 = 2;

/// From this version on, several keys can be asked for.
const BATCHED_SINCE: i16 = 4;
/// From this version on, share groups can be asked for.
const SHARE_SINCE: i16 = 6;

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: FindCoordinatorRequest<'_> = asked.decode()?;
    let Asked { worker, head, reply, .. } = asked;
    worker.turn(|turn| {
        let mut written: Vec<Written> = Vec::new();
        let (code, message) = find(turn, request.key_type, head.version, &mut written);
        let (host, port) = &turn.around.advertised;
        let found = code.is_none();
        let node_id = if found { turn.around.config.node.0 } else { -1 };
        let (host, port) = if found { (host.as_str(), i32::from(*port)) } else { ("", -1) };
        let error_message = message.as_deref();
        let one = |key| Coordinator { key, node_id, host, port, error_code: code.number(), error_message };
        let coordinators: Vec<Coordinator<'_>> = request.coordinator_keys.iter().map(one).collect();
        let message = if head.version >= BATCHED_SINCE {
            FindCoordinatorResponse { coordinators: Array::from(&*coordinators), ..Default::default() }
        } else {
            FindCoordinatorResponse { error_code: code.number(), error_message, node_id, host, port, ..Default::default() }
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
        SHARE if version >= SHARE_SINCE => {
            (ErrorCode::COORDINATOR_NOT_AVAILABLE, Some("this broker has no share coordinator yet".to_string()))
        }
        other => (ErrorCode::INVALID_REQUEST, Some(format!("{other} names no kind of coordinator"))),
    }
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
