//! The assignor `range`: each topic by itself, a run of its partitions for each subscriber, in the order of members.
//!
//! Topics with as many partitions and the same subscribers are divided alike: whoever has partition 3 of one has partition 3 of the other.

use crate::bounded::list::List;
use crate::member::assignor::error::AssignError;
use crate::member::assignor::owner::{Owner, Owners};
use crate::member::assignor::ranges;
use crate::member::assignor::scratch::Sizes;

use super::subscriptions::Subscriptions;

/// What configurations and members call it.
pub const NAME: &str = "range";

/// Gives every partition to a subscriber of its topic. Partitions of topics without subscribers are nobody's.
///
/// What stood in `owners` plays no part: the result follows from the subscriptions alone, and is Java's.
/// Shape: `owners` has one place for each partition.
/// Bounds: `memory` is left alone where all subscribe to the same topics; else three words for each topic.
///
/// # Errors
/// [`AssignError::Owners`] when `owners` has another length, [`AssignError::Full`] when `memory` is too small.
/// Source: KIP-848, `RangeAssignor` of the group coordinator. Held by: `range_is_contiguous_balanced_and_co_partitioned`.
pub fn assign(group: &Subscriptions<'_>, owners: &mut [Owner], memory: &mut List<'_, u32>) -> Result<(), AssignError> {
    group.check(owners)?;
    let mut owners = Owners(owners);
    if group.are_alike() {
        ranges::assign_alike(group.topics(), group.of(0), 0..group.member_count(), &mut owners);
        return Ok(());
    }
    let ([], words, [], _) = Sizes { pairs: 0, ..group.sizes() }.carve(memory)?;
    ranges::assign_unlike(group.topics(), group.iter(), &mut owners, words);
    Ok(())
}
