//! Turning an answer that must not leave into its refusal.
//!
//! An answer that waits for the disk is encoded when it is decided. If the disk then fails, every place in it that says "no error" must
//! say otherwise. All that changes has a fixed size, so it is overwritten where it stands, found by walking the message's schema.

use millpond_core::wire::reader::{DecodeError, Reader};
use millpond_core::wire::schema::{Kind, Schema};
use millpond_core::wire::value::Form;

use super::error_code::ErrorCode;

/// Overwrites every error code of a message that says "no error", and the offsets that were given beside it, but for those that `keep`,
/// asked for each in order, lets stand.
///
/// # Errors
/// When the bytes are not the message; it may then be half overwritten and must not be sent.
pub fn refuse(schema: &Schema, form: Form, body: &mut [u8], error: ErrorCode, keep: Keep<'_>) -> Result<(), DecodeError> {
    let mut at = 0;
    walk_fields(schema, form, body, &mut at, (error, keep))
}

/// Says of the next place without an error whether it is true all the same.
pub type Keep<'k> = &'k mut dyn FnMut() -> bool;

fn walk_fields(
    schema: &Schema,
    form: Form,
    body: &mut [u8],
    at: &mut usize,
    (error, keep): (ErrorCode, Keep<'_>),
) -> Result<(), DecodeError> {
    let mut is_kept = false;
    for field in schema.fields {
        if field.tag.is_some() || !field.versions.contains(form.version) {
            continue;
        }
        match field.name {
            "error_code" if body.get(*at..).is_some_and(|rest| rest.starts_with(&[0, 0])) => {
                is_kept = keep();
                if !is_kept {
                    overwrite(body, *at, &error.number().to_be_bytes())?;
                }
            }
            "base_offset" if !is_kept => overwrite(body, *at, &(-1i64).to_be_bytes())?,
            _ => {}
        }
        let nullable = field.nullable.is_some_and(|versions| versions.contains(form.version));
        walk(&field.kind, form.nullable(nullable), body, at, (error, &mut *keep))?;
    }
    if form.flexible {
        // What is tagged is never an error of ours.
        for _ in 0..uvarint(body, at)? {
            uvarint(body, at)?;
            let size = uvarint(body, at)?;
            skip(body, at, size)?;
        }
    }
    Ok(())
}

fn walk(kind: &Kind, form: Form, body: &mut [u8], at: &mut usize, (error, keep): (ErrorCode, Keep<'_>)) -> Result<(), DecodeError> {
    match kind {
        Kind::Bool | Kind::Int8 => skip(body, at, 1),
        Kind::Int16 | Kind::Uint16 => skip(body, at, 2),
        Kind::Int32 => skip(body, at, 4),
        Kind::Int64 | Kind::Float64 => skip(body, at, 8),
        Kind::Uuid => skip(body, at, 16),
        Kind::String => {
            let size = length(body, at, form, 2)?;
            skip(body, at, size)
        }
        Kind::Bytes | Kind::Records => {
            let size = length(body, at, form, 4)?;
            skip(body, at, size)
        }
        Kind::Array(element) => {
            let count = length(body, at, form, 4)?;
            (0..count).try_for_each(|_| walk(element, form.nullable(false), body, at, (error, &mut *keep)))
        }
        Kind::Struct(schema) => {
            if form.nullable {
                let absent = body.get(*at) == Some(&0xff);
                skip(body, at, 1)?;
                if absent {
                    return Ok(());
                }
            }
            walk_fields(schema, form.nullable(false), body, at, (error, keep))
        }
    }
}

/// A length as the wire has it; null counts as nothing.
fn length(body: &[u8], at: &mut usize, form: Form, width: usize) -> Result<usize, DecodeError> {
    if form.flexible {
        return Ok(uvarint(body, at)?.saturating_sub(1));
    }
    let mut reader = Reader::new(body.get(*at..).ok_or(DecodeError::Truncated)?);
    let size = if width == 2 { i32::from(i16::from_be_bytes(reader.array()?)) } else { i32::from_be_bytes(reader.array()?) };
    *at += width;
    Ok(usize::try_from(size).unwrap_or(0))
}

fn uvarint(body: &[u8], at: &mut usize) -> Result<usize, DecodeError> {
    let rest = body.get(*at..).ok_or(DecodeError::Truncated)?;
    let mut reader = Reader::new(rest);
    let number = reader.uvarint()?;
    *at += rest.len() - reader.rest().len();
    usize::try_from(number).map_err(|_| DecodeError::Length)
}

fn skip(body: &[u8], at: &mut usize, size: usize) -> Result<(), DecodeError> {
    *at += size;
    if *at > body.len() { Err(DecodeError::Truncated) } else { Ok(()) }
}

fn overwrite(body: &mut [u8], at: usize, bytes: &[u8]) -> Result<(), DecodeError> {
    body.get_mut(at..at + bytes.len()).ok_or(DecodeError::Truncated)?.copy_from_slice(bytes);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::messages::produce::{PartitionProduceResponse, ProduceResponse, TopicProduceResponse};
    use alloc::vec::Vec;
    use millpond_core::wire::schema::Message;
    use millpond_core::wire::value::Array;
    use millpond_core::wire::writer::Writer;

    #[test]
    fn a_granted_produce_becomes_a_refused_one_and_what_is_refused_or_committed_stays_what_it_was() {
        for version in ProduceResponse::VERSIONS.first..=ProduceResponse::VERSIONS.last {
            let granted = PartitionProduceResponse { index: 3, base_offset: 77, log_start_offset: 5, ..Default::default() };
            let refused =
                PartitionProduceResponse { index: 4, error_code: 2, base_offset: -1, error_message: Some("x"), ..Default::default() };
            let committed = PartitionProduceResponse { index: 5, base_offset: 78, log_start_offset: 5, ..Default::default() };
            let partitions = [granted, refused, committed];
            let topics = [TopicProduceResponse { name: "t", partition_responses: Array::from(&partitions), ..Default::default() }];
            let response = ProduceResponse { responses: Array::from(&topics), throttle_time_ms: 9, ..Default::default() };
            let mut writer = Writer::growing();
            response.encode(&mut writer, version);
            let mut body = writer.bytes().to_vec();
            let mut kept = [false, true].into_iter();
            let keep = &mut || kept.next().expect("asked of two");
            let error = ErrorCode::KAFKA_STORAGE_ERROR;
            refuse(ProduceResponse::SCHEMA, ProduceResponse::form(version), &mut body, error, keep).expect("walks");
            let after = ProduceResponse::decode(&body, version).expect("still a response");
            let codes: Vec<(i16, i64)> = after
                .responses
                .iter()
                .flat_map(|topic| topic.partition_responses.iter())
                .map(|partition| (partition.error_code, partition.base_offset))
                .collect();
            assert_eq!(codes, [(56, -1), (2, -1), (0, 78)]);
            assert_eq!(after.throttle_time_ms, 9);
        }
    }
}
