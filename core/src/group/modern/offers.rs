//! What a member offers that speaks the classic protocol, as a coordinator keeps it: one run of bytes.
//!
//! ```text
//!  size   name   size   metadata   size   name   ...
//!  2      size   4      size       2      size
//! ```

use crate::bounded::Full;
use crate::bounded::list::List;
use crate::group::input::Protocol;
use crate::time::Millis;
use crate::wire::value::{Form, Value as _};
use crate::wire::writer::Writer;

use super::schema::{ClassicMemberMetadata, ClassicProtocol};

/// A run of protocols, in the order of the member's preference.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Offers<'a>(&'a [u8]);

impl core::fmt::Debug for Offers<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.iter().map(|protocol| protocol.name)).finish()
    }
}

impl<'a> Offers<'a> {
    /// No protocol.
    pub const NONE: Self = Self(&[]);

    /// The protocols that were put into these bytes.
    pub(in crate::group) const fn of(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The protocols, most preferred first.
    pub fn iter(self) -> impl Iterator<Item = Protocol<'a>> + Clone {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            let (size, behind) = rest.split_first_chunk::<2>()?;
            let (name, behind) = behind.split_at_checked(u16::from_be_bytes(*size).into())?;
            let (size, behind) = behind.split_first_chunk::<4>()?;
            let (metadata, behind) = behind.split_at_checked(usize::try_from(u32::from_be_bytes(*size)).ok()?)?;
            rest = behind;
            Some(Protocol { name: core::str::from_utf8(name).ok()?, metadata })
        })
    }

    /// The one that is named to the member as the group's. Source: `classicGroupJoinToConsumerGroup`.
    #[must_use]
    pub fn first(self) -> Option<Protocol<'a>> {
        self.iter().next()
    }

    /// Whether a protocol is among them.
    #[must_use]
    pub fn has(self, name: &str) -> bool {
        self.iter().any(|protocol| protocol.name == name)
    }
}

/// Puts protocols behind what a list holds.
///
/// # Errors
/// [`Full`] when they do not fit; so for a name that no string of the wire could be.
pub(in crate::group) fn put<'p>(
    protocols: impl Iterator<Item = Protocol<'p>>,
    bytes: &mut List<'_, u8>,
) -> Result<core::ops::Range<usize>, Full> {
    let start = bytes.len();
    for protocol in protocols {
        bytes.extend_from_slice(&u16::try_from(protocol.name.len()).map_err(|_| Full)?.to_be_bytes())?;
        bytes.extend_from_slice(protocol.name.as_bytes())?;
        bytes.extend_from_slice(&u32::try_from(protocol.metadata.len()).map_err(|_| Full)?.to_be_bytes())?;
        bytes.extend_from_slice(protocol.metadata)?;
    }
    Ok(start..bytes.len())
}

/// What a member said in the classic protocol: read from a record, or known by whoever writes it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum StoredClassic<'a> {
    /// As it stands in a record.
    Stored(ClassicMemberMetadata<'a>),
    /// As the coordinator knows it.
    Known {
        /// How long it may be silent.
        session_timeout: Millis,
        /// What it offers.
        offers: Offers<'a>,
    },
}

impl<'a> StoredClassic<'a> {
    /// How long it may be silent.
    #[must_use]
    pub fn session_timeout(self) -> Millis {
        match self {
            Self::Stored(stored) => Millis::from_signed(i64::from(stored.session_timeout_ms)),
            Self::Known { session_timeout, .. } => session_timeout,
        }
    }

    /// Puts what it offers behind what a list holds.
    ///
    /// # Errors
    /// As [`put`].
    pub(in crate::group) fn put_offers(self, bytes: &mut List<'_, u8>) -> Result<core::ops::Range<usize>, Full> {
        match self {
            Self::Stored(stored) => {
                let protocol = |stored: ClassicProtocol<'a>| Protocol { name: stored.name, metadata: stored.metadata };
                put(stored.supported_protocols.iter().map(protocol), bytes)
            }
            Self::Known { offers, .. } => put(offers.iter(), bytes),
        }
    }

    /// Writes it as the field of the member's record.
    pub(in crate::group) fn write(self, writer: &mut Writer<'_>, form: Form) {
        let Self::Known { session_timeout, offers } = self else {
            // What was read is not written again, but by tests.
            let Self::Stored(stored) = self else { return };
            return Some(stored).write(writer, form.nullable(true));
        };
        let compact = |count: usize| u32::try_from(count).unwrap_or(u32::MAX).saturating_add(1);
        let plain = form.nullable(false);
        // It is there.
        writer.put(&[1]);
        i32::try_from(session_timeout.0).unwrap_or(i32::MAX).write(writer, plain);
        writer.uvarint(compact(offers.iter().count()));
        offers.iter().for_each(|Protocol { name, metadata }| ClassicProtocol { name, metadata }.write(writer, plain));
        writer.uvarint(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::value::Array;
    use alloc::vec::Vec;

    #[test]
    fn what_is_offered_reads_as_it_was() {
        let all = [Protocol { name: "range", metadata: b"\0\x01ab" }, Protocol { name: "", metadata: b"" }];
        let mut bytes = List::grown(100);
        bytes.push(9).unwrap();
        let range = put(all.into_iter(), &mut bytes).unwrap();
        assert_eq!(range.start, 1, "behind what was there");
        let offers = Offers::of(&bytes[range]);
        assert_eq!(offers.iter().collect::<Vec<_>>(), all);
        assert_eq!(offers.first(), Some(all[0]));
        assert!(offers.has("range") && !offers.has("rang") && Offers::NONE.first().is_none());
        assert_eq!(put(all.into_iter(), &mut List::grown(3)), Err(Full));
    }

    #[test]
    fn what_is_known_is_written_as_what_was_read() {
        let protocols = [ClassicProtocol { name: "range", metadata: b"\0\x01ab" }, ClassicProtocol { name: "", metadata: b"" }];
        let stored = StoredClassic::Stored(ClassicMemberMetadata {
            session_timeout_ms: 45_000,
            supported_protocols: Array::from(protocols.as_slice()),
        });
        let mut bytes = List::grown(100);
        let range = stored.put_offers(&mut bytes).unwrap();
        let known = StoredClassic::Known { session_timeout: stored.session_timeout(), offers: Offers::of(&bytes[range]) };
        let written = |classic: StoredClassic<'_>| {
            let mut writer = Writer::growing();
            classic.write(&mut writer, Form { version: 0, flexible: true, nullable: false });
            writer.bytes().to_vec()
        };
        assert_eq!(written(known), written(stored));
    }
}
