//! SyncGroup, key 14, served 0-5. KIP-345 (v3), KIP-559 (v5).
//!
//! Differences from Apache Kafka: none known.

use millpond_core::group::error::GroupError;
use millpond_core::group::input::{Caller, Input, MemberAssignment, Sync};
use millpond_core::ids::GenerationId;
use millpond_core::wire::reader::DecodeError;

use crate::protocol::messages::sync_group::{SyncGroupRequest, SyncGroupResponse};
use crate::worker::calls::Head;
use crate::worker::reply::Outgoing;

use super::dispatch::Asked;
use super::{error_map, group, respond};

/// From this version on, a member must say which protocol it believes in. Source: KIP-559.
const PROTOCOL_SINCE: i16 = 5;

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: SyncGroupRequest<'_> = asked.decode()?;
    if asked.head.version >= PROTOCOL_SINCE && (request.protocol_type.is_none() || request.protocol_name.is_none()) {
        let outgoing = tell_refused(asked.head, &GroupError::InconsistentProtocol);
        asked.reply.send(outgoing);
        return Ok(());
    }
    let Asked { worker, head, reply, .. } = asked;
    let assignments: Vec<MemberAssignment<'_>> = request
        .assignments
        .iter()
        .map(|assignment| MemberAssignment { member_id: assignment.member_id, assignment: assignment.assignment })
        .collect();
    worker.turn(|turn| {
        turn.group(head, reply, &|answer| group::tell(head, answer), |call| {
            Input::Sync(Sync {
                caller: Caller {
                    call,
                    group_id: request.group_id,
                    member_id: request.member_id,
                    group_instance_id: request.group_instance_id,
                },
                generation_id: GenerationId(request.generation_id),
                protocol_type: request.protocol_type,
                protocol_name: request.protocol_name,
                assignments: &assignments,
            })
        });
    });
    Ok(())
}

pub(crate) fn tell(head: Head, protocol_type: Option<&str>, protocol_name: Option<&str>, assignment: &[u8]) -> Outgoing {
    respond::encode(head, &SyncGroupResponse { protocol_type, protocol_name, assignment, ..Default::default() })
}

pub(crate) fn tell_refused(head: Head, error: &GroupError) -> Outgoing {
    let error_code = error_map::of_group(error).number();
    respond::encode(head, &SyncGroupResponse { error_code, ..Default::default() })
}
