//! Bytes in: a cursor that never reads past its end and never believes a length before it has seen the bytes.

use core::fmt;

use super::varint;

/// Why bytes are not the message they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// The bytes end before the value does.
    Truncated,
    /// A length is negative, or larger than the bytes that are left.
    Length,
    /// A variable-length integer is longer than its type allows.
    Varint,
    /// A string is not UTF-8.
    Utf8,
    /// A field that must not be null in this version is null.
    Null,
    /// A boolean, a presence byte or another marker has a value that means nothing.
    Marker,
    /// Bytes are left over behind the message.
    Trailing,
    /// The message has no such version.
    Version,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "the bytes end before the value does",
            Self::Length => "a length is negative or larger than the bytes that are left",
            Self::Varint => "a variable-length integer is too long",
            Self::Utf8 => "a string is not UTF-8",
            Self::Null => "a field that must not be null in this version is null",
            Self::Marker => "a marker byte has a value that means nothing",
            Self::Trailing => "bytes are left over behind the message",
            Self::Version => "the message has no such version",
        })
    }
}

impl core::error::Error for DecodeError {}

/// A cursor over borrowed bytes.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A cursor at the start of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What has not been read yet.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next `size` bytes.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] when fewer are left.
    pub fn take(&mut self, size: usize) -> Result<&'a [u8], DecodeError> {
        let (head, rest) = self.rest.split_at_checked(size).ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(head)
    }

    /// The next `N` bytes as an array.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] when fewer are left.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(*head)
    }

    /// An unsigned variable-length integer of at most 32 bits.
    ///
    /// # Errors
    /// [`DecodeError::Varint`] or [`DecodeError::Truncated`].
    pub fn uvarint(&mut self) -> Result<u32, DecodeError> {
        let Some((number, size)) = varint::decode_u32(self.rest) else {
            let ended = self.rest.len() < varint::SIZE_MAX_32 && self.rest.iter().all(|byte| *byte >= 0x80);
            return Err(if ended { DecodeError::Truncated } else { DecodeError::Varint });
        };
        self.take(size)?;
        Ok(number)
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// [`DecodeError::Trailing`] when bytes are left.
    pub const fn finish(self) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(DecodeError::Trailing) }
    }
}
