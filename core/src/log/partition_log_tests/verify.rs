//! Looking through a log: sound ones are called sound, and every turned bit that a reader would notice is noticed.

use super::*;
use crate::crc::crc32c_parts;
use crate::log::scan::CutReason;
use crate::log::verify::finding::{Fault, Finding, Flaw, IndexFlaw};
use crate::log::verify::verifier::{Event, Totals, Verifier, VerifyMemory};
use crate::record::batch::Header;
use crate::record::codec::{Codec, CodecError, Compression};
use crate::record::layout;
use crate::store::file_name::FileName;

pub(super) type Files = Vec<(FileName, Vec<u8>)>;

/// All files of a store, in the order of their names.
pub(super) fn files_of(store: &mut MemoryStore<'static>) -> Files {
    let mut names = Vec::new();
    store.list(&mut |name| names.push(name)).unwrap();
    names.sort();
    let bytes = |name| {
        let mut bytes = alloc::vec![0; usize::try_from(store.size(name).unwrap().unwrap()).unwrap()];
        store.read_at(name, 0, &mut bytes).unwrap();
        (name, bytes)
    };
    names.into_iter().map(bytes).collect()
}

pub(super) fn store_of(files: &Files) -> MemoryStore<'static> {
    let mut store = MemoryStore::grown(1 << 22, 4096);
    for (name, bytes) in files {
        store.write_at(*name, 0, &[bytes]).unwrap();
    }
    store
}

pub(super) fn verifier(store: MemoryStore<'static>) -> Verifier<'static, MemoryStore<'static>> {
    Verifier::new(store, VerifyMemory::grown(1 << 20))
}

pub(super) fn look_through(files: &Files) -> (Totals, Vec<Finding>) {
    look_deep(files, None)
}

fn look_deep(files: &Files, codec: Option<&mut dyn Codec>) -> (Totals, Vec<Finding>) {
    let mut found = Vec::new();
    let mut read = 0;
    let totals = verifier(store_of(files)).verify(codec, &mut |event| match event {
        Event::Found(finding) => found.push(finding),
        Event::Read(bytes) => read += u64::from(bytes),
    });
    let totals = totals.unwrap();
    assert_eq!(totals.bytes, totals.bytes_sound + totals.bytes_damaged);
    assert_eq!(totals.bytes, read);
    assert_eq!(totals.damages, u64::try_from(found.iter().filter(|finding| finding.is_damage()).count()).unwrap());
    (totals, found)
}

/// A batch whose records claim to be packed with gzip.
fn packed(body: &[u8]) -> Vec<u8> {
    let mut bytes = Given::of(&[b"x", b"y"], 5_000).bytes()[..layout::HEADER_SIZE].to_vec();
    bytes.extend_from_slice(body);
    let length = i32::try_from(bytes.len() - 12).unwrap();
    bytes[layout::BATCH_LENGTH..][..4].copy_from_slice(&length.to_be_bytes());
    bytes[layout::ATTRIBUTES..][..2].copy_from_slice(&Compression::Gzip.id().to_be_bytes());
    let crc = crc32c_parts(&[&bytes[layout::ATTRIBUTES..]]);
    bytes[layout::CRC..][..4].copy_from_slice(&crc.to_be_bytes());
    bytes
}

fn put_bytes(log: &mut MemoryLog, bytes: &[u8]) {
    let checked = check(bytes, &log.config().rules(Origin::Coordinator), Timestamp(0), None).unwrap();
    log.append(Timestamp(0), EPOCH, &checked).unwrap();
}

/// A closed log of several segments with some of everything in it.
pub(super) fn sound() -> Files {
    let mut log = fresh(LogConfig { segment_bytes: 1_200, index_interval_bytes: 200, ..small(false) });
    let mut sequence = 0;
    for number in 0..20i64 {
        let value = [u8::try_from(number).unwrap(); 40];
        let values: Vec<&[u8]> = (0..=number % 3).map(|_| value.as_slice()).collect();
        let producer = (number % 2 == 0).then_some((9, 0, sequence));
        put(&mut log, 0, &Given { producer, ..Given::of(&values, 1_000 + number * 7 % 50) }).unwrap();
        sequence += if producer.is_some() { i32::try_from(values.len()).unwrap() } else { 0 };
        if number % 6 == 5 {
            put_bytes(&mut log, &packed(b"whatever this is"));
        }
    }
    log.close().unwrap();
    files_of(&mut log.into_store())
}

pub(super) fn is_in(byte: usize, batches: &[(usize, Header)]) -> (usize, Header, usize) {
    let at = batches.partition_point(|(position, _)| *position <= byte) - 1;
    (at, batches[at].1, byte - batches[at].0)
}

