//! The records of an uncompressed body.

use core::fmt;

use crate::wire::reader::{DecodeError, Reader};
use crate::wire::varint;

/// Why bytes are not the records they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordError {
    /// The bytes end inside a record, or a length points past its end.
    Truncated,
    /// A length or a count is negative where none may be.
    Negative,
    /// A variable-length integer is longer than its type allows.
    Varint,
    /// Bytes are left over inside a record or behind the last one.
    Trailing,
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "the bytes end inside a record",
            Self::Negative => "a length or a count is negative",
            Self::Varint => "a variable-length integer is too long",
            Self::Trailing => "bytes are left over",
        })
    }
}

impl core::error::Error for RecordError {}

impl From<DecodeError> for RecordError {
    fn from(_: DecodeError) -> Self {
        // The only thing asked of the reader below is to take bytes.
        Self::Truncated
    }
}

/// One record; borrowed from the body.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Unused bits; 0.
    pub attributes: i8,
    /// How much later than the batch's base timestamp. Unit: ms.
    pub timestamp_delta: i64,
    /// How far behind the batch's base offset.
    pub offset_delta: i32,
    /// The key; `None` is null.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is null, a tombstone on compacted topics.
    pub value: Option<&'a [u8]>,
    /// The headers.
    pub headers: Headers<'a>,
}

/// One header of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordHeader<'a> {
    /// The name; UTF-8 by convention.
    pub key: &'a [u8],
    /// The value; `None` is null.
    pub value: Option<&'a [u8]>,
}

/// The headers of a record, walked once already when the record was read.
#[derive(Clone, Copy, Debug)]
pub struct Headers<'a> {
    rest: Reader<'a>,
    count: u32,
}

impl<'a> Iterator for Headers<'a> {
    type Item = RecordHeader<'a>;
    fn next(&mut self) -> Option<RecordHeader<'a>> {
        self.count = self.count.checked_sub(1)?;
        read_header(&mut self.rest).ok()
    }
    fn size_hint(&self) -> (usize, Option<usize>) {
        let count = usize::try_from(self.count).unwrap_or(usize::MAX);
        (count, Some(count))
    }
}

/// Iterates over the records of an uncompressed body. Ends after the first error.
///
/// Yields exactly as many records as the header counts, and an error when the bytes hold fewer or more.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    rest: Reader<'a>,
    left: i32,
    ended: bool,
}

impl<'a> Records<'a> {
    /// Over `body`, which should hold `count` records and nothing else.
    #[must_use]
    pub const fn new(body: &'a [u8], count: i32) -> Self {
        Self { rest: Reader::new(body), left: count, ended: false }
    }

    /// The bytes behind the last record that was answered.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest.rest()
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, RecordError>;
    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        if self.left <= 0 {
            self.ended = true;
            return (!self.rest.rest().is_empty()).then_some(Err(RecordError::Trailing));
        }
        self.left -= 1;
        let record = read_record(&mut self.rest);
        self.ended = record.is_err();
        Some(record)
    }
}

fn varint_i32(reader: &mut Reader<'_>) -> Result<i32, RecordError> {
    // Nearly all numbers of a record fit one byte.
    if let Some(first) = reader.rest().first()
        && *first < 0x80
    {
        reader.take(1)?;
        let number = i32::from(*first);
        return Ok((number >> 1) ^ -(number & 1));
    }
    let rest = reader.rest();
    let (number, size) = varint::decode_i32(rest)
        .ok_or_else(|| if cut(rest, varint::SIZE_MAX_32) { RecordError::Truncated } else { RecordError::Varint })?;
    reader.take(size)?;
    Ok(number)
}

fn varint_i64(reader: &mut Reader<'_>) -> Result<i64, RecordError> {
    let rest = reader.rest();
    let (number, size) = varint::decode_i64(rest)
        .ok_or_else(|| if cut(rest, varint::SIZE_MAX_64) { RecordError::Truncated } else { RecordError::Varint })?;
    reader.take(size)?;
    Ok(number)
}

fn cut(rest: &[u8], size_max: usize) -> bool {
    rest.len() < size_max && rest.iter().all(|byte| *byte >= 0x80)
}

fn sized<'a>(reader: &mut Reader<'a>) -> Result<Option<&'a [u8]>, RecordError> {
    match varint_i32(reader)? {
        -1 => Ok(None),
        size => Ok(Some(reader.take(usize::try_from(size).map_err(|_| RecordError::Negative)?)?)),
    }
}

fn read_header<'a>(reader: &mut Reader<'a>) -> Result<RecordHeader<'a>, RecordError> {
    Ok(RecordHeader { key: sized(reader)?.ok_or(RecordError::Negative)?, value: sized(reader)? })
}

fn read_record<'a>(reader: &mut Reader<'a>) -> Result<Record<'a>, RecordError> {
    let size = usize::try_from(varint_i32(reader)?).map_err(|_| RecordError::Negative)?;
    let mut inside = Reader::new(reader.take(size)?);
    let [attributes] = inside.array::<1>()?;
    let timestamp_delta = varint_i64(&mut inside)?;
    let offset_delta = varint_i32(&mut inside)?;
    let key = sized(&mut inside)?;
    let value = sized(&mut inside)?;
    let count = u32::try_from(varint_i32(&mut inside)?).map_err(|_| RecordError::Negative)?;
    let headers = Headers { rest: inside, count };
    for _ in 0..count {
        read_header(&mut inside)?;
    }
    if !inside.rest().is_empty() {
        return Err(RecordError::Trailing);
    }
    Ok(Record { attributes: attributes.cast_signed(), timestamp_delta, offset_delta, key, value, headers })
}

#[cfg(test)]
#[cfg(feature = "alloc")]
mod tests {
    use super::*;

    #[test]
    fn hostile_records_end_with_an_error_and_never_panic() {
        let mut seed = 11u64;
        for _ in 0..20_000 {
            let bytes: alloc::vec::Vec<u8> = (0..40)
                .map(|_| {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    u8::try_from((seed >> 40) & if seed & 1 == 0 { 0x0f } else { 0xff }).unwrap()
                })
                .collect();
            let mut errors = 0;
            for record in Records::new(&bytes, 10) {
                match record {
                    Ok(record) => assert!(record.headers.count() <= 40),
                    Err(_) => errors += 1,
                }
            }
            assert!(errors <= 1);
        }
    }

    #[test]
    fn a_header_count_beyond_the_bytes_is_refused_at_once() {
        // length 8: attributes, delta, delta, key null, value null, then i32::MAX headers.
        let bytes = [20, 0, 0, 0, 1, 1, 0xfe, 0xff, 0xff, 0xff, 0x0f];
        assert_eq!(Records::new(&bytes, 1).next().unwrap().err(), Some(RecordError::Truncated));
    }
}
