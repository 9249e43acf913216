//! Each protection is switched off once, and the invariant that it serves must notice: one that cannot fail proves nothing.

use millpond_tests::sim::{self, Sabotage};

/// How many worlds a missing protection may go unnoticed in.
const SEEDS: u64 = 3000;

/// What shows when a disk loses what it should not.
const LOSSES: [&str; 11] = [
    "acknowledged",
    "authentic",
    "committed",
    "compacted",
    "decided",
    "exclusive",
    "latest",
    "one-owner",
    "repeatable",
    "settled",
    "topics",
];

#[test]
fn every_invariant_notices_when_its_protection_is_missing() {
    // Whose protection it is, and who may come across it before.
    for (sabotage, whose, others) in [
        (Sabotage::AcknowledgesEarly, "acknowledged", &[][..]),
        (Sabotage::CommitsBeforeSync, "topics", &LOSSES),
        (Sabotage::SkipsSyncs, "topics", &LOSSES),
        (Sabotage::DiskLies, "topics", &LOSSES),
        (Sabotage::BelievesFailedSyncs, "topics", &LOSSES),
        (Sabotage::ReadsAboveHighWatermark, "repeatable", &["decided"]),
        (Sabotage::TellsTopicsEarly, "topics", &[]),
        (Sabotage::TellsDeletionEarly, "topics", &[]),
        (Sabotage::TellsOffsetsEarly, "committed", &[]),
        (Sabotage::CommitsOffsetsEarly, "committed", &["one-owner", "exclusive", "settled"]),
        (Sabotage::GivesPartitionsTwice, "one-owner", &[]),
        (Sabotage::SeatsEarly, "exclusive", &[]),
        (Sabotage::ForgetsOwned, "exclusive", &[]),
        (Sabotage::ForgetsSequences, "authentic", &[]),
        (Sabotage::SwallowsAnswers, "answered", &[]),
        (Sabotage::AnswersTwice, "answered", &[]),
        (Sabotage::ForgetsCalls, "no-leaks", &[]),
        (Sabotage::TellsSettledEarly, "settled", &[]),
        (Sabotage::TellsDecisionsEarly, "decided", &["latest", "acknowledged"]),
        (Sabotage::ReadsUndecided, "decided", &[]),
        (Sabotage::ShowsAborted, "decided", &[]),
        (Sabotage::SleepsThroughDeadlines, "deadlines", &[]),
        (Sabotage::SwapsUnsyncedFiles, "latest", &LOSSES),
        (Sabotage::SwapsUnsyncedNames, "latest", &LOSSES),
        (Sabotage::UndoesSwaps, "latest", &LOSSES),
        (Sabotage::LearnsWrongKeys, "latest", &LOSSES),
        (Sabotage::OverlooksAborts, "decided", &["latest", "compacted"]),
        (Sabotage::LosesAbortMarkers, "decided", &[]),
        (Sabotage::ForgetsTombstones, "latest", &[]),
        (Sabotage::TrustsForeignDirtyOffsets, "compacted", &[]),
        (Sabotage::TrustsNewDirectories, "acknowledged", &LOSSES),
    ] {
        let noticed = (0..SEEDS).any(|seed| {
            let Some(violation) = sim::run(seed, Some(sabotage)).violation else { return false };
            println!("{sabotage:?}: {} in world {seed}: {}", violation.invariant, violation.what);
            let is_whose = violation.invariant == whose;
            assert!(is_whose || others.contains(&violation.invariant), "{sabotage:?} is noticed by {violation:?}");
            is_whose
        });
        assert!(noticed, "nobody whose task it is notices {sabotage:?} in {SEEDS} worlds");
    }
}
