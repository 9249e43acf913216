//! What the requests of share groups share.

use millpond_core::catalog::name::SHARE_GROUP_STATE;
use millpond_core::shard::logs::Written;

use crate::worker::turn::Turn;

use super::catalog::{Refusal, ensure_topic};

/// Creates `__share_group_state`, if it is not there. What is in it is deleted when no snapshot needs it any more, and never by its age.
/// Source: `ShareCoordinatorService.shareGroupStateTopicConfigs`.
///
/// # Errors
/// Why there is none now either.
pub(crate) fn ensure_state_topic(at: &mut Turn<'_>) -> Result<Option<Written>, Refusal> {
    let count = at.around.config.share.state_partition_count;
    let segment_bytes = at.around.config.value_of("share.coordinator.state.topic.segment.bytes").unwrap_or_default();
    let configs = [("compression.type", "producer"), ("cleanup.policy", "delete"), ("segment.bytes", segment_bytes), ("retention.ms", "-1")];
    ensure_topic(at, SHARE_GROUP_STATE, count, &configs)
}
