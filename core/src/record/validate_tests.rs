//! Tests of `validate`.

use alloc::vec::Vec;

use super::*;
use crate::ids::{ProducerEpoch, Sequence};
use crate::record::batch::ProducerStamp;
use crate::record::builder::tests::sample;
use crate::record::builder::{BatchOptions, Builder, NewRecord};

const WALL: Timestamp = Timestamp(1_000_000);

/// "Compresses" by turning every bit: enough to see who was asked for what.
struct Turn;

impl Codec for Turn {
    fn decompress(&mut self, _: Compression, input: &[u8], output: &mut List<'_, u8>) -> Result<(), CodecError> {
        for byte in input {
            let limit = output.capacity();
            output.push(!byte).map_err(|_| CodecError::OutputFull { limit })?;
        }
        Ok(())
    }
    fn compress(&mut self, compression: Compression, input: &[u8], output: &mut List<'_, u8>) -> Result<(), CodecError> {
        self.decompress(compression, input, output)
    }
}

fn reseal(bytes: &mut [u8], change: impl FnOnce(&mut Header)) {
    let mut header = Header::peek(bytes).unwrap();
    change(&mut header);
    header.seal(&bytes[61..]);
    bytes[..61].copy_from_slice(header.as_bytes());
}

fn refused(bytes: &[u8], rules: &Rules) -> InvalidBatch {
    check(bytes, rules, WALL, None).unwrap_err()
}

fn keyless() -> Vec<u8> {
    let mut list = List::grown(4096);
    let mut builder = Builder::new(&mut list, BatchOptions::default()).unwrap();
    for key in [Some(b"a".as_slice()), None, None] {
        builder.append(NewRecord { key, ..NewRecord::default() }).unwrap();
    }
    builder.finish().unwrap();
    list.into_vec().unwrap()
}

#[test]
fn a_sound_batch_is_lent_back_untouched() {
    let bytes = sample(5);
    let checked = check(&bytes, &Rules::default(), WALL, None).unwrap();
    assert_eq!(checked.header().as_bytes(), &bytes[..61]);
    assert_eq!(checked.body().as_ptr(), bytes[61..].as_ptr());
}

#[test]
fn what_is_not_one_sound_batch_is_refused() {
    let rules = Rules::default();
    let bytes = sample(2);
    assert_eq!(refused(&[], &rules), InvalidBatch::Empty);
    assert!(matches!(refused(&bytes[..80], &rules), InvalidBatch::NotABatch(_)));
    let twice = [bytes.clone(), bytes.clone()].concat();
    assert!(matches!(refused(&twice, &rules), InvalidBatch::MoreThanOne { .. }));
    let small = Rules { max_message_bytes: 70, ..rules };
    assert!(matches!(refused(&bytes, &small), InvalidBatch::TooLarge { max: 70, .. }));
    let mut broken = bytes.clone();
    *broken.last_mut().unwrap() ^= 1;
    assert!(matches!(refused(&broken, &rules), InvalidBatch::Crc { .. }));
    let mut moved = bytes.clone();
    reseal(&mut moved, |header| header.stamp(crate::ids::Offset(7), crate::ids::LeaderEpoch(0)));
    assert_eq!(refused(&moved, &rules), InvalidBatch::BaseOffset(7));
    for (count, last_offset_delta) in [(2, 2), (0, -1), (-1, 1), (3, 1), (i32::MIN, i32::MAX)] {
        let mut counted = bytes.clone();
        reseal(&mut counted, |header| {
            header.set(layout::RECORD_COUNT, i32::to_be_bytes(count));
            header.set(layout::LAST_OFFSET_DELTA, i32::to_be_bytes(last_offset_delta));
        });
        assert_eq!(refused(&counted, &rules), InvalidBatch::Count { count, last_offset_delta });
    }
    let mut more = bytes.clone();
    reseal(&mut more, |header| {
        header.set(layout::RECORD_COUNT, 3i32.to_be_bytes());
        header.set(layout::LAST_OFFSET_DELTA, 2i32.to_be_bytes());
    });
    assert!(matches!(refused(&more, &rules), InvalidBatch::Structure { index: 2, .. }));
}

#[test]
fn control_batches_and_half_filled_producers_are_refused() {
    let rules = Rules::default();
    for (bit, expected) in [(layout::CONTROL, InvalidBatch::Control), (layout::TRANSACTIONAL, InvalidBatch::NoProducer)] {
        let mut bytes = sample(1);
        reseal(&mut bytes, |header| header.set(layout::ATTRIBUTES, bit.to_be_bytes()));
        assert_eq!(refused(&bytes, &rules), expected);
    }
    let mut list = List::grown(4096);
    let producer = ProducerStamp { id: ProducerId(4), epoch: ProducerEpoch(0), base_sequence: Sequence(-1) };
    let options = BatchOptions { producer: Some(producer), ..BatchOptions::default() };
    let mut builder = Builder::new(&mut list, options).unwrap();
    builder.append(NewRecord::default()).unwrap();
    builder.finish().unwrap();
    assert!(matches!(refused(&list, &rules), InvalidBatch::NoSequence { .. }));
}

