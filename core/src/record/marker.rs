//! The control record that ends a transaction. Source: KIP-98, "Control Messages"; `ControlRecordType`, `EndTransactionMarker`.

use super::records::Record;

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its records count as never written.
    Abort,
    /// Its records count.
    Commit,
}

/// What the one record of an end-of-transaction batch says.
///
/// Layout: key { i16 version 0, i16 type 0 abort or 1 commit }, value { i16 version 0, i32 coordinator epoch }.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndMarker {
    /// How the transaction ended.
    pub outcome: Outcome,
    /// The leader epoch of the coordinator that wrote it; fences older coordinators.
    pub coordinator_epoch: i32,
}

impl EndMarker {
    /// Reads a control record; `None` when it is of another kind or cut.
    #[must_use]
    pub fn read(record: &Record<'_>) -> Option<Self> {
        let (_, key) = record.key?.split_first_chunk::<2>()?;
        let outcome = match i16::from_be_bytes(*key.first_chunk()?) {
            0 => Outcome::Abort,
            1 => Outcome::Commit,
            _ => return None,
        };
        let (_, value) = record.value?.split_first_chunk::<2>()?;
        Some(Self { outcome, coordinator_epoch: i32::from_be_bytes(*value.first_chunk()?) })
    }

    /// The key of the record.
    #[must_use]
    pub const fn key(&self) -> [u8; 4] {
        match self.outcome {
            Outcome::Abort => [0, 0, 0, 0],
            Outcome::Commit => [0, 0, 0, 1],
        }
    }

    /// The value of the record.
    #[must_use]
    pub const fn value(&self) -> [u8; 6] {
        let [a, b, c, d] = self.coordinator_epoch.to_be_bytes();
        [0, 0, a, b, c, d]
    }
}
