//! ListGroups, key 16, served 0-5. KIP-518 (v4), KIP-848 (v5).
//!
//! Differences from Apache Kafka: none known.

use millpond_core::group::modern::state::GroupKind;
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::protocol::messages::list_groups::{ListGroupsRequest, ListGroupsResponse, ListedGroup};

use super::dispatch::Asked;
use super::respond;

/// Source: `Group.GroupType.CLASSIC`.
const CLASSIC: &str = "classic";
/// Source: `Group.GroupType.CONSUMER`, which is also their protocol type.
const SHARE: &str = "share";
const CONSUMER: &str = "consumer";

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: ListGroupsRequest<'_> = asked.decode()?;
    let Asked { worker, head, reply, .. } = asked;
    let wanted = |filter: Array<'_, &str>, word: &str| filter.is_empty() || filter.iter().any(|wanted| wanted.eq_ignore_ascii_case(word));
    worker.turn(|turn| {
        let mut groups: Vec<ListedGroup<'_>> = turn
            .inner
            .shard
            .groups()
            .views()
            .map(|group| match group.consumer_group() {
                Some(modern) => {
                    let kind = match modern.kind() {
                        GroupKind::Consumer => CONSUMER,
                        GroupKind::Share => SHARE,
                    };
                    ListedGroup { group_id: group.group_id(), protocol_type: kind, group_state: modern.state().name(), group_type: kind }
                }
                None => ListedGroup {
                    group_id: group.group_id(),
                    protocol_type: group.protocol_type(),
                    group_state: group.state().name(),
                    group_type: CLASSIC,
                },
            })
            .filter(|group| wanted(request.states_filter, group.group_state) && wanted(request.types_filter, group.group_type))
            .collect();
        groups.sort_by_key(|group| group.group_id);
        reply.send(respond::encode(head, &ListGroupsResponse { groups: Array::from(&*groups), ..Default::default() }));
    });
    Ok(())
}
