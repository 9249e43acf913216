//! ConsumerGroupDescribe, key 69, served 0-1. KIP-848, KIP-1099 (v1).
//!
//! Differences from Apache Kafka: none known.

use millpond_core::group::modern::administration::{ConsumerGroupView, ConsumerView};
use millpond_core::group::modern::state::GroupKind;
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::consumer_group_describe::{
    Assignment, ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, DescribedGroup, Member, TopicPartitions,
};
use crate::worker::turn::Turn;

use super::described::{ToldTopic, by_topic};
use super::dispatch::Asked;
use super::repeated::unique;
use super::{operations, respond};

/// A member that speaks the consumer protocol. Source: KIP-1099.
const CONSUMER_TYPE: i8 = 1;
/// A member that speaks the classic protocol.
const CLASSIC_TYPE: i8 = 0;

struct ToldMember<'a> {
    view: ConsumerView<'a>,
    names: Vec<&'a str>,
    assigned: Vec<ToldTopic>,
    target: Vec<ToldTopic>,
}

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: ConsumerGroupDescribeRequest<'_> = asked.decode()?;
    let Asked { worker, head, reply, .. } = asked;
    worker.turn(|turn| {
        let groups = turn.inner.shard.groups();
        let asked = unique(request.group_ids.iter(), |group| *group);
        let missing: Vec<String> = asked.iter().map(|group| format!("Group {group} not found.")).collect();
        let members: Vec<Vec<ToldMember<'_>>> = asked
            .iter()
            .map(|id| {
                of_consumers(groups.consumer_group_view(id))
                    .into_iter()
                    .flat_map(|group| group.members())
                    .map(|view| told(turn, view))
                    .collect()
            })
            .collect();
        let topics: Vec<Vec<[Vec<TopicPartitions<'_>>; 2]>> = members
            .iter()
            .map(|members| members.iter().map(|member| [listed(&member.assigned), listed(&member.target)]).collect())
            .collect();
        let members: Vec<Vec<Member<'_>>> = members
            .iter()
            .zip(&topics)
            .map(|(members, topics)| members.iter().zip(topics).map(|(member, topics)| tell_member(member, topics)).collect())
            .collect();
        let described: Vec<DescribedGroup<'_>> = asked
            .iter()
            .zip(&missing)
            .zip(&members)
            .map(|((group_id, missing), members)| match of_consumers(groups.consumer_group_view(group_id)) {
                Some(group) => DescribedGroup {
                    group_id,
                    group_state: group.state().name(),
                    group_epoch: group.epoch().0,
                    assignment_epoch: group.target_epoch().0,
                    assignor_name: group.assignor(),
                    members: Array::from(&**members),
                    authorized_operations: operations::of_group(request.include_authorized_operations),
                    ..Default::default()
                },
                None if group_id.is_empty() => DescribedGroup { error_code: ErrorCode::INVALID_GROUP_ID.number(), ..Default::default() },
                None => DescribedGroup {
                    error_code: ErrorCode::GROUP_ID_NOT_FOUND.number(),
                    error_message: Some(missing),
                    group_id,
                    ..Default::default()
                },
            })
            .collect();
        reply.send(respond::encode(head, &ConsumerGroupDescribeResponse { groups: Array::from(&*described), ..Default::default() }));
    });
    Ok(())
}

/// A group, if it is a consumer group.
fn of_consumers<'a, 'm>(found: Option<ConsumerGroupView<'a, 'm>>) -> Option<ConsumerGroupView<'a, 'm>> {
    found.filter(|group| group.kind() == GroupKind::Consumer)
}

fn told<'a>(turn: &Turn<'_>, view: ConsumerView<'a>) -> ToldMember<'a> {
    // What it is to give back it still has. Source: `ConsumerGroupMember.asConsumerGroupDescribeMember`.
    let assigned = by_topic(turn, &[view.assigned, view.revoking]);
    ToldMember { view, names: view.names.iter().collect(), assigned, target: by_topic(turn, &[view.target]) }
}

fn listed(told: &[ToldTopic]) -> Vec<TopicPartitions<'_>> {
    told.iter()
        .map(|topic| TopicPartitions { topic_id: topic.id, topic_name: &topic.name, partitions: Array::from(&*topic.partitions) })
        .collect()
}

fn tell_member<'a>(member: &'a ToldMember<'a>, [assigned, target]: &'a [Vec<TopicPartitions<'a>>; 2]) -> Member<'a> {
    let view = &member.view;
    Member {
        member_id: view.member_id,
        instance_id: view.group_instance_id,
        rack_id: view.rack_id,
        member_epoch: view.epoch.0,
        client_id: view.client_id,
        client_host: view.client_host,
        subscribed_topic_names: Array::from(&*member.names),
        subscribed_topic_regex: view.pattern,
        assignment: Assignment { topic_partitions: Array::from(&**assigned) },
        target_assignment: Assignment { topic_partitions: Array::from(&**target) },
        member_type: if view.is_classic { CLASSIC_TYPE } else { CONSUMER_TYPE },
    }
}
