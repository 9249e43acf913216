//! Each protection is switched off once, and the invariant that it serves must notice: one that cannot fail proves nothing.

use millpond_tests::sim::{self, Sabotage};

/// How many worlds a missing protection may go unnoticed in.
const SEEDS: u64 = 3000;

#[test]
fn every_invariant_notices_when_its_protection_is_missing() {
    for (sabotage, noticing) in [
        (Sabotage::AcknowledgesEarly, &["acknowledged"][..]),
        (Sabotage::CommitsBeforeSync, &["acknowledged", "repeatable", "committed", "topics", "authentic", "one-owner"]),
        (Sabotage::SkipsSyncs, &["acknowledged", "repeatable", "committed", "topics", "authentic", "one-owner"]),
        (Sabotage::DiskLies, &["acknowledged", "repeatable", "committed", "topics", "authentic", "one-owner"]),
        (Sabotage::BelievesFailedSyncs, &["acknowledged", "repeatable", "committed", "topics", "authentic", "one-owner"]),
        (Sabotage::ReadsAboveHighWatermark, &["repeatable"]),
        (Sabotage::TellsTopicsEarly, &["topics"]),
        (Sabotage::TellsDeletionEarly, &["topics"]),
        (Sabotage::TellsOffsetsEarly, &["committed"]),
        (Sabotage::CommitsOffsetsEarly, &["committed", "one-owner"]),
        (Sabotage::GivesPartitionsTwice, &["one-owner"]),
        (Sabotage::ForgetsSequences, &["authentic"]),
        (Sabotage::SwallowsAnswers, &["answered"]),
        (Sabotage::AnswersTwice, &["answered"]),
        (Sabotage::ForgetsCalls, &["no-leaks"]),
        (Sabotage::TellsDecisionsEarly, &["decided"]),
        (Sabotage::ReadsUndecided, &["decided"]),
        (Sabotage::ShowsAborted, &["decided"]),
        (Sabotage::SleepsThroughDeadlines, &["deadlines"]),
    ] {
        let found = (0..SEEDS).find_map(|seed| sim::run(seed, Some(sabotage)).violation.map(|violation| (seed, violation)));
        let Some((seed, violation)) = found else { panic!("nobody notices {sabotage:?} in {SEEDS} worlds") };
        println!("{sabotage:?}: {} in world {seed}: {}", violation.invariant, violation.what);
        assert!(noticing.contains(&violation.invariant), "{sabotage:?} is noticed by {violation:?}");
    }
}
