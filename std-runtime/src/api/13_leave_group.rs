//! LeaveGroup, key 13, served 0-5. KIP-345 (v3), KIP-800 (v5).
//!
//! Differences from Apache Kafka: none known.

use millpond_core::group::answer::Answer;
use millpond_core::group::input::{Input, Leave, LeavingMember};
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::protocol::messages::leave_group::{LeaveGroupRequest, LeaveGroupResponse, MemberResponse};
use crate::worker::calls::Head;
use crate::worker::reply::Outgoing;

use super::dispatch::Asked;
use super::{error_map, group, respond};

/// From this version on, several members can leave at once.
const SEVERAL_SINCE: i16 = 3;

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: LeaveGroupRequest<'_> = asked.decode()?;
    let Asked { worker, head, reply, .. } = asked;
    let members: Vec<LeavingMember<'_>> = if head.version >= SEVERAL_SINCE {
        let leaving = request.members.iter();
        leaving.map(|member| LeavingMember { member_id: member.member_id, group_instance_id: member.group_instance_id }).collect()
    } else {
        vec![LeavingMember { member_id: request.member_id, group_instance_id: None }]
    };
    worker.turn(|turn| {
        turn.group(head, reply, &|answer| tell(head, &request, answer), |call| {
            Input::Leave(Leave { call, group_id: request.group_id, members: &members })
        });
    });
    Ok(())
}

fn tell(head: Head, request: &LeaveGroupRequest<'_>, answer: &Answer<'_>) -> Outgoing {
    let Answer::Left(result) = answer else { return group::tell(head, answer) };
    let results = (*result).unwrap_or_default();
    let of = |at: usize| error_map::of_group_part(results.get(at).and_then(Option::as_ref));
    let members: Vec<MemberResponse<'_>> = request
        .members
        .iter()
        .enumerate()
        .map(|(at, member)| MemberResponse { member_id: member.member_id, group_instance_id: member.group_instance_id, error_code: of(at) })
        .collect();
    let error_code = match result {
        Err(error) => error_map::of_group(error).number(),
        Ok(_) if head.version < SEVERAL_SINCE => of(0),
        Ok(_) => 0,
    };
    let members = if result.is_ok() { Array::from(&*members) } else { Array::default() };
    respond::encode(head, &LeaveGroupResponse { error_code, members, ..Default::default() })
}
