//! ShareGroupDescribe, key 77, served 1. KIP-932.
//!
//! Differences from Apache Kafka: a group that is named twice is described once.

use millpond_core::group::modern::administration::{ConsumerGroupView, ConsumerView};
use millpond_core::group::modern::state::GroupKind;
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::share_group_describe::{
    Assignment, DescribedGroup, Member, ShareGroupDescribeRequest, ShareGroupDescribeResponse, TopicPartitions,
};
use crate::worker::turn::Turn;

use super::described::{ToldTopic, by_topic};
use super::dispatch::Asked;
use super::repeated::unique;
use super::{operations, respond, share};

struct ToldMember<'a> {
    view: ConsumerView<'a>,
    names: Vec<&'a str>,
    assigned: Vec<ToldTopic>,
}

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: ShareGroupDescribeRequest<'_> = asked.decode()?;
    let Asked { worker, head, reply, .. } = asked;
    worker.turn(|turn| {
        let groups = turn.inner.shard.groups();
        let asked = unique(request.group_ids.iter(), |group| *group);
        let missing: Vec<String> = asked.iter().map(|group| format!("Group {group} not found.")).collect();
        let is_enabled = share::is_enabled(turn);
        let find = |id: &str| groups.consumer_group_view(id).filter(|group| group.kind() == GroupKind::Share && is_enabled);
        let members: Vec<Vec<ToldMember<'_>>> =
            asked.iter().map(|id| find(id).into_iter().flat_map(|group| group.members()).map(|view| told(turn, view)).collect()).collect();
        let topics: Vec<Vec<Vec<TopicPartitions<'_>>>> =
            members.iter().map(|members| members.iter().map(|member| listed(&member.assigned)).collect()).collect();
        let members: Vec<Vec<Member<'_>>> = members
            .iter()
            .zip(&topics)
            .map(|(members, topics)| members.iter().zip(topics).map(|(member, topics)| tell_member(member, topics)).collect())
            .collect();
        let described: Vec<DescribedGroup<'_>> = asked
            .iter()
            .zip(&missing)
            .zip(&members)
            .map(|((group_id, missing), members)| {
                let refused = |code: ErrorCode, error_message| DescribedGroup {
                    error_code: code.number(),
                    error_message,
                    group_id,
                    ..Default::default()
                };
                match find(group_id) {
                    Some(group) => tell_group(group_id, &group, members, request.include_authorized_operations),
                    None if !is_enabled => refused(ErrorCode::UNSUPPORTED_VERSION, None),
                    None if group_id.is_empty() => refused(ErrorCode::INVALID_GROUP_ID, None),
                    None => refused(ErrorCode::GROUP_ID_NOT_FOUND, Some(missing)),
                }
            })
            .collect();
        reply.send(respond::encode(head, &ShareGroupDescribeResponse { groups: Array::from(&*described), ..Default::default() }));
    });
    Ok(())
}

fn told<'a>(turn: &Turn<'_>, view: ConsumerView<'a>) -> ToldMember<'a> {
    ToldMember { view, names: view.names.iter().collect(), assigned: by_topic(turn, &[view.assigned]) }
}

fn tell_group<'a>(
    group_id: &'a str,
    group: &ConsumerGroupView<'_, '_>,
    members: &'a [Member<'a>],
    tells_operations: bool,
) -> DescribedGroup<'a> {
    DescribedGroup {
        group_id,
        group_state: group.state().name(),
        group_epoch: group.epoch().0,
        assignment_epoch: group.target_epoch().0,
        assignor_name: group.assignor(),
        members: Array::from(members),
        authorized_operations: operations::of_group(tells_operations),
        ..Default::default()
    }
}

fn listed(told: &[ToldTopic]) -> Vec<TopicPartitions<'_>> {
    told.iter()
        .map(|topic| TopicPartitions { topic_id: topic.id, topic_name: &topic.name, partitions: Array::from(&*topic.partitions) })
        .collect()
}

fn tell_member<'a>(member: &'a ToldMember<'a>, assigned: &'a [TopicPartitions<'a>]) -> Member<'a> {
    let view = &member.view;
    Member {
        member_id: view.member_id,
        rack_id: view.rack_id,
        member_epoch: view.epoch.0,
        client_id: view.client_id,
        client_host: view.client_host,
        subscribed_topic_names: Array::from(&*member.names),
        assignment: Assignment { topic_partitions: Array::from(assigned) },
    }
}
