//! Records of `__consumer_offsets` and of the metadata log as a damaged disk may show them: they decode or they do not, and the group
//! coordinator believes whatever decodes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use millpond_core::bounded::table::HashKey;
use millpond_core::catalog::record::CatalogRecord;
use millpond_core::group::config::GroupConfig;
use millpond_core::group::coordinator::{Coordinator, CoordinatorLimits, CoordinatorMemory};
use millpond_core::group::record::GroupRecord;
use millpond_core::machine::{EncodedRecord, Machine};
use millpond_core::time::Moment;

fuzz_target!(|data: &[u8]| {
    let memory = CoordinatorMemory::grown(CoordinatorLimits::default());
    let mut coordinator = Coordinator::new(GroupConfig::default(), HashKey(1, 2), memory);
    let mut rest = data;
    while let Some((sizes, behind)) = rest.split_first_chunk::<2>() {
        let (key, behind) = behind.split_at(usize::from(sizes[0]).min(behind.len()));
        let (value, behind) = behind.split_at(usize::from(sizes[1]).min(behind.len()));
        rest = behind;
        let record = EncodedRecord { key, value: (sizes[1] != 255).then_some(value) };
        if let Ok(record) = GroupRecord::decode(record) {
            coordinator.replay(&record);
        }
        let _ = CatalogRecord::decode(record);
    }
    coordinator.loaded(Moment::default());
    coordinator.assert_consistent();
});
