//! ConsumerGroupDescribe, key 69, served 0-1. KIP-848, KIP-1099 (v1).
//!
//! Differences from Apache Kafka: none known.

use std::collections::{BTreeMap, BTreeSet};

use millpond_core::group::modern::administration::ConsumerView;
use millpond_core::group::modern::partitions::Partitions;
use millpond_core::ids::TopicId;
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::consumer_group_describe::{
    Assignment, ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, DescribedGroup, Member, TopicPartitions,
};
use crate::worker::turn::Turn;

use super::dispatch::Asked;
use super::repeated::unique;
use super::{operations, respond};

/// A member that speaks the consumer protocol. Source: KIP-1099.
const CONSUMER_TYPE: i8 = 1;
/// A member that speaks the classic protocol.
const CLASSIC_TYPE: i8 = 0;

/// Partitions as they are told: by topic, with its name.
struct Told {
    topics: Vec<(TopicId, String, Vec<i32>)>,
}

struct ToldMember<'a> {
    view: ConsumerView<'a>,
    names: Vec<&'a str>,
    assigned: Told,
    target: Told,
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
            .map(|id| groups.consumer_group_view(id).into_iter().flat_map(|group| group.members()).map(|view| told(turn, view)).collect())
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
            .map(|((group_id, missing), members)| match groups.consumer_group_view(group_id) {
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

fn told<'a>(turn: &Turn<'_>, view: ConsumerView<'a>) -> ToldMember<'a> {
    let named = |sets: &[Partitions<'_>]| {
        let mut by_topic: BTreeMap<TopicId, BTreeSet<i32>> = BTreeMap::new();
        for held in sets.iter().flat_map(|set| set.iter()) {
            by_topic.entry(held.topic).or_default().insert(held.partition.0);
        }
        let name = |id: TopicId| turn.inner.shard.catalog().topic_by_id(id).map(|topic| topic.name.to_string());
        let topics = by_topic.into_iter().filter_map(|(id, partitions)| Some((id, name(id)?, partitions.into_iter().collect())));
        Told { topics: topics.collect() }
    };
    // What it is to give back it still has. Source: `ConsumerGroupMember.asConsumerGroupDescribeMember`.
    let assigned = named(&[view.assigned, view.revoking]);
    ToldMember { view, names: view.names.iter().collect(), assigned, target: named(&[view.target]) }
}

fn listed(told: &Told) -> Vec<TopicPartitions<'_>> {
    let list = told.topics.iter();
    list.map(|(id, name, partitions)| TopicPartitions { topic_id: *id, topic_name: name, partitions: Array::from(&**partitions) }).collect()
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
