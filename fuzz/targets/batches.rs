//! Record batches as a producer may send them: what passes the check has records that can be read to their end.
#![no_main]

use libfuzzer_sys::fuzz_target;
use millpond_core::log::config::LogConfig;
use millpond_core::record::batch::Batch;
use millpond_core::record::validate::{Origin, Rules, check};
use millpond_core::time::Timestamp;

fuzz_target!(|data: &[u8]| {
    // The checksum is mended first, or nothing would ever come past it.
    let mut bytes = data.to_vec();
    if bytes.len() > 61 {
        let size = i32::try_from(bytes.len() - 12).unwrap_or(i32::MAX);
        bytes[8..12].copy_from_slice(&size.to_be_bytes());
        bytes[16] = 2;
        let sum = millpond_core::crc::crc32c(&bytes[21..]);
        bytes[17..21].copy_from_slice(&sum.to_be_bytes());
    }
    for compact in [false, true] {
        let config = LogConfig { compact, ..LogConfig::default() };
        let rules = Rules { timestamp_after_max: None, ..config.rules(Origin::Client) };
        let Ok(checked) = check(&bytes, &rules, Timestamp(0), None) else { continue };
        let (batch, rest) = Batch::split_first(&bytes).expect("it passed the check");
        assert!(rest.is_empty());
        let count = batch.records().into_iter().flatten().map(|record| record.expect("it passed the check")).count();
        if checked.header().compression() == Some(millpond_core::record::codec::Compression::None) {
            assert_eq!(i32::try_from(count), Ok(checked.header().record_count()));
        }
    }
});
