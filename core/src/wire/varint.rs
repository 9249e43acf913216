//! Variable-length integers: seven bits a byte, least significant first; signed ones zigzag. Source: Protocol Guide, "Protocol Primitive Types".

/// The most bytes a 32-bit number takes.
pub const SIZE_MAX_32: usize = 5;
/// The most bytes a 64-bit number takes.
pub const SIZE_MAX_64: usize = 10;

/// Decodes an unsigned number of at most 32 bits. Answers the number and its size in bytes; `None` when it is cut or too long.
#[must_use]
pub fn decode_u32(bytes: &[u8]) -> Option<(u32, usize)> {
    let (number, size) = decode(bytes, SIZE_MAX_32)?;
    Some((u32::try_from(number).ok()?, size))
}

/// Decodes an unsigned number of at most 64 bits. Answers the number and its size in bytes; `None` when it is cut or too long.
#[must_use]
pub fn decode_u64(bytes: &[u8]) -> Option<(u64, usize)> {
    decode(bytes, SIZE_MAX_64)
}

/// Decodes a zigzag number of at most 32 bits.
#[must_use]
pub fn decode_i32(bytes: &[u8]) -> Option<(i32, usize)> {
    let (number, size) = decode_u32(bytes)?;
    Some(((number >> 1).cast_signed() ^ -(number & 1).cast_signed(), size))
}

/// Decodes a zigzag number of at most 64 bits.
#[must_use]
pub fn decode_i64(bytes: &[u8]) -> Option<(i64, usize)> {
    let (number, size) = decode_u64(bytes)?;
    Some(((number >> 1).cast_signed() ^ -(number & 1).cast_signed(), size))
}

fn decode(bytes: &[u8], size_max: usize) -> Option<(u64, usize)> {
    let first = *bytes.first()?;
    if first < 0x80 {
        return Some((u64::from(first), 1));
    }
    let mut number = 0u64;
    for (at, byte) in bytes.iter().take(size_max).enumerate() {
        let low = u64::from(byte & 0x7f);
        // The tenth byte has room for one bit only.
        if at == SIZE_MAX_64 - 1 && low > 1 {
            return None;
        }
        number |= low << (7 * at);
        if *byte < 0x80 {
            return Some((number, at + 1));
        }
    }
    None
}

/// A number written out: up to ten bytes on the stack.
#[derive(Clone, Copy, Debug)]
pub struct Encoded {
    bytes: [u8; SIZE_MAX_64],
    size: usize,
}

impl Encoded {
    /// The bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.size).unwrap_or_default()
    }
}

/// Encodes an unsigned number.
#[must_use]
pub fn encode_u64(mut number: u64) -> Encoded {
    let mut encoded = Encoded { bytes: [0; SIZE_MAX_64], size: 0 };
    for place in &mut encoded.bytes {
        encoded.size += 1;
        let low = u8::try_from(number & 0x7f).unwrap_or(0);
        number >>= 7;
        if number == 0 {
            *place = low;
            break;
        }
        *place = low | 0x80;
    }
    encoded
}

/// Encodes an unsigned number of 32 bits.
#[must_use]
pub fn encode_u32(number: u32) -> Encoded {
    encode_u64(u64::from(number))
}

/// Encodes a zigzag number of 32 bits.
#[must_use]
pub fn encode_i32(number: i32) -> Encoded {
    encode_u32(((number << 1) ^ (number >> 31)).cast_unsigned())
}

/// Encodes a zigzag number of 64 bits.
#[must_use]
pub fn encode_i64(number: i64) -> Encoded {
    encode_u64(((number << 1) ^ (number >> 63)).cast_unsigned())
}

/// How many bytes a zigzag number takes.
#[must_use]
pub fn size_i64(number: i64) -> usize {
    encode_i64(number).size
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        for number in [0, 1, -1, 63, -64, 64, 300, -300, i64::from(i32::MAX), i64::from(i32::MIN), i64::MAX, i64::MIN] {
            let encoded = encode_i64(number);
            assert_eq!(decode_i64(encoded.as_slice()), Some((number, encoded.as_slice().len())));
            if let Ok(narrow) = i32::try_from(number) {
                let encoded = encode_i32(narrow);
                assert_eq!(decode_i32(encoded.as_slice()), Some((narrow, encoded.as_slice().len())));
            }
        }
    }

    #[test]
    fn a_number_too_long_or_cut_is_refused() {
        assert_eq!(decode_u32(&[0x80]), None);
        assert_eq!(decode_u32(&[0xff, 0xff, 0xff, 0xff, 0x1f]), None);
        assert_eq!(decode_u32(&[0x80, 0x80, 0x80, 0x80, 0x80, 0]), None);
        assert_eq!(decode_u64(&[0xff; 10]), None);
        assert_eq!(decode_u64(&[]), None);
    }
}