/// The batches of a file that is whole.
pub(super) fn batches_of(bytes: &[u8]) -> Vec<(usize, Header)> {
    let mut batches = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (batch, behind) = Batch::split_first(rest).unwrap();
        batches.push((bytes.len() - rest.len(), *batch.header()));
        rest = behind;
    }
    batches
}

#[test]
fn a_sound_log_is_called_sound() {
    for files in [Files::new(), sound()] {
        let (totals, found) = look_through(&files);
        assert_eq!(found, [], "{totals:?}");
    }
    let files = sound();
    let (totals, _) = look_through(&files);
    let logs: Vec<&Vec<u8>> = files.iter().filter(|(name, _)| name.kind == FileKind::Log).map(|(_, bytes)| bytes).collect();
    let batches: Vec<Header> = logs.iter().flat_map(|bytes| batches_of(bytes)).map(|(_, header)| header).collect();
    assert!(totals.segments > 2 && usize::try_from(totals.segments) == Ok(logs.len()));
    assert_eq!(usize::try_from(totals.batches), Ok(batches.len()));
    assert_eq!(totals.records, batches.iter().map(|batch| u64::try_from(batch.record_count()).unwrap()).sum::<u64>());
    assert_eq!((totals.begin, Some(totals.end)), (Some(Offset(0)), batches.last().map(Header::next_offset)));
    assert_eq!((totals.batches_unopened, totals.offsets_absent), (3, 0));
}

#[test]
fn logs_of_every_length_closed_or_not_are_called_sound() {
    let mut dice = Dice(3);
    for length in 0..60 {
        let mut log =
            fresh(LogConfig { segment_bytes: 900, index_interval_bytes: 1 + u32::try_from(dice.roll(400)).unwrap(), ..small(true) });
        for _ in 0..length {
            let value = alloc::vec![1; dice.size(100)];
            let time = i64::try_from(dice.roll(20)).unwrap() - 1;
            put(&mut log, 0, &Given::of(&[&value], time)).unwrap();
            if dice.roll(10) == 0 {
                log.roll(Timestamp(0)).unwrap();
            }
        }
        if length % 2 == 0 {
            log.close().unwrap();
        }
        let (_, found) = look_through(&files_of(&mut log.into_store()));
        assert_eq!(found, [], "{length} batches");
    }
}

#[test]
fn an_index_that_was_made_larger_than_it_has_to_be_is_sound_in_the_active_segment_only() {
    let files = sound();
    let last = files.iter().rev().find(|(name, _)| name.kind == FileKind::Log).unwrap().0.base;
    for kind in [FileKind::Index, FileKind::TimeIndex] {
        for (name, _) in files.iter().filter(|(name, _)| name.kind == kind) {
            let mut padded = files.clone();
            let bytes = &mut padded.iter_mut().find(|(other, _)| other == name).unwrap().1;
            bytes.resize(bytes.len() + 12 * 1000, 0);
            let faults: Vec<Fault> = look_through(&padded).1.iter().map(|finding| finding.fault).collect();
            let expected: &[Fault] = if name.base == last { &[] } else { &[Fault::Index(IndexFlaw::Empty)] };
            assert_eq!(faults, expected, "{name}");
        }
    }
}

#[test]
fn every_bit_that_turns_in_a_batch_is_noticed_in_its_place() {
    let files = sound();
    let bases: Vec<Offset> = files.iter().filter(|(name, _)| name.kind == FileKind::Log).map(|(name, _)| name.base).collect();
    for at in 0..files.len() {
        let (name, bytes) = files[at].clone();
        if name.kind != FileKind::Log {
            continue;
        }
        let batches = batches_of(&bytes);
        for byte in 0..bytes.len() {
            let mut turned = files.clone();
            turned[at].1[byte] ^= 1 << (byte % 8);
            let (totals, found) = look_through(&turned);
            let (number, header, inside) = is_in(byte, &batches);
            let is_epoch = (layout::LEADER_EPOCH..layout::MAGIC).contains(&inside);
            // The checksum covers neither the reign nor the offset; an offset that is too large at the very end could be one after a gap.
            let is_at_the_end = inside < layout::BATCH_LENGTH && number + 1 == batches.len() && Some(&name.base) == bases.last();
            if is_epoch || is_at_the_end {
                continue;
            }
            let batch = found.iter().find(|finding| finding.file == name).unwrap_or_else(|| panic!("{name} byte {byte}: {found:?}"));
            assert_eq!(batch.position, u64::try_from(batches[number].0).unwrap(), "{name} byte {byte}");
            assert_eq!(batch.bytes, u64::from(header.size()), "{name} byte {byte}");
            assert!(batch.is_of_records() && totals.damages >= 1);
            let offsets = batch.offsets.map(|offsets| (offsets.first, offsets.end));
            let expected = Some((header.base_offset(), Some(header.next_offset())));
            let is_last = Some(&name.base) == bases.last() && number + 1 == batches.len();
            assert!(offsets == expected || is_last, "{name} byte {byte}: {offsets:?}");
        }
    }
}

