//! Each protection is switched off once, and the invariant that it serves must notice: one that cannot fail proves nothing.

use millpond_tests::sim::{self, Sabotage};

/// How many worlds a missing protection may go unnoticed in.
const SEEDS: u64 = 3000;

#[test]
fn every_invariant_notices_when_its_protection_is_missing() {
    for (sabotage, noticing) in [
        (Sabotage::AcknowledgesEarly, &["acknowledged"][..]),
        (
            Sabotage::CommitsBeforeSync,
            &["topics", "acknowledged", "repeatable", "committed", "authentic", "one-owner", "decided", "settled"],
        ),
        (Sabotage::SkipsSyncs, &["topics", "acknowledged", "repeatable", "committed", "authentic", "one-owner", "decided", "settled"]),
        (Sabotage::DiskLies, &["topics", "acknowledged", "repeatable", "committed", "authentic", "one-owner", "decided", "settled"]),
        (
            Sabotage::BelievesFailedSyncs,
            &["topics", "acknowledged", "repeatable", "committed", "authentic", "one-owner", "decided", "settled"],
        ),
        (Sabotage::ReadsAboveHighWatermark, &["repeatable", "decided"]),
        (Sabotage::TellsTopicsEarly, &["topics"]),
        (Sabotage::TellsDeletionEarly, &["topics"]),
        (Sabotage::TellsOffsetsEarly, &["committed"]),
        (Sabotage::CommitsOffsetsEarly, &["committed", "one-owner", "settled"]),
        (Sabotage::GivesPartitionsTwice, &["one-owner"]),
        (Sabotage::ForgetsSequences, &["authentic"]),
        (Sabotage::SwallowsAnswers, &["answered"]),
        (Sabotage::AnswersTwice, &["answered"]),
        (Sabotage::ForgetsCalls, &["no-leaks"]),
        (Sabotage::TellsSettledEarly, &["settled"]),
        (Sabotage::TellsDecisionsEarly, &["decided", "latest"]),
        (Sabotage::ReadsUndecided, &["decided"]),
        (Sabotage::ShowsAborted, &["decided"]),
        (Sabotage::SleepsThroughDeadlines, &["deadlines"]),
        (
            Sabotage::SwapsUnsyncedFiles,
            &["latest", "compacted", "acknowledged", "committed", "decided", "repeatable", "one-owner", "authentic", "settled"],
        ),
        (
            Sabotage::SwapsUnsyncedNames,
            &["latest", "compacted", "acknowledged", "committed", "decided", "repeatable", "one-owner", "authentic", "settled"],
        ),
        (
            Sabotage::UndoesSwaps,
            &["latest", "compacted", "acknowledged", "committed", "decided", "repeatable", "one-owner", "authentic", "settled"],
        ),
        (Sabotage::LearnsWrongKeys, &["latest", "compacted", "acknowledged", "committed", "decided", "one-owner", "settled"]),
        (Sabotage::OverlooksAborts, &["decided", "latest", "compacted"]),
        (Sabotage::LosesAbortMarkers, &["decided"]),
        (Sabotage::ForgetsTombstones, &["latest"]),
        (Sabotage::TrustsForeignDirtyOffsets, &["compacted"]),
        (
            Sabotage::TrustsNewDirectories,
            &["acknowledged", "repeatable", "topics", "committed", "latest", "decided", "one-owner", "settled"],
        ),
    ] {
        // The first of those named is whose protection it is; the others may come across it before.
        let noticed = (0..SEEDS).any(|seed| {
            let Some(violation) = sim::run(seed, Some(sabotage)).violation else { return false };
            println!("{sabotage:?}: {} in world {seed}: {}", violation.invariant, violation.what);
            assert!(noticing.contains(&violation.invariant), "{sabotage:?} is noticed by {violation:?}");
            noticing.first() == Some(&violation.invariant)
        });
        assert!(noticed, "nobody whose task it is notices {sabotage:?} in {SEEDS} worlds");
    }
}
