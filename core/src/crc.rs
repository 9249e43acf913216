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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_the_castagnoli_polynomial() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c_parts(&[b"1234", b"", b"56789"]), 0xe306_9283);
    }
}
