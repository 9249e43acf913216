//! Who reads what: the members' side of a classic group. Pure functions over what members say of themselves.

use std::collections::BTreeMap;

use millpond_core::bounded::list::List;
use millpond_core::member::assignor::assignor::{Assignor, compare_names, words};
use millpond_core::member::assignor::error::AssignError;
use millpond_core::member::assignor::group::{Group, Member};
use millpond_core::member::assignor::owner::Owner;
use millpond_core::member::assignor::topics::Topics;
use millpond_core::member::consumer_protocol::{self, AssignmentTopicPartition, ConsumerProtocolAssignment, ConsumerProtocolSubscription};
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::schema::Message;
use millpond_core::wire::value::Array;
use millpond_core::wire::writer::Writer;

use super::offsets::TopicPartition;

/// The version in which we write: what the eager protocol needs.
const VERSION: i16 = 1;

/// A member as the leader of its group sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscriber {
    /// Its id.
    pub member_id: String,
    /// Its fixed name, if it has one.
    pub instance_id: Option<String>,
    /// The topics it wants to read.
    pub topics: Vec<String>,
}

/// What a member says of itself when it joins.
#[must_use]
pub fn subscription(topics: &[&str]) -> Vec<u8> {
    written(&ConsumerProtocolSubscription { topics: Array::from(topics), ..Default::default() })
}

/// What the leader gives a member.
#[must_use]
pub fn assignment(partitions: &[TopicPartition]) -> Vec<u8> {
    let mut by_topic: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for (topic, index) in partitions {
        by_topic.entry(topic).or_default().push(*index);
    }
    let topics: Vec<AssignmentTopicPartition<'_>> =
        by_topic.iter().map(|(topic, partitions)| AssignmentTopicPartition { topic, partitions: Array::from(&**partitions) }).collect();
    written(&ConsumerProtocolAssignment { assigned_partitions: Array::from(&*topics), ..Default::default() })
}

fn written<'a, M: Message<'a>>(message: &M) -> Vec<u8> {
    let mut writer = Writer::growing();
    writer.put(&VERSION.to_be_bytes());
    message.encode(&mut writer, VERSION);
    writer.bytes().to_vec()
}

/// The topics that a member wants to read.
///
/// # Errors
/// What [`DecodeError`] names.
pub fn read_subscription(bytes: &[u8]) -> Result<Vec<String>, DecodeError> {
    Ok(consumer_protocol::subscription(bytes)?.topics.iter().map(str::to_string).collect())
}

/// What a member was given. No bytes stand for nothing.
///
/// # Errors
/// What [`DecodeError`] names.
pub fn read_assignment(bytes: &[u8]) -> Result<Vec<TopicPartition>, DecodeError> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let assignment = consumer_protocol::assignment(bytes)?;
    let mut given: Vec<TopicPartition> = assignment
        .assigned_partitions
        .iter()
        .flat_map(|topic| topic.partitions.iter().map(move |partition| (topic.topic.to_string(), partition)))
        .collect();
    given.sort();
    Ok(given)
}

