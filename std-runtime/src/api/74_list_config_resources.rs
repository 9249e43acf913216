//! ListConfigResources, key 74, served 0-1. KIP-714, KIP-1142 (v1).
//!
//! Differences from Apache Kafka: none known.

use std::collections::BTreeSet;

use millpond_core::catalog::input::ResourceKind;
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::list_config_resources::{ConfigResource, ListConfigResourcesRequest, ListConfigResourcesResponse};

use super::dispatch::Asked;
use super::respond;

/// What can be listed, in the order of the answer; version 0 knows the first only. Source: `ListConfigResourcesRequest.supportedResourceTypes`.
const KINDS: &[ResourceKind] =
    &[ResourceKind::CLIENT_METRICS, ResourceKind::GROUP, ResourceKind::BROKER_LOGGER, ResourceKind::BROKER, ResourceKind::TOPIC];

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: ListConfigResourcesRequest<'_> = asked.decode()?;
    let Asked { worker, head, reply, .. } = asked;
    let known = if head.version == 0 { KINDS.split_at(1).0 } else { KINDS };
    let wanted: BTreeSet<i8> = request.resource_types.iter().collect();
    if wanted.iter().any(|kind| !known.contains(&ResourceKind(*kind))) {
        let error_code = ErrorCode::UNSUPPORTED_VERSION.number();
        reply.send(respond::encode(head, &ListConfigResourcesResponse { error_code, ..Default::default() }));
        return Ok(());
    }
    worker.turn(|turn| {
        let catalog = turn.inner.shard.catalog();
        let node = catalog.node().0.to_string();
        let mut resources: Vec<ConfigResource<'_>> = Vec::new();
        for kind in known.iter().filter(|kind| wanted.is_empty() || wanted.contains(&kind.0)) {
            let named = |resource_name| ConfigResource { resource_name, resource_type: kind.0 };
            match *kind {
                ResourceKind::TOPIC => resources.extend(catalog.topics().map(|topic| named(topic.name))),
                ResourceKind::BROKER | ResourceKind::BROKER_LOGGER => resources.push(named(&node)),
                kind => resources.extend(catalog.resources_of(kind).map(named)),
            }
        }
        let message = ListConfigResourcesResponse { config_resources: Array::from(&*resources), ..Default::default() };
        reply.send(respond::encode(head, &message));
    });
    Ok(())
}
