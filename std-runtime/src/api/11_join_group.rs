//! JoinGroup, key 11, served 0-9. KIP-62 (v1), KIP-394 (v4), KIP-345 (v5), KIP-559 (v7), KIP-800 (v8), KIP-814 (v9).
//!
//! Differences from Apache Kafka: a first join that offers no protocol leaves no empty group behind; who comes with the id that it was
//! given to wait with, and with an instance id it had not then, is told UNKNOWN_MEMBER_ID, where Kafka says UNKNOWN_SERVER_ERROR; who was
//! sent away from a consumer group and says that it still owns partitions is told UNKNOWN_MEMBER_ID, where Kafka lets it in while somebody
//! else may be reading them; a static member that joins a consumer group again by its own id is in generation 0 until it has given back
//! what it must, where Kafka leaves it in the one it was in.

use millpond_core::group::answer::Joined;
use millpond_core::group::error::GroupError;
use millpond_core::group::input::{Caller, Input, Join, Protocol};
use millpond_core::time::Millis;
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::protocol::messages::join_group::{JoinGroupRequest, JoinGroupResponse, JoinGroupResponseMember};
use crate::worker::calls::Head;
use crate::worker::reply::Outgoing;

use super::dispatch::Asked;
use super::{catalog, error_map, group, respond};

/// From this version on, a new member is first sent away with its id.
const ID_REQUIRED_SINCE: i16 = 4;
/// From this version on, a protocol name may be null.
const NULL_PROTOCOL_SINCE: i16 = 7;
/// From this version on, a leader can be told to leave the assignment as it is.
const SKIP_SINCE: i16 = 9;

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: JoinGroupRequest<'_> = asked.decode()?;
    let Asked { worker, head, client_id, caller, reply, .. } = asked;
    let protocols: Vec<Protocol<'_>> =
        request.protocols.iter().map(|protocol| Protocol { name: protocol.name, metadata: protocol.metadata }).collect();
    let session_timeout = Millis::from_signed(i64::from(request.session_timeout_ms));
    let rebalance_timeout = if head.version == 0 { session_timeout } else { Millis::from_signed(i64::from(request.rebalance_timeout_ms)) };
    let id_suffix = random_uuid();
    worker.turn(|turn| {
        if let Err(refusal) = catalog::ensure_offsets_topic(turn) {
            tracing::error!(error = refusal.message, "groups have nowhere to be kept");
        }
        turn.group(head, reply, &|answer| group::tell(head, answer), |call| {
            Input::Join(Join {
                caller: Caller {
                    call,
                    group_id: request.group_id,
                    member_id: request.member_id,
                    group_instance_id: request.group_instance_id,
                },
                client_id,
                client_host: &caller.client_host,
                session_timeout,
                rebalance_timeout,
                protocol_type: request.protocol_type,
                protocols: &protocols,
                id_required: head.version >= ID_REQUIRED_SINCE,
                may_skip_assignment: head.version >= SKIP_SINCE,
                id_suffix: &id_suffix,
            })
        });
    });
    Ok(())
}

/// A random id in the usual spelling. Source: RFC 9562, version 4.
fn random_uuid() -> String {
    let mut bytes: [u8; 16] = catalog::random();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| hex.get(range).unwrap_or_default());
    parts.join("-")
}

pub(crate) fn tell(head: Head, joined: &Joined<'_>) -> Outgoing {
    let members: Vec<JoinGroupResponseMember<'_>> = joined
        .roster
        .iter()
        .map(|member| JoinGroupResponseMember {
            member_id: member.member_id,
            group_instance_id: member.group_instance_id,
            metadata: member.metadata,
        })
        .collect();
    let message = JoinGroupResponse {
        generation_id: joined.generation_id.0,
        protocol_type: joined.protocol_type,
        protocol_name: joined.protocol_name,
        leader: joined.leader,
        skip_assignment: joined.skip_assignment,
        member_id: joined.member_id,
        members: Array::from(&*members),
        ..Default::default()
    };
    respond::encode(head, &message)
}

pub(crate) fn tell_refused(head: Head, member_id: &str, error: &GroupError) -> Outgoing {
    let message = JoinGroupResponse {
        error_code: error_map::of_group(error).number(),
        generation_id: -1,
        protocol_name: if head.version >= NULL_PROTOCOL_SINCE { None } else { Some("") },
        member_id,
        ..Default::default()
    };
    respond::encode(head, &message)
}
