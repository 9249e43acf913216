//! Bytes that mean harm: no decoder panics, none allocates, and none takes a part for the whole.

use millpond::protocol::{frame, header};
use millpond_core::wire::reader::Reader;
use millpond_core::wire::schema::{Versions, read_tagged};
use millpond_tests::any_message::AnyMessage;
use millpond_tests::catalogue::{Entry, everything};
use millpond_tests::random::Random;

/// Decodes and says whether that went well; panics when it allocated.
fn decode(entry: &Entry, bytes: &[u8], version: i16) -> bool {
    let mut well = false;
    let allocations = allocation_counter::measure(|| well = (entry.decode)(bytes, version).is_ok());
    assert_eq!(allocations.count_total, 0, "{} v{version} allocates for {bytes:02x?}", entry.name);
    well
}

fn each_version(mut check: impl FnMut(&Entry, i16, &mut Random)) {
    let mut random = Random::new(0x0bad);
    for entry in everything() {
        for version in entry.versions.first..=entry.versions.last {
            check(&entry, version, &mut random);
        }
    }
}

/// What was decoded can be written and read again, and then stays as it is.
fn settles(entry: &Entry, bytes: &[u8], version: i16) {
    let once = (entry.recode)(bytes, version).expect("it was decoded before");
    assert_eq!((entry.recode)(&once, version).as_ref(), Ok(&once), "{} v{version}: {bytes:02x?}", entry.name);
}

#[test]
fn allocations_are_counted_at_all() {
    let allocations = allocation_counter::measure(|| drop(core::hint::black_box(vec![1u8])));
    assert_eq!(allocations.count_total, 1);
}

#[test]
fn random_bytes_do_no_harm() {
    each_version(|entry, version, random| {
        for _ in 0..60 {
            let size = random.below(80);
            let mut bytes = random.bytes(size);
            // Bytes that are small or near the top are what lengths are made of.
            for byte in &mut bytes {
                match random.below(4) {
                    0 => *byte %= 4,
                    1 => *byte |= 0xfc,
                    _ => {}
                }
            }
            if decode(entry, &bytes, version) {
                settles(entry, &bytes, version);
            }
        }
    });
}

#[test]
fn mutated_messages_do_no_harm() {
    each_version(|entry, version, random| {
        for _ in 0..40 {
            let mut bytes = AnyMessage::new(random).with_unknown_tags(7).message(entry, version);
            for _ in 0..=random.below(3) {
                let at = random.below(bytes.len() + 1);
                match random.below(4) {
                    0 => bytes.insert(at, u8::try_from(random.below(256)).expect("a byte")),
                    1 => drop(bytes.drain(at..(at + random.below(4)).min(bytes.len()))),
                    2 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << (at % 8)),
                    _ => bytes.iter_mut().skip(at).take(1 + at % 5).for_each(|byte| *byte = 0xff),
                }
            }
            if decode(entry, &bytes, version) {
                settles(entry, &bytes, version);
            }
        }
    });
}

#[test]
fn a_part_of_a_message_is_not_a_message() {
    each_version(|entry, version, random| {
        for _ in 0..6 {
            let bytes = AnyMessage::new(random).message(entry, version);
            assert!(decode(entry, &bytes, version));
            for _ in 0..bytes.len().min(24) {
                let size = random.below(bytes.len());
                assert!(!decode(entry, &bytes[..size], version), "{} v{version}, {size} of {bytes:02x?}", entry.name);
            }
            let longer = [&bytes[..], &[0]].concat();
            assert!(!decode(entry, &longer, version), "{} v{version}, and a byte more", entry.name);
        }
    });
}

#[test]
fn a_version_that_does_not_exist_is_refused() {
    for entry in everything() {
        let Versions { first, last } = entry.versions;
        for version in [first - 1, last + 1, i16::MIN, i16::MAX] {
            assert!(!decode(&entry, &[0; 64], version), "{} v{version}", entry.name);
        }
    }
}

#[test]
fn a_peer_cannot_make_a_frame_cost_more_than_its_bytes() {
    let mut random = Random::new(0xf4a3);
    for _ in 0..20_000 {
        let size = random.below(16);
        let mut bytes = random.bytes(size);
        if let [first, second, third, ..] = &mut bytes[..]
            && random.once_in(2)
        {
            (*first, *second, *third) = (0, 0, 0);
        }
        let allocations = allocation_counter::measure(|| match frame::decode(&bytes, 200) {
            frame::Decoded::NeedMore { size } => assert!(size > bytes.len() && size <= frame::PREFIX_SIZE + 200),
            frame::Decoded::TooLarge { size } => assert!(size > 200),
            frame::Decoded::Frame { content, size } => {
                assert_eq!(content.len() + frame::PREFIX_SIZE, size);
                assert!(size <= bytes.len());
            }
            frame::Decoded::Malformed { size } => assert!(size < 0),
        });
        assert_eq!(allocations.count_total, 0);
    }
}

#[test]
fn headers_do_no_harm() {
    let mut random = Random::new(0x4ead);
    for _ in 0..20_000 {
        let size = random.below(40);
        let mut bytes = random.bytes(size);
        if let [key_high, key_low, version_high, version_low, ..] = &mut bytes[..] {
            (*key_high, *key_low, *version_high, *version_low) = (0, *key_low % 80, 0, *version_low % 16);
        }
        let allocations = allocation_counter::measure(|| {
            if let Ok(request) = header::decode_request(&bytes) {
                assert!(bytes.ends_with(request.body));
            }
        });
        assert_eq!(allocations.count_total, 0);
    }
}

#[test]
fn tags_that_do_not_rise_or_reach_too_far_are_refused() {
    let read = |bytes: &[u8]| read_tagged(&mut Reader::new(bytes), |_, _| Ok(false)).is_ok();
    assert!(read(&[0]));
    assert!(read(&[2, 0, 1, 9, 1, 0]));
    assert!(!read(&[2, 1, 0, 0, 0]), "falling");
    assert!(!read(&[2, 1, 0, 1, 0]), "twice the same");
    assert!(!read(&[1, 0, 2, 9]), "too far");
    assert!(!read(&[0xff, 0xff, 0xff, 0xff, 0x0f]), "more than are there");
    assert!(!read(&[]), "none");
}