#[test]
fn what_turns_in_an_index_is_noticed_or_leads_nobody_astray() {
    let files = sound();
    let clean = OpenHints { clean: true, ..OpenHints::default() };
    let ways = |files: &Files| {
        let (mut log, _) = open(store_of(files), small(false), clean);
        let end = log.watermarks().log_end();
        let by_offset: Vec<_> =
            (0..end.0).map(|offset| log.read(Offset(offset), 1, ReadUpTo::LogEnd, true).unwrap().bytes.unwrap()).collect();
        let by_offset: Vec<_> = by_offset.into_iter().map(|slice| (slice.file, slice.position)).collect();
        (end, by_offset)
    };
    let expected = ways(&files);
    let mut unnoticed = 0;
    for at in 0..files.len() {
        let (name, bytes) = files[at].clone();
        for byte in 0..bytes.len() {
            if name.kind == FileKind::Log {
                continue;
            }
            let mut turned = files.clone();
            turned[at].1[byte] ^= 1 << (byte % 8);
            let (_, found) = look_through(&turned);
            match name.kind {
                FileKind::Index if found.is_empty() => {
                    unnoticed += 1;
                    assert_eq!(ways(&turned), expected, "{name} byte {byte}");
                }
                // The number of a reign or its start, changed into another that rises as well.
                FileKind::LeaderEpochCheckpoint => {}
                _ => {
                    assert_eq!(found.len(), 1, "{name} byte {byte}");
                    assert_eq!(found[0].file, name);
                }
            }
        }
    }
    assert!(unnoticed < 40, "{unnoticed}");
}

#[test]
fn what_is_not_a_file_of_a_log_any_more_is_told_by_name() {
    let epochs = |text: &[u8]| look_through(&alloc::vec![(FileName::EPOCHS, text.to_vec())]).1;
    assert_eq!(epochs(b"0\n2\n0 0\n3 7\n"), []);
    assert_eq!(epochs(b""), [], "nothing is to be told of a log without batches");
    let mut emptied = sound();
    emptied.iter_mut().filter(|(name, _)| *name == FileName::EPOCHS).for_each(|(_, bytes)| bytes.clear());
    assert!(matches!(look_through(&emptied).1[..], [Finding { fault: Fault::Epochs, .. }]));
    for text in [&b"1\n0\n"[..], b"0\n1\n", b"0\n1\n0 0", b"0\n2\n3 0\n2 7\n", b"0\n2\n0 7\n1 7\n", b"0\n1\n0 0\n1 1\n", b"\0\0\0"] {
        assert!(matches!(epochs(text)[..], [Finding { fault: Fault::Epochs, .. }]), "{text:?}");
    }
    let base = Offset(100);
    let entry = |first: i64, last: i64| {
        let fields = [7i64, first, last, first];
        [&[0, 0][..], &fields.iter().flat_map(|field| field.to_be_bytes()).collect::<Vec<_>>()].concat()
    };
    let transactions = |bytes: Vec<u8>| {
        let next = (FileName::live(FileKind::Log, Offset(200)), Vec::new());
        let files = [(FileName::live(FileKind::Log, base), Vec::new()), (FileName::live(FileKind::TxnIndex, base), bytes), next];
        look_through(&files.to_vec()).1.iter().map(|finding| (finding.position, finding.bytes)).collect::<Vec<_>>()
    };
    assert_eq!(transactions([entry(50, 110), entry(112, 120)].concat()), []);
    assert_eq!(transactions(entry(112, 120)[..33].to_vec()), [(0, 33)]);
    assert_eq!(transactions([entry(50, 110), entry(100, 110), entry(111, 112)].concat()), [(34, 68)]);
    assert_eq!(transactions(entry(150, 200)), []);
    assert_eq!(transactions(entry(50, 99)), [(0, 34)]);
    assert_eq!(transactions(entry(30, 20)), [(0, 34)]);
    let mut other = entry(101, 102);
    other[1] = 1;
    assert_eq!(transactions(other), [(0, 34)]);
}

