//! What a group is like, of whichever kind it is.

use std::collections::BTreeMap;

use millpond_core::wire::schema::Message;
use millpond_core::wire::value::Array;

use crate::client::cluster::Cluster;
use crate::client::connection::Reply;
use crate::client::error::ClientError;
use crate::client::member;
use crate::client::offsets::{self, TopicPartition};
use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::consumer_group_describe::{self, ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse};
use crate::protocol::messages::describe_groups::{DescribeGroupsRequest, DescribeGroupsResponse};
use crate::protocol::messages::describe_share_group_offsets::{
    DescribeShareGroupOffsetsRequest, DescribeShareGroupOffsetsRequestGroup, DescribeShareGroupOffsetsResponse,
};
use crate::protocol::messages::share_group_describe::{self, ShareGroupDescribeRequest, ShareGroupDescribeResponse};

/// The kinds of groups, in Kafka's words. Source: `GroupType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Classic,
    Consumer,
    Share,
}

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Consumer => "consumer",
            Self::Share => "share",
        }
    }
}

/// A group and its members.
#[derive(Debug)]
pub(super) struct Looked {
    pub(super) kind: Kind,
    pub(super) state: String,
    pub(super) protocol_type: String,
    pub(super) assignor: String,
    pub(super) members: Vec<Member>,
}

#[derive(Debug)]
pub(super) struct Member {
    pub(super) member_id: String,
    pub(super) instance_id: Option<String>,
    pub(super) client_id: String,
    pub(super) host: String,
    /// `None` when it is in no form we know.
    pub(super) assignment: Option<Vec<TopicPartition>>,
}

/// Asks what a group is like: brokers are asked for each kind by another request.
pub(super) async fn look(cluster: &mut Cluster, group: &str) -> Result<Looked, ClientError> {
    let refusal = match look_classic(cluster, group).await {
        Err(error) if error.code() == Some(ErrorCode::GROUP_ID_NOT_FOUND) => error,
        // What a broker says of a group that is not there, before version 6.
        Ok(looked) if looked.state == "Dead" => {
            ClientError::Refused { what: format!("group {group}"), code: ErrorCode::GROUP_ID_NOT_FOUND, message: None }
        }
        other => return other,
    };
    match look_consumer(cluster, group).await {
        Err(error) if is_of_no_kind(&error) => {}
        other => return other,
    }
    match look_share(cluster, group).await {
        Err(error) if is_of_no_kind(&error) => Err(refusal),
        other => other,
    }
}

/// Whether there is no such group of this kind, as far as the broker has the kind.
fn is_of_no_kind(error: &ClientError) -> bool {
    let codes = [ErrorCode::GROUP_ID_NOT_FOUND, ErrorCode::UNSUPPORTED_VERSION];
    matches!(error, ClientError::NotServed { .. }) || error.code().is_some_and(|code| codes.contains(&code))
}

fn missing(group: &str) -> impl Fn() -> ClientError {
    move || ClientError::Missing(format!("group {group}"))
}

async fn look_classic(cluster: &mut Cluster, group: &str) -> Result<Looked, ClientError> {
    let groups = [group];
    let request = DescribeGroupsRequest { groups: Array::from(&groups), include_authorized_operations: false };
    let versions = <DescribeGroupsRequest<'_> as Message<'_>>::VERSIONS;
    let judge = |reply: &Reply| {
        let response: DescribeGroupsResponse<'_> = reply.read()?;
        let told = response.groups.iter().find(|told| told.group_id == group).ok_or_else(missing(group))?;
        ClientError::refused(told.error_code, told.error_message, || format!("group {group}"))
    };
    let reply = cluster.ask_coordinator(group, &request, versions, judge).await?;
    let response: DescribeGroupsResponse<'_> = reply.read()?;
    let told = response.groups.iter().find(|told| told.group_id == group).ok_or_else(missing(group))?;
    let members = told.members.iter().map(|member| Member {
        member_id: member.member_id.to_string(),
        instance_id: member.group_instance_id.map(str::to_string),
        client_id: member.client_id.to_string(),
        host: member.client_host.to_string(),
        assignment: (told.protocol_type == "consumer").then(|| member::read_assignment(member.member_assignment).ok()).flatten(),
    });
    Ok(Looked {
        kind: Kind::Classic,
        state: told.group_state.to_string(),
        protocol_type: told.protocol_type.to_string(),
        assignor: told.protocol_data.to_string(),
        members: members.collect(),
    })
}

