//! DescribeGroups, key 15, served 0-6. KIP-345 (v4), KIP-430 (v3), KIP-1043 (v6).
//!
//! Differences from Apache Kafka: none known.

use millpond_core::group::view::MemberView;
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::describe_groups::{DescribeGroupsRequest, DescribeGroupsResponse, DescribedGroup, DescribedGroupMember};

use super::dispatch::Asked;
use super::repeated::unique;
use super::{operations, respond};

/// From this version on, a group that is not there is an error.
const UNKNOWN_GROUP_SINCE: i16 = 6;

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: DescribeGroupsRequest<'_> = asked.decode()?;
    let Asked { worker, head, reply, .. } = asked;
    worker.turn(|turn| {
        let groups = turn.inner.shard.groups();
        let asked = unique(request.groups.iter(), |group| *group);
        let missing: Vec<String> = asked.iter().map(|group| format!("Group {group} not found.")).collect();
        let members: Vec<Vec<DescribedGroupMember<'_>>> =
            asked.iter().map(|id| groups.group(id).into_iter().flat_map(|group| group.members()).map(tell_member).collect()).collect();
        let told: Vec<DescribedGroup<'_>> = asked
            .iter()
            .zip(&missing)
            .zip(&members)
            .map(|((group_id, missing), members)| match groups.group(group_id).filter(|group| group.consumer_group().is_none()) {
                Some(group) => DescribedGroup {
                    group_id,
                    group_state: group.state().name(),
                    protocol_type: group.protocol_type(),
                    protocol_data: group.protocol(),
                    members: Array::from(&**members),
                    authorized_operations: operations::of_group(request.include_authorized_operations),
                    ..Default::default()
                },
                None if head.version >= UNKNOWN_GROUP_SINCE => DescribedGroup {
                    error_code: ErrorCode::GROUP_ID_NOT_FOUND.number(),
                    error_message: Some(missing),
                    group_id,
                    group_state: "Dead",
                    ..Default::default()
                },
                None => DescribedGroup { group_id, group_state: "Dead", ..Default::default() },
            })
            .collect();
        reply.send(respond::encode(head, &DescribeGroupsResponse { groups: Array::from(&*told), ..Default::default() }));
    });
    Ok(())
}

const fn tell_member(member: MemberView<'_>) -> DescribedGroupMember<'_> {
    DescribedGroupMember {
        member_id: member.member_id,
        group_instance_id: member.group_instance_id,
        client_id: member.client_id,
        client_host: member.client_host,
        member_metadata: member.metadata,
        member_assignment: member.assignment,
    }
}
