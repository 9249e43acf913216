//! Records of `__consumer_offsets`, of `__transaction_state` and of the metadata log as a damaged disk may show them: they decode or they do
//! not, and the coordinators believe whatever decodes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use millpond_core::bounded::table::HashKey;
use millpond_core::catalog::record::CatalogRecord;
use millpond_core::group::config::GroupConfig;
use millpond_core::group::coordinator::{Coordinator, CoordinatorLimits, CoordinatorMemory};
use millpond_core::group::record::GroupRecord;
use millpond_core::ids::ProducerId;
use millpond_core::machine::{EncodedRecord, Machine};
use millpond_core::record::marker::Outcome;
use millpond_core::time::Moment;
use millpond_core::txn::config::TxnConfig;
use millpond_core::txn::coordinator::{Coordinator as TxnCoordinator, CoordinatorMemory as TxnMemory};
use millpond_core::txn::record::TxnRecord;

fuzz_target!(|data: &[u8]| {
    let memory = CoordinatorMemory::grown(CoordinatorLimits::default());
    let mut coordinator = Coordinator::new(GroupConfig::default(), HashKey(1, 2), memory);
    let mut transactions = TxnCoordinator::new(TxnConfig::default(), HashKey(1, 2), TxnMemory::grown(10_000, 100_000));
    let mut rest = data;
    while let Some((sizes, behind)) = rest.split_first_chunk::<2>() {
        let (key, behind) = behind.split_at(usize::from(sizes[0]).min(behind.len()));
        let (value, behind) = behind.split_at(usize::from(sizes[1]).min(behind.len()));
        rest = behind;
        let record = EncodedRecord { key, value: (sizes[1] != 255).then_some(value) };
        // Now and then in a transaction, and now and then one ends.
        let producer = ProducerId(i64::from(sizes[1] % 3));
        if let Ok(record) = GroupRecord::decode(record, (sizes[1] % 2 == 0).then_some(producer)) {
            coordinator.replay(&record);
        }
        if sizes[0] % 16 == 15 {
            let outcome = if sizes[1] % 2 == 0 { Outcome::Commit } else { Outcome::Abort };
            coordinator.replay(&GroupRecord::TransactionEnded { producer_id: producer, outcome });
        }
        if let Ok(record) = TxnRecord::decode(record) {
            transactions.replay(&record);
        }
        let _ = CatalogRecord::decode(record);
    }
    coordinator.loaded(Moment::default());
    coordinator.assert_consistent();
    transactions.loaded(Moment::default());
    transactions.assert_consistent();
});