/// Gives every member a range of each topic's partitions. See [`Assignor::Range`].
///
/// # Errors
/// [`AssignError`] when there are more partitions than can be counted.
pub fn range(
    members: &[Subscriber],
    partition_counts: &BTreeMap<String, usize>,
) -> Result<BTreeMap<String, Vec<TopicPartition>>, AssignError> {
    let mut topics: Vec<(&str, usize)> = partition_counts.iter().map(|(name, count)| (name.as_str(), *count)).collect();
    topics.sort_by(|(a, _), (b, _)| compare_names(a, b));
    let number = |name: &String| topics.iter().position(|(topic, _)| topic == name).and_then(|at| u32::try_from(at).ok());
    let subscriptions: Vec<Vec<u32>> = members
        .iter()
        .map(|member| {
            let mut numbers: Vec<u32> = member.topics.iter().filter_map(number).collect();
            numbers.sort_unstable();
            numbers.dedup();
            numbers
        })
        .collect();
    let readers: Vec<Member<'_>> = members
        .iter()
        .zip(&subscriptions)
        .map(|(member, topics)| Member {
            member_id: &member.member_id,
            instance_id: member.instance_id.as_deref(),
            rack: None,
            topics,
            owned: &[],
            generation: -1,
        })
        .collect();
    let mut ends = List::grown(topics.len());
    let counts = topics.iter().map(|(_, count)| u32::try_from(*count).unwrap_or(u32::MAX));
    let numbers = Topics::number(counts, &mut ends)?;
    let pairs = subscriptions.iter().map(Vec::len).sum();
    let count = usize::try_from(numbers.partition_count()).map_err(|_| AssignError::Full)?;
    let mut owners = vec![Owner::NOBODY; count];
    let group = Group::new(numbers, &readers)?;
    Assignor::Range.assign(&group, &mut owners, &mut List::grown(words(members.len(), topics.len(), count, pairs)))?;
    let mut given: BTreeMap<String, Vec<TopicPartition>> = members.iter().map(|member| (member.member_id.clone(), Vec::new())).collect();
    for (partition, owner) in (0u32..).zip(&owners) {
        let owner = owner.member().and_then(|member| members.get(usize::try_from(member).ok()?));
        let Some((owner, topic)) = owner.zip(numbers.topic_of(partition)) else { continue };
        let name = usize::try_from(topic).ok().and_then(|topic| topics.get(topic)).map(|(name, _)| (*name).to_string());
        let index = i32::try_from(partition - numbers.partitions(topic).start);
        if let (Some(own), Some(name), Ok(index)) = (given.get_mut(&owner.member_id), name, index) {
            own.push((name, index));
        }
    }
    Ok(given)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(id: &str, instance: Option<&str>, topics: &[&str]) -> Subscriber {
        let topics = topics.iter().map(|topic| (*topic).to_string()).collect();
        Subscriber { member_id: id.to_string(), instance_id: instance.map(str::to_string), topics }
    }

    fn told(given: &BTreeMap<String, Vec<TopicPartition>>, id: &str) -> String {
        given[id].iter().map(|(topic, index)| format!("{topic}{index}")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn every_partition_goes_to_one_member_and_the_first_get_one_more() {
        let counts = BTreeMap::from([("t".to_string(), 5), ("u".to_string(), 1)]);
        let members = [member("b", None, &["t", "u"]), member("a", None, &["t"]), member("c", None, &["u", "gone"])];
        let given = range(&members, &counts).unwrap();
        assert_eq!(["a", "b", "c"].map(|id| told(&given, id)), ["t0 t1 t2", "t3 t4 u0", ""]);
    }

    #[test]
    fn kip345_members_with_a_fixed_name_come_first_in_the_order_of_their_names() {
        let counts = BTreeMap::from([("t".to_string(), 4)]);
        let members = [member("a", None, &["t"]), member("z", Some("1"), &["t"]), member("b", Some("2"), &["t"])];
        let given = range(&members, &counts).unwrap();
        assert_eq!(["z", "b", "a"].map(|id| told(&given, id)), ["t0 t1", "t2", "t3"]);
    }

    #[test]
    fn what_is_written_is_read_back_and_the_future_is_read_as_the_present() {
        assert_eq!(read_subscription(&subscription(&["t", "u"])), Ok(vec!["t".to_string(), "u".to_string()]));
        let partitions = vec![("t".to_string(), 0), ("t".to_string(), 3), ("u".to_string(), 1)];
        let mut bytes = assignment(&partitions);
        assert_eq!(read_assignment(&bytes), Ok(partitions.clone()));
        bytes[1] = 99;
        bytes.extend(b"more");
        assert_eq!(read_assignment(&bytes), Ok(partitions));
        assert_eq!(read_assignment(&[]), Ok(Vec::new()));
        assert_eq!(read_assignment(&[0]), Err(DecodeError::Truncated));
    }
}
