//! What the application has yet to be told of its partitions, or to do with them: the same for all members.

use super::partitions::PartitionSet;

/// What the application has yet to be told, or to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Telling {
    /// Nothing.
    Nothing,
    /// That it has lost what is moving.
    Lost,
    /// That it is to give back what is moving.
    Revoked,
    /// It was told, and has not said that it is done.
    AwaitsRevoked,
    /// That it has got what is moving.
    Assigned,
}

impl Telling {
    /// Asks the application for everything it has. The sets have the same capacity.
    pub(super) fn give_all_back<K: Copy + Ord>(&mut self, owned: &PartitionSet<'_, K>, moving: &mut PartitionSet<'_, K>) {
        let is_asked = matches!(self, Self::Revoked | Self::AwaitsRevoked) && moving.held() == owned.held();
        if *self == Self::Lost || is_asked {
            return;
        }
        *self = if owned.is_empty() { Self::Nothing } else { Self::Revoked };
        let _ = moving.copy(owned, |_| true);
    }

    /// The application says that it has given back what is moving. Answers whether that was waited for.
    pub(super) fn given_back<K: Copy + Ord>(&mut self, owned: &mut PartitionSet<'_, K>, moving: &PartitionSet<'_, K>) -> bool {
        let was_awaited = *self == Self::AwaitsRevoked;
        if was_awaited {
            owned.subtract(moving);
            *self = Self::Nothing;
        }
        was_awaited
    }

    /// Everything the application has is lost. The sets have the same capacity.
    pub(super) fn lose_all<K: Copy + Ord>(&mut self, owned: &mut PartitionSet<'_, K>, moving: &mut PartitionSet<'_, K>) {
        if !owned.is_empty() {
            let _ = moving.copy(owned, |_| true);
            owned.clear();
            *self = Self::Lost;
        } else if *self != Self::Lost {
            *self = Self::Nothing;
        }
    }
}