async fn look_consumer(cluster: &mut Cluster, group: &str) -> Result<Looked, ClientError> {
    let groups = [group];
    let request = ConsumerGroupDescribeRequest { group_ids: Array::from(&groups), include_authorized_operations: false };
    let versions = <ConsumerGroupDescribeRequest<'_> as Message<'_>>::VERSIONS;
    let judge = |reply: &Reply| {
        let response: ConsumerGroupDescribeResponse<'_> = reply.read()?;
        let told = response.groups.iter().find(|told| told.group_id == group).ok_or_else(missing(group))?;
        ClientError::refused(told.error_code, told.error_message, || format!("group {group}"))
    };
    let reply = cluster.ask_coordinator(group, &request, versions, judge).await?;
    let response: ConsumerGroupDescribeResponse<'_> = reply.read()?;
    let told = response.groups.iter().find(|told| told.group_id == group).ok_or_else(missing(group))?;
    let held = |topics: Array<'_, consumer_group_describe::TopicPartitions<'_>>| {
        topics.iter().flat_map(|topic| topic.partitions.iter().map(move |index| (topic.topic_name.to_string(), index))).collect()
    };
    let members = told.members.iter().map(|member| Member {
        member_id: member.member_id.to_string(),
        instance_id: member.instance_id.map(str::to_string),
        client_id: member.client_id.to_string(),
        host: member.client_host.to_string(),
        assignment: Some(sorted(held(member.assignment.topic_partitions))),
    });
    Ok(Looked {
        kind: Kind::Consumer,
        state: told.group_state.to_string(),
        protocol_type: "consumer".to_string(),
        assignor: told.assignor_name.to_string(),
        members: members.collect(),
    })
}

async fn look_share(cluster: &mut Cluster, group: &str) -> Result<Looked, ClientError> {
    let groups = [group];
    let request = ShareGroupDescribeRequest { group_ids: Array::from(&groups), include_authorized_operations: false };
    let versions = <ShareGroupDescribeRequest<'_> as Message<'_>>::VERSIONS;
    let judge = |reply: &Reply| {
        let response: ShareGroupDescribeResponse<'_> = reply.read()?;
        let told = response.groups.iter().find(|told| told.group_id == group).ok_or_else(missing(group))?;
        ClientError::refused(told.error_code, told.error_message, || format!("group {group}"))
    };
    let reply = cluster.ask_coordinator(group, &request, versions, judge).await?;
    let response: ShareGroupDescribeResponse<'_> = reply.read()?;
    let told = response.groups.iter().find(|told| told.group_id == group).ok_or_else(missing(group))?;
    let held = |topics: Array<'_, share_group_describe::TopicPartitions<'_>>| {
        topics.iter().flat_map(|topic| topic.partitions.iter().map(move |index| (topic.topic_name.to_string(), index))).collect()
    };
    let members = told.members.iter().map(|member| Member {
        member_id: member.member_id.to_string(),
        instance_id: None,
        client_id: member.client_id.to_string(),
        host: member.client_host.to_string(),
        assignment: Some(sorted(held(member.assignment.topic_partitions))),
    });
    Ok(Looked {
        kind: Kind::Share,
        state: told.group_state.to_string(),
        protocol_type: "share".to_string(),
        assignor: told.assignor_name.to_string(),
        members: members.collect(),
    })
}

fn sorted(mut held: Vec<TopicPartition>) -> Vec<TopicPartition> {
    held.sort();
    held
}

/// Up to where a group is done: what it has committed, or below which all that it shares is settled.
pub(super) async fn done_up_to(cluster: &mut Cluster, group: &str, kind: Kind) -> Result<BTreeMap<TopicPartition, i64>, ClientError> {
    match kind {
        Kind::Classic | Kind::Consumer => offsets::committed(cluster, group, None).await,
        Kind::Share => share_starts(cluster, group).await,
    }
}

async fn share_starts(cluster: &mut Cluster, group: &str) -> Result<BTreeMap<TopicPartition, i64>, ClientError> {
    let groups = [DescribeShareGroupOffsetsRequestGroup { group_id: group, topics: None }];
    let request = DescribeShareGroupOffsetsRequest { groups: Array::from(&groups) };
    let versions = <DescribeShareGroupOffsetsRequest<'_> as Message<'_>>::VERSIONS;
    let judge = |reply: &Reply| {
        let response: DescribeShareGroupOffsetsResponse<'_> = reply.read()?;
        let told = response.groups.iter().find(|told| told.group_id == group).ok_or_else(missing(group))?;
        ClientError::refused(told.error_code, told.error_message, || format!("the offsets of group {group}"))
    };
    let reply = cluster.ask_coordinator(group, &request, versions, judge).await?;
    let response: DescribeShareGroupOffsetsResponse<'_> = reply.read()?;
    let told = response.groups.iter().find(|told| told.group_id == group).ok_or_else(missing(group))?;
    let mut starts = BTreeMap::new();
    for topic in told.topics {
        // Where it has not begun, it is done with nothing.
        let begun = topic.partitions.iter().filter(|partition| partition.error_code == 0 && partition.start_offset >= 0);
        starts.extend(begun.map(|partition| ((topic.topic_name.to_string(), partition.partition_index), partition.start_offset)));
    }
    Ok(starts)
}
