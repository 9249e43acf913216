//! CRC-32C (Castagnoli), the checksum of record batches and of our own envelopes.

/// The CRC-32C of `bytes`.
#[must_use]
pub fn crc32c(bytes: &[u8]) -> u32 {
    crc32c_parts(&[bytes])
}

/// The CRC-32C of several pieces that lie apart but count as one run of bytes.
#[cfg(not(target_os = "none"))]
#[must_use]
pub fn crc32c_parts(parts: &[&[u8]]) -> u32 {
    use crc_fast::{CrcAlgorithm, Digest, checksum};
    let sum = if let [whole] = parts {
        checksum(CrcAlgorithm::Crc32Iscsi, whole)
    } else {
        let mut digest = Digest::new(CrcAlgorithm::Crc32Iscsi);
        parts.iter().for_each(|part| digest.update(part));
        digest.finalize()
    };
    // The library answers every width in 64 bits; a 32-bit sum always fits.
    u32::try_from(sum).unwrap_or(0)
}

/// The CRC-32C of several pieces that lie apart but count as one run of bytes.
#[cfg(target_os = "none")]
#[must_use]
pub fn crc32c_parts(parts: &[&[u8]]) -> u32 {
    const CASTAGNOLI: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI);
    let mut digest = CASTAGNOLI.digest();
    parts.iter().for_each(|part| digest.update(part));
    digest.finalize()
}

/// A checksum in the making, for bytes that are read piece by piece.
#[cfg(not(target_os = "none"))]
pub struct Crc32c(crc_fast::Digest);

/// A checksum in the making, for bytes that are read piece by piece.
#[cfg(target_os = "none")]
pub struct Crc32c(crc::Digest<'static, u32>);

#[cfg(not(target_os = "none"))]
impl Crc32c {
    /// Of no bytes yet.
    #[must_use]
    pub fn new() -> Self {
        Self(crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32Iscsi))
    }

    /// Takes the next bytes in.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The checksum of all bytes taken in.
    #[must_use]
    pub fn finish(self) -> u32 {
        u32::try_from(self.0.finalize()).unwrap_or(0)
    }
}

#[cfg(target_os = "none")]
impl Crc32c {
    /// Of no bytes yet.
    #[must_use]
    pub fn new() -> Self {
        static CASTAGNOLI: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI);
        Self(CASTAGNOLI.digest())
    }

    /// Takes the next bytes in.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The checksum of all bytes taken in.
    #[must_use]
    pub fn finish(self) -> u32 {
        self.0.finalize()
    }
}

impl Default for Crc32c {
    fn default() -> Self {
        Self::new()
    }
}

impl core::fmt::Debug for Crc32c {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Crc32c")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_the_castagnoli_polynomial() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c_parts(&[b"1234", b"", b"56789"]), 0xe306_9283);
        let mut piecewise = Crc32c::new();
        piecewise.update(b"12345");
        piecewise.update(b"6789");
        assert_eq!(piecewise.finish(), 0xe306_9283);
    }
}
