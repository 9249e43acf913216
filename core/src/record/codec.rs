//! Compression: named here, done by whoever runs the core.

use core::fmt;

use crate::bounded::list::List;

/// How the records of a batch are compressed. Source: message format, attributes bits 0 to 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// GZIP, RFC 1952.
    Gzip,
    /// Snappy in the framing of the Java library (`\x82SNAPPY\0`), raw blocks are read too.
    Snappy,
    /// LZ4 frames with independent blocks of 64 KiB.
    Lz4,
    /// Zstandard. Source: KIP-110.
    Zstd,
}

impl Compression {
    /// The compression that the low three attribute bits name; `None` for a number without meaning.
    #[must_use]
    pub const fn from_id(id: i16) -> Option<Self> {
        Some(match id {
            0 => Self::None,
            1 => Self::Gzip,
            2 => Self::Snappy,
            3 => Self::Lz4,
            4 => Self::Zstd,
            _ => return None,
        })
    }

    /// The number in the attributes.
    #[must_use]
    pub const fn id(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Gzip => 1,
            Self::Snappy => 2,
            Self::Lz4 => 3,
            Self::Zstd => 4,
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        })
    }
}

/// Why bytes could not be compressed or decompressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodecError {
    /// This runtime does not know the compression.
    Unsupported(Compression),
    /// The bytes are not what this compression writes.
    Corrupt(Compression),
    /// The result outgrows the capacity of the output. Unit: bytes.
    OutputFull {
        /// The most bytes that the output takes.
        limit: usize,
    },
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported(compression) => write!(f, "{compression} is not supported here"),
            Self::Corrupt(compression) => write!(f, "the bytes are not valid {compression}"),
            Self::OutputFull { limit } => write!(f, "the result is larger than {limit} bytes"),
        }
    }
}

impl core::error::Error for CodecError {}

/// Compression lent by a runtime.
///
/// Bounds: output goes behind what the list already holds and never past its capacity, so that a small input cannot blow up.
pub trait Codec {
    /// Appends what `input` stands for to `output`.
    ///
    /// # Errors
    /// What [`CodecError`] names; `output` may then hold a part of the result.
    fn decompress(&mut self, compression: Compression, input: &[u8], output: &mut List<'_, u8>) -> Result<(), CodecError>;

    /// Appends the compressed form of `input` to `output`.
    ///
    /// # Errors
    /// What [`CodecError`] names; `output` may then hold a part of the result.
    fn compress(&mut self, compression: Compression, input: &[u8], output: &mut List<'_, u8>) -> Result<(), CodecError>;
}
