//! What the requests to the group coordinator share: its answers, encoded.

use millpond_core::group::answer::Answer;

use crate::worker::calls::Head;
use crate::worker::reply::Outgoing;

use super::*;

/// Encodes an answer that can come long after its request: nothing of the request is repeated in it.
#[must_use]
pub fn tell(head: Head, answer: &Answer<'_>) -> Outgoing {
    match answer {
        Answer::Joined(joined) => join_group::tell(head, joined),
        Answer::JoinRefused { member_id, error } => join_group::tell_refused(head, member_id, error),
        Answer::Synced { protocol_type, protocol_name, assignment } => sync_group::tell(head, *protocol_type, *protocol_name, assignment),
        Answer::SyncRefused(error) => sync_group::tell_refused(head, error),
        Answer::Heartbeat(result) => heartbeat::tell(head, result),
        Answer::Consumer(seat) => consumer_group_heartbeat::tell(head, seat),
        Answer::ConsumerLeft { member_id, epoch } => consumer_group_heartbeat::tell_left(head, member_id, *epoch),
        Answer::ConsumerRefused(error) => consumer_group_heartbeat::tell_refused(head, error),
        Answer::Share(seat) => share_group_heartbeat::tell(head, seat),
        Answer::ShareLeft { member_id } => share_group_heartbeat::tell_left(head, member_id),
        Answer::ShareRefused(error) => share_group_heartbeat::tell_refused(head, error),
        Answer::Left(_) | Answer::Committed(_) | Answer::OffsetsDeleted(_) | Answer::GroupDeleted(_) | Answer::SharesSet(_) => {
            debug_assert!(false, "these answers come in the turn of their request: {answer:?}");
            Outgoing::default()
        }
    }
}
