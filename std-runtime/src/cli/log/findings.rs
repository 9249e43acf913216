//! What was found in a partition, or beside the logs, and what that means.

use millpond_core::ids::Offset;
use millpond_core::log::verify::finding::{Fault, Finding, Unreadable};
use millpond_core::log::verify::verifier::Totals;

/// What a repair does about something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Writes the segment anew without it.
    Cut,
    /// Makes it anew from the batches.
    Rebuild,
    /// Removes it: a broker makes it anew, or does without.
    Remove,
    /// A broker sees to it when it starts.
    Broker,
    /// Nothing: it is left as it is.
    None,
}

impl Remedy {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::Rebuild => "rebuild",
            Self::Remove => "remove",
            Self::Broker => "broker",
            Self::None => "none",
        }
    }
}

/// One thing that was found.
#[derive(Clone, Debug)]
pub struct Told {
    /// The file, as seen from the directory that was named.
    pub file: String,
    /// Where in it. Unit: bytes.
    pub position: u64,
    /// How far it goes. Unit: bytes.
    pub bytes: u64,
    /// Which kind it is: a word that stays the same.
    pub kind: &'static str,
    /// What is wrong.
    pub reason: String,
    /// The offsets that cannot be read because of it.
    pub offsets: Option<Unreadable>,
    /// Whether something is damaged, and not just unfinished.
    pub is_damage: bool,
    /// What a repair does about it.
    pub remedy: Remedy,
}

impl Told {
    /// What the walk through a log has found. `folder` comes before the name of the file.
    #[must_use]
    pub fn of(finding: &Finding, folder: &str, may_cut: bool) -> Self {
        let (kind, remedy) = match finding.fault {
            Fault::Damaged(_) => ("batch", if may_cut { Remedy::Cut } else { Remedy::None }),
            Fault::Torn(_) => ("torn", Remedy::Cut),
            Fault::Overlap => ("overlap", if may_cut { Remedy::Cut } else { Remedy::None }),
            Fault::Index(_) => ("index", Remedy::Rebuild),
            Fault::Transactions => ("transactions", Remedy::None),
            Fault::Snapshot => ("snapshot", Remedy::Remove),
            Fault::Epochs => ("epochs", Remedy::Rebuild),
            Fault::Manifest(_) => ("manifest", Remedy::Broker),
            Fault::Unfinished => ("unfinished", Remedy::Broker),
        };
        Self {
            file: format!("{folder}{}", finding.file),
            position: finding.position,
            bytes: finding.bytes,
            kind,
            reason: finding.fault.to_string(),
            offsets: finding.offsets,
            is_damage: finding.is_damage(),
            remedy,
        }
    }
}

/// What was found in one partition.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The sums.
    pub totals: Totals,
    /// All findings, in the order of the files.
    pub told: Vec<Told>,
    /// Offsets that cannot be read, in order.
    pub lost: Vec<Unreadable>,
}

impl Seen {
    /// Whether nothing is damaged.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.lost.is_empty() && self.told.iter().all(|told| !told.is_damage)
    }

    /// How many offsets cannot be read, as far as is known.
    #[must_use]
    pub fn offsets_lost(&self) -> u64 {
        self.lost.iter().map(Unreadable::count).sum()
    }

    /// Puts together which offsets are lost. What is missing at the end is told as well: everything below the recovery point was there.
    pub fn settle(&mut self, log: &str, recovery_point: Option<Offset>, remedy: Remedy) {
        self.lost = self.told.iter().filter_map(|told| told.offsets).collect();
        let Some(point) = recovery_point.filter(|point| *point > self.totals.end) else { return };
        let missing = Unreadable { first: self.totals.end, end: Some(point) };
        if let Some(last) = self.lost.last_mut().filter(|last| last.end.is_none_or(|end| end > self.totals.end)) {
            // The damage at the end of the log is where they are gone.
            last.end = Some(point.max(last.end.unwrap_or(point)));
        } else {
            self.lost.push(missing);
        }
        self.told.push(Told {
            file: log.to_owned(),
            position: 0,
            bytes: 0,
            kind: "end",
            reason: format!("the log ends at offset {}, and everything below {point} was on the disk once", self.totals.end),
            offsets: None,
            is_damage: true,
            remedy,
        });
    }
}

/// One partition, looked at once, or once before and once after its repair.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The name of its directory.
    pub name: String,
    /// Its topic and number.
    pub partition: Option<(String, i32)>,
    /// Where it was known to be on the disk up to.
    pub recovery_point: Option<Offset>,
    /// Whether it holds the catalogue.
    pub is_catalogue: bool,
    /// As it was found.
    pub seen: Seen,
    /// As it is after the repair.
    pub after: Option<Seen>,
    /// Where the bytes are that were changed.
    pub set_aside: Option<String>,
}

impl Outcome {
    /// Whether all that is there now is sound.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.after.as_ref().unwrap_or(&self.seen).is_sound()
    }
}

/// A directory.
#[derive(Debug)]
pub struct Outcomes {
    /// Which.
    pub directory: String,
    /// Whether compressed batches were opened.
    pub deep: bool,
    /// Whether it was to be repaired.
    pub repair: bool,
    /// Its partitions.
    pub partitions: Vec<Outcome>,
    /// What was found beside the logs.
    pub beside: Vec<Told>,
    /// What of that is left after the repair.
    pub beside_after: Option<Vec<Told>>,
}

impl Outcomes {
    /// Whether all that is there now is sound.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let beside = self.beside_after.as_ref().unwrap_or(&self.beside);
        beside.iter().all(|told| !told.is_damage) && self.partitions.iter().all(Outcome::is_sound)
    }

    /// Whether records that were there once cannot be read, or could not before the repair.
    #[must_use]
    pub fn is_lossless(&self) -> bool {
        self.partitions.iter().all(|partition| partition.seen.lost.is_empty())
    }
}
