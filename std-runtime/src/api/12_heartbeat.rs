//! Heartbeat, key 12, served 0-4. KIP-345 (v3).
//!
//! Differences from Apache Kafka: none known.

use millpond_core::group::error::GroupError;
use millpond_core::group::input::{Caller, Heartbeat, Input};
use millpond_core::ids::GenerationId;
use millpond_core::wire::reader::DecodeError;

use crate::protocol::messages::heartbeat::{HeartbeatRequest, HeartbeatResponse};
use crate::worker::calls::Head;
use crate::worker::reply::Outgoing;

use super::dispatch::Asked;
use super::{error_map, group, respond};

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: HeartbeatRequest<'_> = asked.decode()?;
    let Asked { worker, head, reply, .. } = asked;
    worker.turn(|turn| {
        turn.group(head, reply, &|answer| group::tell(head, answer), |call| {
            Input::Heartbeat(Heartbeat {
                caller: Caller {
                    call,
                    group_id: request.group_id,
                    member_id: request.member_id,
                    group_instance_id: request.group_instance_id,
                },
                generation_id: GenerationId(request.generation_id),
            })
        });
    });
    Ok(())
}

pub(crate) fn tell(head: Head, result: &Result<(), GroupError>) -> Outgoing {
    let error_code = error_map::of_group_part(result.as_ref().err());
    respond::encode(head, &HeartbeatResponse { error_code, ..Default::default() })
}
