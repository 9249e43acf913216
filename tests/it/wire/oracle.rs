//! Our codec against the crate `kafka-protocol`, which is generated from Kafka's definitions by other people.

use bytes::{Bytes, BytesMut};
use kafka_protocol::error::ResponseError;
use kafka_protocol::protocol::{Decodable, Encodable, Message};
use millpond::protocol::error_code::ErrorCode;
use millpond_tests::any_message::AnyMessage;
use millpond_tests::catalogue::{Entry, everything};
use millpond_tests::every_api;
use millpond_tests::random::Random;

const SEED: u64 = 0x6d69_6c6c;
const CASES_PER_VERSION: usize = 60;

/// The other implementation of one message.
struct Theirs {
    name: &'static str,
    versions: (i16, i16),
    recode: fn(&[u8], i16) -> Result<Vec<u8>, String>,
}

fn recode<M: Decodable + Encodable>(bytes: &[u8], version: i16) -> Result<Vec<u8>, String> {
    let mut rest = Bytes::copy_from_slice(bytes);
    let message = M::decode(&mut rest, version).map_err(|error| error.to_string())?;
    if !rest.is_empty() {
        return Err(format!("{} bytes are left over", rest.len()));
    }
    let mut out = BytesMut::new();
    message.encode(&mut out, version).map_err(|error| error.to_string())?;
    Ok(out.to_vec())
}

macro_rules! theirs {
    ($($message:ident)*) => {
        [$(Theirs {
            name: stringify!($message),
            versions: (
                kafka_protocol::messages::$message::VERSIONS.min,
                kafka_protocol::messages::$message::VERSIONS.max,
            ),
            recode: recode::<kafka_protocol::messages::$message>,
        }),*]
    };
}

macro_rules! apis {
    ($($module:ident $request:ident $response:ident;)*) => {
        Vec::from(theirs!($($request $response)*))
    };
}

fn theirs() -> Vec<Theirs> {
    let mut all = every_api!(apis);
    all.extend(theirs!(RequestHeader ResponseHeader ConsumerProtocolSubscription ConsumerProtocolAssignment LeaderChangeMessage
        SnapshotHeaderRecord SnapshotFooterRecord KRaftVersionRecord VotersRecord));
    all
}

const SHADOWED: &str = "its decoder mistakes the message's own field `version` for the version in which to read what follows";

/// Messages that `kafka-protocol` 0.18 reads or writes otherwise than Kafka 4.3, and how.
const DIFFERENCES: &[(&str, &str)] = &[("LeaderChangeMessage", SHADOWED), ("VotersRecord", SHADOWED)];

/// Versions that `kafka-protocol` 0.18 does not know: it was made from the definitions of Kafka 4.1.
const TOO_NEW: &[(&str, i16)] = &[
    ("ListOffsetsRequest", 11),
    ("ListOffsetsResponse", 11),
    ("OffsetCommitRequest", 10),
    ("OffsetFetchRequest", 10),
    ("InitProducerIdRequest", 6),
    ("WriteTxnMarkersRequest", 2),
    ("WriteTxnMarkersResponse", 2),
    ("DescribeLogDirsRequest", 5),
    ("DescribeLogDirsResponse", 5),
    ("ShareFetchRequest", 2),
    ("ShareFetchResponse", 2),
    ("ShareAcknowledgeRequest", 2),
    ("ShareAcknowledgeResponse", 2),
    ("DescribeShareGroupOffsetsRequest", 1),
    ("DescribeShareGroupOffsetsResponse", 1),
];

/// Errors that Kafka 4.3 calls retriable and `kafka-protocol` 0.18 does not.
const RETRIABLE_SINCE: &[ErrorCode] = &[ErrorCode::CONCURRENT_TRANSACTIONS];

fn case(entry: &Entry, version: i16, case: usize) -> Vec<u8> {
    let seed = case as u64 ^ (SEED << 8) ^ (u64::from(version.unsigned_abs()) << 40) ^ (u64::from(entry.key.unsigned_abs()) << 48);
    AnyMessage::new(&mut Random::new(seed)).message(entry, version)
}

#[test]
fn any_message_comes_back_as_the_same_bytes() {
    for entry in everything() {
        for version in entry.versions.first..=entry.versions.last {
            for number in 0..CASES_PER_VERSION {
                let bytes = case(&entry, version, number);
                let ours = (entry.recode)(&bytes, version);
                assert_eq!(ours.as_ref(), Ok(&bytes), "{} v{version}, case {number}", entry.name);
            }
        }
    }
}

#[test]
fn tagged_fields_nobody_defines_are_skipped() {
    for entry in everything() {
        for version in entry.versions.first..=entry.versions.last {
            for number in 0..8 {
                let plain = AnyMessage::new(&mut Random::new(number)).message(&entry, version);
                let more = AnyMessage::new(&mut Random::new(number)).with_unknown_tags(number).message(&entry, version);
                assert_eq!((entry.recode)(&more, version), Ok(plain), "{} v{version}, case {number}", entry.name);
            }
        }
    }
}

#[test]
fn kafka_protocol_reads_and_writes_the_same_bytes() {
    let entries = everything();
    let (mut cases, mut too_new, mut failed) = (0, Vec::new(), Vec::new());
    for theirs in theirs() {
        let entry = entries.iter().find(|entry| entry.name == theirs.name).expect("a message of ours");
        for version in entry.versions.first..=entry.versions.last {
            if version < theirs.versions.0 || version > theirs.versions.1 {
                too_new.push((theirs.name, version));
                continue;
            }
            let mut same = true;
            for number in 0..CASES_PER_VERSION {
                let bytes = case(entry, version, number);
                let other = (theirs.recode)(&bytes, version);
                if other.as_ref() != Ok(&bytes) && same {
                    same = false;
                    let error = other.err().unwrap_or_else(|| "other bytes".to_owned());
                    failed.push(format!("{} v{version}, case {number}: {error}", theirs.name));
                }
                cases += 1;
            }
            match DIFFERENCES.iter().find(|(name, _)| *name == theirs.name) {
                Some((name, how)) if same => failed.push(format!("{name} v{version} is no longer different: {how}")),
                Some(_) => drop(failed.pop()),
                None => {}
            }
        }
    }
    assert_eq!(failed, Vec::<String>::new());
    assert_eq!(too_new, TOO_NEW);
    assert!(cases > 10_000, "{cases}");
}

#[test]
fn kafka_protocol_knows_the_same_errors() {
    let mut retriable_since = Vec::new();
    for row in ErrorCode::TABLE {
        let number = row.code.number();
        let Some(theirs) = ResponseError::try_from_code(number) else {
            assert_eq!(row.code, ErrorCode::NONE);
            continue;
        };
        let name: String = row.name.split('_').map(|word| word[..1].to_owned() + &word[1..].to_ascii_lowercase()).collect();
        assert_eq!(theirs.to_string(), name, "{number}");
        if theirs.is_retriable() != row.retriable {
            assert!(row.retriable, "{name}");
            retriable_since.push(row.code);
        }
    }
    assert_eq!(retriable_since, RETRIABLE_SINCE);
}