#[test]
fn a_write_that_did_not_get_done_is_told_from_damage() {
    let files = sound();
    let at = files.iter().rposition(|(name, _)| name.kind == FileKind::Log).unwrap();
    let whole = files[at].1.clone();
    let (position, header) = *batches_of(&whole).last().unwrap();
    for cut in position + 1..whole.len() {
        let mut torn = files.clone();
        torn[at].1.truncate(cut);
        let (totals, found) = look_through(&torn);
        let torn = found.iter().find(|finding| finding.file == files[at].0).unwrap();
        assert!(matches!(torn.fault, Fault::Torn(CutReason::Batch(_))) && torn.offsets.is_none(), "{found:?}");
        assert_eq!((torn.position, totals.end), (u64::try_from(position).unwrap(), header.base_offset()));
    }
    let mut zeroed = files.clone();
    zeroed[at].1.extend_from_slice(&[0; 3000]);
    assert!(matches!(look_through(&zeroed).1[..], [Finding { fault: Fault::Torn(_), bytes: 3000, .. }]));
}

#[test]
fn a_batch_in_a_wrong_place_does_not_cost_those_behind_it() {
    // One that comes twice: the second time it brings nothing, and nothing is lost with it.
    let files = sound();
    let (name, bytes) = files[0].clone();
    let batches = batches_of(&bytes);
    let (from, to) = (batches[1].0, batches[2].0);
    let doubled = [&bytes[..to], &bytes[from..to], &bytes[to..]].concat();
    let (totals, found) = look_through(&alloc::vec![(name, doubled)]);
    let [finding] = found[..] else { panic!("{found:?}") };
    assert!(matches!(finding.fault, Fault::Damaged(Flaw::Batch(CutReason::OutOfOrder { .. }))));
    assert_eq!((finding.position, finding.offsets), (u64::try_from(to).unwrap(), None));
    assert_eq!(usize::try_from(totals.batches), Ok(batches.len()));
    // One that was taken out leaves a gap, as a compaction does.
    let without = [&bytes[..from], &bytes[to..]].concat();
    let (totals, found) = look_through(&alloc::vec![(name, without)]);
    assert_eq!(found, []);
    assert_eq!(totals.offsets_absent, u64::try_from(batches[1].1.last_offset_delta() + 1).unwrap());
}

#[test]
fn a_value_that_looks_like_a_batch_is_none() {
    let mut log = fresh(LogConfig { segment_bytes: 1 << 20, ..small(false) });
    put(&mut log, 0, &Given::of(&[b"first"], 1)).unwrap();
    let mut inner = Given::of(&[b"inner"], 1).bytes();
    inner[..8].copy_from_slice(&3i64.to_be_bytes());
    put(&mut log, 0, &Given::of(&[&inner], 1)).unwrap();
    put(&mut log, 0, &Given::of(&[b"third"], 1)).unwrap();
    let mut files = files_of(&mut log.into_store());
    let batches = batches_of(&files[0].1);
    files[0].1[batches[1].0 + 30] ^= 1;
    let (totals, found) = look_through(&files);
    assert_eq!((totals.batches, found.len()), (2, 1));
    assert_eq!(found[0].bytes, u64::from(batches[1].1.size()));
}

#[test]
fn an_empty_segment_inside_of_another_is_told() {
    let mut files = sound();
    files.push((FileName::live(FileKind::Log, Offset(3)), Vec::new()));
    let (_, found) = look_through(&files);
    assert!(matches!(found[..], [Finding { fault: Fault::Overlap, file, .. }] if file.base == Offset(3)), "{found:?}");
}

#[test]
fn compressed_batches_are_opened_on_demand() {
    struct Told(Result<Vec<u8>, CodecError>);
    impl Codec for Told {
        fn decompress(&mut self, _: Compression, _: &[u8], output: &mut List<'_, u8>) -> Result<(), CodecError> {
            output.extend_from_slice(&self.0.clone()?).map_err(|_| CodecError::OutputFull { limit: output.capacity() })
        }
        fn compress(&mut self, _: Compression, _: &[u8], _: &mut List<'_, u8>) -> Result<(), CodecError> {
            Ok(())
        }
    }
    let files = sound();
    let deep = |told| look_deep(&files, Some(&mut Told(told)));
    let plain = Given::of(&[b"x", b"y"], 0).bytes()[layout::HEADER_SIZE..].to_vec();
    let (totals, found) = deep(Ok(plain.clone()));
    assert_eq!((totals.batches_unopened, &found[..]), (0, &[][..]));
    let (totals, found) = deep(Err(CodecError::Corrupt(Compression::Gzip)));
    assert_eq!((totals.damages, found.len()), (3, 3));
    assert!(matches!(found[0].fault, Fault::Damaged(Flaw::Codec(_))));
    let (_, found) = deep(Ok(plain[..plain.len() - 1].to_vec()));
    assert!(matches!(found[0].fault, Fault::Damaged(Flaw::Record { index: 1, .. })));
    // What says something of the one who looks says nothing of the log.
    assert_eq!(deep(Err(CodecError::Unsupported(Compression::Gzip))).0.batches_unopened, 3);
    assert_eq!(deep(Ok(alloc::vec![0; 2 << 20])).0.batches_unopened, 3);
}
