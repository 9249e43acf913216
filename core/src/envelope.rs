//! Our own small files, where nobody else has defined one: a head that says what it is, a checksum, and a `postcard` body.
//!
//! ```text
//! "mlpd"   kind u8   version u8   size of the body u16   CRC-32C of all the rest u32   body
//! ```
//! Numbers are big-endian. What cannot be opened is as good as missing: nothing is kept in these files alone.

use serde::{Deserialize, Serialize};

use crate::crc::Crc32c;

/// The size of what stands before the body. Unit: bytes.
pub const HEAD_SIZE: usize = 12;

const MAGIC: [u8; 4] = *b"mlpd";

/// What an envelope holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A place in a log from which recovery can begin.
    RecoveryMark,
    /// What a manifest of the object store says of its log.
    Manifest,
    /// What it says of one segment.
    RemoteSegment,
}

impl Kind {
    /// Its number, and the version of its body that is written and read.
    const fn numbers(self) -> [u8; 2] {
        match self {
            Self::RecoveryMark => [1, 1],
            Self::Manifest => [2, 1],
            Self::RemoteSegment => [3, 1],
        }
    }
}

/// Puts a body into its envelope; answers the bytes, or `None` when `into` has no room for them.
pub fn seal<'b>(kind: Kind, body: &impl Serialize, into: &'b mut [u8]) -> Option<&'b [u8]> {
    let (head, rest) = into.split_first_chunk_mut::<HEAD_SIZE>()?;
    let body = postcard::to_slice(body, rest).ok()?;
    let (size, used) = (u16::try_from(body.len()).ok()?, body.len());
    let named = named(kind, size);
    let (start, crc) = head.split_first_chunk_mut::<8>()?;
    *start = named;
    crc.copy_from_slice(&checksum(&named, body).to_be_bytes());
    into.get(..HEAD_SIZE + used)
}

/// Takes a body out of its envelope. `None` when it is damaged, of another kind or of another version. Bytes behind it are not looked at.
#[must_use]
pub fn open<'b, T: Deserialize<'b>>(kind: Kind, bytes: &'b [u8]) -> Option<T> {
    let (start, rest) = bytes.split_first_chunk::<8>()?;
    let (crc, rest) = rest.split_first_chunk::<4>()?;
    let [.., high, low] = *start;
    let size = u16::from_be_bytes([high, low]);
    let body = rest.get(..size.into())?;
    let is_whole = *start == named(kind, size) && u32::from_be_bytes(*crc) == checksum(start, body);
    if is_whole { postcard::from_bytes(body).ok() } else { None }
}

/// The size of the body behind a head, whatever it is worth. Unit: bytes.
#[must_use]
pub fn body_size(head: &[u8; HEAD_SIZE]) -> usize {
    let [_, _, _, _, _, _, high, low, ..] = *head;
    u16::from_be_bytes([high, low]).into()
}

const fn named(kind: Kind, size: u16) -> [u8; 8] {
    let [a, b, c, d] = MAGIC;
    let [number, version] = kind.numbers();
    let [high, low] = size.to_be_bytes();
    [a, b, c, d, number, version, high, low]
}

fn checksum(start: &[u8], body: &[u8]) -> u32 {
    let mut crc = Crc32c::new();
    crc.update(start);
    crc.update(body);
    crc.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_comes_back_and_a_damaged_envelope_says_nothing() {
        let body = (7u64, -3i32, [1u8; 20]);
        let mut room = [0xee; 64];
        let sealed = seal(Kind::RecoveryMark, &body, &mut room).unwrap().len();
        assert_eq!(open(Kind::RecoveryMark, &room), Some(body));
        for at in 0..sealed {
            for bit in 0..8 {
                let mut damaged = room;
                damaged[at] ^= 1 << bit;
                assert_eq!(open::<(u64, i32, [u8; 20])>(Kind::RecoveryMark, &damaged), None, "bit {bit} of byte {at}");
            }
            assert_eq!(open::<(u64, i32, [u8; 20])>(Kind::RecoveryMark, &room[..at]), None);
        }
        for size in 0..sealed {
            assert_eq!(seal(Kind::RecoveryMark, &body, &mut [0; 64][..size]), None);
        }
    }
}
