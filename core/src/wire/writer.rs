//! Bytes out: into lent or grown memory, with places left for bytes that come from elsewhere.

use crate::bounded::list::List;

use super::varint;

/// A place in what was written where bytes from elsewhere belong, such as records that lie in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Splice {
    /// How many bytes of the writer's own come before it.
    pub at: usize,
    /// How many bytes belong here.
    pub size: usize,
}

/// Writes messages behind one another.
///
/// What does not fit is dropped and remembered: see [`Writer::overflowed`]. Nobody has to look at a result for every field.
#[derive(Debug)]
pub struct Writer<'m> {
    bytes: Target<'m>,
    splices: Option<List<'m, Splice>>,
    spliced: usize,
    overflowed: bool,
}

/// The memory written to: the writer's own, or somebody's list that it writes behind.
#[derive(Debug)]
enum Target<'m> {
    Own(List<'m, u8>),
    Behind(&'m mut dyn Grow),
}

/// A byte list whose own memory the writer need not know the lifetime of.
trait Grow: core::fmt::Debug {
    fn as_slice(&self) -> &[u8];
    fn as_mut_slice(&mut self) -> &mut [u8];
    fn extend(&mut self, bytes: &[u8]) -> bool;
}

impl Grow for List<'_, u8> {
    fn as_slice(&self) -> &[u8] {
        self
    }
    fn as_mut_slice(&mut self) -> &mut [u8] {
        self
    }
    fn extend(&mut self, bytes: &[u8]) -> bool {
        self.extend_from_slice(bytes).is_ok()
    }
}

impl Target<'_> {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Own(list) => list,
            Self::Behind(list) => list.as_slice(),
        }
    }
    fn as_mut_slice(&mut self) -> &mut [u8] {
        match self {
            Self::Own(list) => list,
            Self::Behind(list) => list.as_mut_slice(),
        }
    }
    fn extend(&mut self, bytes: &[u8]) -> bool {
        match self {
            Self::Own(list) => list.extend_from_slice(bytes).is_ok(),
            Self::Behind(list) => list.extend(bytes),
        }
    }
}

impl<'m> Writer<'m> {
    /// Writes behind what `bytes` already holds. `splices` receives the places for bytes from elsewhere.
    #[must_use]
    pub const fn new(bytes: List<'m, u8>, splices: List<'m, Splice>) -> Self {
        Self { bytes: Target::Own(bytes), splices: Some(splices), spliced: 0, overflowed: false }
    }

    /// Writes behind what somebody's list already holds. It has no place for bytes from elsewhere.
    #[must_use]
    pub const fn behind(bytes: &'m mut List<'_, u8>) -> Self {
        Self { bytes: Target::Behind(bytes), splices: None, spliced: 0, overflowed: false }
    }

    /// Writes into memory that grows without a limit of its own.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub const fn growing() -> Self {
        Self::new(List::grown(usize::MAX), List::grown(usize::MAX))
    }

    /// What was written.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.as_slice()
    }

    /// Where bytes from elsewhere belong, in order.
    #[must_use]
    pub fn splices(&self) -> &[Splice] {
        self.splices.as_deref().unwrap_or_default()
    }

    /// The size of the message, bytes from elsewhere included.
    #[must_use]
    pub fn size(&self) -> usize {
        self.bytes().len() + self.spliced
    }

    /// Whether something did not fit: then what was written must not be used.
    #[must_use]
    pub const fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// The lists back, with what was written; `None` for a writer behind somebody's list.
    #[must_use]
    pub fn into_parts(self) -> Option<(List<'m, u8>, List<'m, Splice>)> {
        match (self.bytes, self.splices) {
            (Target::Own(bytes), Some(splices)) => Some((bytes, splices)),
            _ => None,
        }
    }

    /// Writes bytes.
    pub fn put(&mut self, bytes: &[u8]) {
        self.overflowed |= !self.bytes.extend(bytes);
    }

    /// Writes an unsigned variable-length integer.
    pub fn uvarint(&mut self, number: u32) {
        if let Ok(low) = u8::try_from(number)
            && low < 0x80
        {
            self.put(&[low]);
        } else {
            self.put(varint::encode_u32(number).as_slice());
        }
    }

    /// Leaves a place for `size` bytes from elsewhere.
    pub fn splice(&mut self, size: usize) {
        let splice = Splice { at: self.bytes().len(), size };
        self.overflowed |= self.splices.as_mut().is_none_or(|splices| splices.push(splice).is_err());
        self.spliced += size;
    }

    /// Overwrites bytes written earlier, at `at`: for sizes that are known only at the end.
    pub fn patch(&mut self, at: usize, bytes: &[u8]) {
        match self.bytes.as_mut_slice().get_mut(at..at + bytes.len()) {
            Some(place) => place.copy_from_slice(bytes),
            None => self.overflowed = true,
        }
    }

    /// Writes what `content` writes, with its size as an unsigned variable-length integer before it.
    pub fn sized(&mut self, content: impl FnOnce(&mut Self)) {
        let start = self.bytes().len();
        content(self);
        let size = self.bytes().len() - start;
        let prefix = varint::encode_u32(length(size));
        let prefix = prefix.as_slice();
        self.put(prefix);
        if !self.overflowed {
            self.bytes.as_mut_slice().copy_within(start..start + size, start + prefix.len());
            self.patch(start, prefix);
        }
    }
}

/// A size as the wire counts it. Nothing of ours comes near the limit; what would is cut to it and found out by the frame's size.
pub(super) fn length(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}