#[test]
fn null_keys_are_refused_on_a_compacted_topic_and_named() {
    let rules = Rules { compacted: true, ..Rules::default() };
    let InvalidBatch::Records(issues) = refused(&keyless(), &rules) else { panic!() };
    assert_eq!(issues.count(), 2);
    assert_eq!(issues.named()[1].index, 2);
    assert!(check(&keyless(), &Rules::default(), WALL, None).is_ok());
}

#[test]
fn timestamps_out_of_range_are_refused_and_win_over_other_faults() {
    let bytes = sample(3);
    let late = Timestamp(1000 - 3_600_000 + 1);
    let Err(InvalidBatch::Timestamps(issues)) = check(&bytes, &Rules::default(), late, None) else { panic!() };
    assert_eq!((issues.count(), issues.named()[0].index), (1, 2));
    let rules = Rules { timestamp_before_max: Some(Millis(10)), ..Rules::default() };
    assert!(matches!(check(&bytes, &rules, Timestamp(1011), None), Err(InvalidBatch::Timestamps(_))));
    assert!(check(&bytes, &rules, Timestamp(1010), None).is_ok());
}

#[test]
fn a_wrong_largest_timestamp_is_corrected() {
    let mut bytes = sample(3);
    reseal(&mut bytes, |header| header.set(layout::MAX_TIMESTAMP, 99i64.to_be_bytes()));
    let checked = check(&bytes, &Rules::default(), WALL, None).unwrap();
    assert_eq!(checked.header().max_timestamp(), Some(Timestamp(1002)));
    let whole = [checked.header().as_bytes().as_slice(), checked.body()].concat();
    assert!(Batch::split_first(&whole).unwrap().0.crc_is_right());
}

#[test]
fn log_append_time_is_stamped_and_a_claim_to_it_refused_or_taken_away() {
    let rules = Rules { timestamp_type: TimestampType::LogAppendTime, ..Rules::default() };
    let mut bytes = sample(3);
    let checked = check(&bytes, &rules, WALL, None).unwrap();
    assert!(checked.header().has_log_append_time());
    assert_eq!((checked.header().max_timestamp(), checked.log_append_time()), (Some(WALL), Some(WALL)));
    let whole = [checked.header().as_bytes().as_slice(), checked.body()].concat();
    assert!(Batch::split_first(&whole).unwrap().0.crc_is_right());
    reseal(&mut bytes, |header| header.set(layout::ATTRIBUTES, layout::LOG_APPEND_TIME.to_be_bytes()));
    assert_eq!(refused(&bytes, &rules), InvalidBatch::LogAppendTime);
    let cleared = check(&bytes, &Rules::default(), WALL, None).unwrap();
    assert!(!cleared.header().has_log_append_time());
}

#[test]
fn compression_type_of_the_topic_compresses_anew_and_opens_only_when_a_rule_demands_it() {
    let bytes = keyless();
    let zstd = Rules { compression: Some(Compression::Zstd), ..Rules::default() };
    assert_eq!(refused(&bytes, &zstd), InvalidBatch::NoCodec(Compression::Zstd));
    let (mut records, mut body) = (List::grown(4096), List::grown(4096));
    let lent = Lent { codec: &mut Turn, records: &mut records, body: &mut body };
    let checked = check(&bytes, &zstd, WALL, Some(lent)).unwrap();
    let packed = [checked.header().as_bytes().as_slice(), checked.body()].concat();
    let (batch, _) = Batch::split_first(&packed).unwrap();
    assert!(batch.crc_is_right());
    assert_eq!(batch.header().compression(), Some(Compression::Zstd));

    // As it is, nobody opens it; a compacted topic must, and finds the missing keys.
    assert!(check(&packed, &Rules::default(), WALL, None).is_ok());
    let compacted = Rules { compacted: true, ..Rules::default() };
    assert_eq!(refused(&packed, &compacted), InvalidBatch::NoCodec(Compression::Zstd));
    let lent = Lent { codec: &mut Turn, records: &mut records, body: &mut body };
    assert!(matches!(check(&packed, &compacted, WALL, Some(lent)), Err(InvalidBatch::Records(_))));

    // And back again.
    let plain = Rules { compression: Some(Compression::None), ..Rules::default() };
    let lent = Lent { codec: &mut Turn, records: &mut records, body: &mut body };
    let checked = check(&packed, &plain, WALL, Some(lent)).unwrap();
    assert_eq!(checked.body(), &bytes[61..]);
    assert_eq!(checked.header().as_bytes(), &bytes[..61]);

    // What unfolds past the lent memory is refused.
    for rules in [plain, compacted] {
        let (mut little, mut body) = (List::grown(8), List::grown(8));
        let lent = Lent { codec: &mut Turn, records: &mut little, body: &mut body };
        assert_eq!(check(&packed, &rules, WALL, Some(lent)).unwrap_err(), InvalidBatch::Codec(CodecError::OutputFull { limit: 8 }));
    }
}
