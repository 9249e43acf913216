//! A world from a seed: clients, a network, clocks, a disk that loses power, and a broker that drives the turns of a real shard.
//!
//! What must hold is checked after every turn; see the table in `invariants`. The same seed gives the same world, to the last answer.

mod broker;
mod clients;
mod clock;
mod consumers;
mod directory;
mod disk;
mod invariants;
mod message;
mod net;
mod oracle;
mod share;
mod world;

/// What must hold and does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The name of the invariant.
    pub invariant: &'static str,
    /// What was seen.
    pub what: String,
}

/// A protection that is switched off, to see that it is missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// `acks=all` is answered when the record is in the log.
    AcknowledgesEarly,
    /// The high watermark does not wait for the disk, and producers are told that it did.
    CommitsBeforeSync,
    /// Syncs are reported done and were not.
    SkipsSyncs,
    /// The disk says that it has synced, and has not.
    DiskLies,
    /// A failed sync is taken for a success.
    BelievesFailedSyncs,
    /// Consumers read up to the end of the log.
    ReadsAboveHighWatermark,
    /// Topics are told of before their records are safe.
    TellsTopicsEarly,
    /// Deletions are told before their records are safe.
    TellsDeletionEarly,
    /// Committed offsets are told before they are safe.
    TellsOffsetsEarly,
    /// Answers of the groups do not wait for their records.
    CommitsOffsetsEarly,
    /// The last member is given what the first one has.
    GivesPartitionsTwice,
    /// Members of consumer groups are told what they have before that is safe.
    SeatsEarly,
    /// What a member of a consumer group says that it has is not believed.
    ForgetsOwned,
    /// A retry of an idempotent producer looks new.
    ForgetsSequences,
    /// Some answers never leave.
    SwallowsAnswers,
    /// Some answers leave twice.
    AnswersTwice,
    /// Some calls are forgotten when their wait ends.
    ForgetsCalls,
    /// A producer is told how its transaction ends before that is safe.
    TellsDecisionsEarly,
    /// A member of a share group is told that records are settled before that is safe.
    TellsSettledEarly,
    /// Readers of committed records read up to the high watermark.
    ReadsUndecided,
    /// Readers of committed records are not told what was aborted.
    ShowsAborted,
    /// Deadlines are not acted on.
    SleepsThroughDeadlines,
    /// A compaction puts files in their place that it has not synced.
    SwapsUnsyncedFiles,
    /// The names of an exchange are not made durable one before the other.
    SwapsUnsyncedNames,
    /// An exchange that was decided is undone by the next opening.
    UndoesSwaps,
    /// A compaction learns a wrong key now and then: the last record of a key is taken for a superseded one.
    LearnsWrongKeys,
    /// A compaction does not know what was aborted.
    OverlooksAborts,
    /// A compaction loses the markers of aborted transactions that readers are still told of.
    LosesAbortMarkers,
    /// Tombstones go as soon as they have done their work.
    ForgetsTombstones,
    /// How far a log was compacted is believed of another one of its name.
    TrustsForeignDirtyOffsets,
    /// A directory that a process has made and not synced is taken for synced by the next one.
    TrustsNewDirectories,
}

/// How a world has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// A hash of everything that was said, and when.
    pub trace: u64,
    /// What went wrong first.
    pub violation: Option<Violation>,
    /// How much was checked: acknowledged batches, reads, assignments, commits, lots settled in share groups, restarts, losses of power,
    /// compactions.
    pub counts: [u64; 8],
}

/// Lives through the world of a seed.
#[must_use]
pub fn run(seed: u64, sabotage: Option<Sabotage>) -> Outcome {
    world::World::new(seed, sabotage).live()
}

/// What happens to a file while no broker runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harm {
    /// One bit is another.
    Flipped,
    /// It is gone.
    Missing,
    /// It is there, and holds nothing.
    Empty,
    /// Its end is gone.
    Cut,
    /// Its end is zeros.
    Zeroed,
    /// Zeros follow its end.
    Longer,
}

/// How a broker got over a damaged file.
#[derive(Clone, Debug)]
pub struct Damaged {
    /// What was done to which file.
    pub what: String,
    /// Whether it is one of the catalogue's.
    pub is_catalog: bool,
    /// Whether the broker did not start; with the file back it did, and told everything.
    pub refused: bool,
    /// Whether something could not be had any more.
    pub lost: bool,
}

/// Lives through the world of a seed, and damages a file of what it leaves.
///
/// # Errors
/// What was lost that was not in the file, or told that was not so before.
pub fn damage(seed: u64, harm: Harm) -> Result<Damaged, String> {
    world::World::new(seed, None).suffer(harm)
}
