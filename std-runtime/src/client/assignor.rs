//! Who reads what: the members' side of a classic group. Pure functions over what members say of themselves.

use std::collections::BTreeMap;

use millpond_core::member::consumer_protocol::{AssignmentTopicPartition, ConsumerProtocolAssignment, ConsumerProtocolSubscription};
use millpond_core::wire::reader::{DecodeError, Reader};
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

/// Reads a message with its version before it; a version of the future is read as the last one known, since those only add behind.
fn read<'a, M: Message<'a>>(bytes: &'a [u8]) -> Result<M, DecodeError> {
    let mut reader = Reader::new(bytes);
    let version = i16::from_be_bytes(reader.array()?);
    M::decode_from(&mut reader, version.min(M::VERSIONS.last))
}

/// The topics that a member wants to read.
///
/// # Errors
/// What [`DecodeError`] names.
pub fn read_subscription(bytes: &[u8]) -> Result<Vec<String>, DecodeError> {
    Ok(read::<ConsumerProtocolSubscription<'_>>(bytes)?.topics.iter().map(str::to_string).collect())
}

/// What a member was given. No bytes stand for nothing.
///
/// # Errors
/// What [`DecodeError`] names.
pub fn read_assignment(bytes: &[u8]) -> Result<Vec<TopicPartition>, DecodeError> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let assignment: ConsumerProtocolAssignment<'_> = read(bytes)?;
    let mut given: Vec<TopicPartition> = assignment
        .assigned_partitions
        .iter()
        .flat_map(|topic| topic.partitions.iter().map(move |partition| (topic.topic.to_string(), partition)))
        .collect();
    given.sort();
    Ok(given)
}

/// Gives every member a range of each topic's partitions: the first members, by name, get one more where they do not come out even.
///
/// Source: `RangeAssignor`: members in the order of their instance id, or their member id when they have none.
#[must_use]
pub fn range(members: &[Subscriber], partition_counts: &BTreeMap<String, usize>) -> BTreeMap<String, Vec<TopicPartition>> {
    let mut given: BTreeMap<String, Vec<TopicPartition>> = members.iter().map(|member| (member.member_id.clone(), Vec::new())).collect();
    for (topic, count) in partition_counts {
        let mut readers: Vec<&Subscriber> = members.iter().filter(|member| member.topics.contains(topic)).collect();
        // Members with a fixed name come first. Source: `MemberInfo.compareTo`.
        readers.sort_by_key(|member| (member.instance_id.is_none(), member.instance_id.as_deref(), member.member_id.as_str()));
        let each = count.checked_div(readers.len()).unwrap_or(0);
        let extra = count.checked_rem(readers.len()).unwrap_or(0);
        let mut next = 0;
        for (place, reader) in readers.iter().enumerate() {
            let size = each + usize::from(place < extra);
            let range = (next..next + size).filter_map(|index| i32::try_from(index).ok());
            if let Some(own) = given.get_mut(&reader.member_id) {
                own.extend(range.map(|index| (topic.clone(), index)));
            }
            next += size;
        }
    }
    given
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
        let given = range(&members, &counts);
        assert_eq!(["a", "b", "c"].map(|id| told(&given, id)), ["t0 t1 t2", "t3 t4 u0", ""]);
    }

    #[test]
    fn kip345_members_with_a_fixed_name_come_first_in_the_order_of_their_names() {
        let counts = BTreeMap::from([("t".to_string(), 4)]);
        let members = [member("a", None, &["t"]), member("z", Some("1"), &["t"]), member("b", Some("2"), &["t"])];
        let given = range(&members, &counts);
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
