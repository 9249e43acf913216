//! Size-prefixed frames: an int32 with the size, then as many bytes.
//!
//! Source: Protocol Guide, "Protocol", size-delimited requests and responses.

use millpond_core::wire::writer::Writer;

/// How many bytes stand before a frame's content.
pub const PREFIX_SIZE: usize = 4;

/// What the bytes at the front of a buffer are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoded<'a> {
    /// A frame that is not all there yet.
    NeedMore {
        /// How many bytes the buffer must hold before it is worth looking again; prefix included. Never more than the limit allows.
        size: usize,
    },
    /// A frame larger than the limit. The connection cannot go on: what follows cannot be found without reading through it.
    TooLarge {
        /// The size the peer announced, prefix not included.
        size: usize,
    },
    /// A whole frame.
    Frame {
        /// The content.
        content: &'a [u8],
        /// How many bytes of the buffer it took up; prefix included.
        size: usize,
    },
    /// A size that no frame has. The connection cannot go on.
    Malformed {
        /// The size the peer announced.
        size: i32,
    },
}

/// Looks for a frame at the front of `bytes`. Keeps nothing and allocates nothing, whatever size a peer announces.
///
/// `size_max` is the most bytes of content that are taken (`socket.request.max.bytes`).
#[must_use]
pub fn decode(bytes: &[u8], size_max: usize) -> Decoded<'_> {
    let Some((prefix, rest)) = bytes.split_first_chunk::<PREFIX_SIZE>() else {
        return Decoded::NeedMore { size: PREFIX_SIZE };
    };
    let announced = i32::from_be_bytes(*prefix);
    let Ok(size) = usize::try_from(announced) else {
        return Decoded::Malformed { size: announced };
    };
    if size > size_max {
        return Decoded::TooLarge { size };
    }
    let whole = PREFIX_SIZE.saturating_add(size);
    match rest.get(..size) {
        Some(content) => Decoded::Frame { content, size: whole },
        None => Decoded::NeedMore { size: whole },
    }
}

/// Writes what `content` writes as one frame. Bytes from elsewhere, left out as splices, count in its size.
pub fn encode(writer: &mut Writer<'_>, content: impl FnOnce(&mut Writer<'_>)) {
    let at = writer.bytes().len();
    writer.put(&[0; PREFIX_SIZE]);
    let start = writer.size();
    content(writer);
    // A message of 2 GiB cannot be framed; the writer's limit lies far below.
    let size = i32::try_from(writer.size() - start).unwrap_or(i32::MAX);
    if !writer.overflowed() {
        writer.patch(at, &size.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_its_name() {
        assert_eq!(decode(&[], 9), Decoded::NeedMore { size: 4 });
        assert_eq!(decode(&[0, 0, 0], 9), Decoded::NeedMore { size: 4 });
        assert_eq!(decode(&[0, 0, 0, 2, 7], 9), Decoded::NeedMore { size: 6 });
        assert_eq!(decode(&[0, 0, 0, 10], 9), Decoded::TooLarge { size: 10 });
        assert_eq!(decode(&[0xff, 0xff, 0xff, 0xfe, 1], 9), Decoded::Malformed { size: -2 });
        let frame = Decoded::Frame { content: &[7, 8], size: 6 };
        assert_eq!(decode(&[0, 0, 0, 2, 7, 8, 9], 9), frame);
        assert_eq!(decode(&[0, 0, 0, 0], 9), Decoded::Frame { content: &[], size: 4 });
    }

    #[test]
    fn a_frame_counts_the_bytes_from_elsewhere() {
        let mut writer = Writer::growing();
        writer.put(b"before");
        encode(&mut writer, |writer| {
            writer.put(b"abc");
            writer.splice(5);
        });
        assert_eq!(writer.bytes(), b"before\0\0\0\x08abc");
        encode(&mut writer, |_| {});
        assert_eq!(writer.bytes(), b"before\0\0\0\x08abc\0\0\0\0");
    }
}
