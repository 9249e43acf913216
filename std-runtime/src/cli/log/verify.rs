//! `millpond log verify`

use core::cmp::Ordering;
use core::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use millpond_core::ids::Offset;
use millpond_core::log::verify::repair::RepairLimits;
use millpond_core::log::verify::verifier::{Event, Totals, Verifier, VerifyMemory};
use millpond_core::record::codec::Codec;

use crate::cli::error::CommandError;
use crate::cli::terminal::Terminal;
use crate::compression::Codecs;
use crate::disk::files::{OpenFiles, PartitionFiles};
use crate::disk::offline::{self, Aside, Misfit, OfflineDir, OfflinePartition};

use super::findings::{Outcome, Outcomes, Remedy, Seen, Told};
use super::progress::Progress;
use super::report;

/// The largest batch that is looked into, and the most that one may unfold to. Unit: bytes.
const BATCH_BYTES_MAX: usize = 1 << 28;
/// How many files are open at a time.
const OPEN_FILES: NonZeroUsize = NonZeroUsize::MIN.saturating_add(15);

/// Read every batch, index and checkpoint, and say what is damaged; with --repair, keep all that is sound.
///
/// Checksums, lengths, offsets and records of every batch are held against each other, and the indexes against the batches. Without
/// --repair nothing is changed, and a directory that may only be read will do. No broker may use the directory meanwhile.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes:\n  \
    0  everything is sound; with --repair: everything is sound now, and nothing was lost\n  \
    1  something is damaged, with --repair: or was, and records of it are lost; or the command could not do its work\n\n\
    With --repair the original bytes of every file that is changed are kept first: those of a partition in its folder\n\
    millpond-repair-N, those beside the logs under their name with .millpond-repair-N behind it.")]
pub struct Verify {
    /// A data directory, or the directory of one partition.
    directory: PathBuf,
    /// Only this topic.
    #[arg(long, value_name = "TOPIC")]
    topic: Option<String>,
    /// Only this partition of the topic.
    #[arg(long, value_name = "N", requires = "topic")]
    partition: Option<i32>,
    /// Unpack compressed batches too, and look at their records. Without it their checksum has to do.
    #[arg(long)]
    deep: bool,
    /// Report as JSON: one object, whose fields docs/log-verify.md describes.
    #[arg(long, conflicts_with = "quiet")]
    json: bool,
    /// Cut out what cannot be read, and make the rest readable again. Damage inside of the catalogue is left alone.
    #[arg(long)]
    repair: bool,
    /// No report: the exit code tells, and a line if something is wrong.
    #[arg(long)]
    quiet: bool,
}

impl Verify {
    pub(super) fn carry_out(self, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
        let mut directory = OfflineDir::open(&self.directory, self.repair)?;
        if self.topic.is_some() {
            directory.keep(|partition| self.is_meant(partition));
            if directory.partitions.is_empty() {
                return Err(CommandError::Usage(format!("{} has no such partition", self.directory.display())));
            }
        }
        let outcomes = self.look(&directory, terminal)?;
        if self.json {
            report::json(&outcomes, terminal.out)?;
        } else if !self.quiet {
            report::text(&outcomes, terminal.out)?;
        }
        report::verdict(&outcomes).map_or(Ok(()), |words| Err(CommandError::Damaged(words)))
    }

    fn is_meant(&self, partition: &OfflinePartition) -> bool {
        let (topic, index) = partition.partition.as_ref().map_or((None, None), |(topic, index)| (Some(&**topic), Some(index.0)));
        self.topic.as_deref() == topic && (self.partition.is_none() || self.partition == index)
    }

    fn look(&self, directory: &OfflineDir, terminal: &mut Terminal<'_>) -> Result<Outcomes, CommandError> {
        let mut total = 0;
        for partition in &directory.partitions {
            total += partition.log_bytes().map_err(offline::failed("reading", &partition.path))?;
        }
        let is_shown = terminal.watched && !self.json && !self.quiet;
        let mut progress = Progress::new(is_shown.then_some(&mut *terminal.err), total);
        let mut desk = Desk { deep: self.deep, open: Arc::new(OpenFiles::new(OPEN_FILES)), number: 0, codecs: Codecs::default() };
        let mut outcomes = Outcomes {
            directory: directory.path().display().to_string(),
            deep: self.deep,
            repair: self.repair,
            partitions: Vec::new(),
            beside: directory.misfits.iter().map(|misfit| tell(misfit, directory.path())).collect(),
            beside_after: None,
        };
        for partition in &directory.partitions {
            let folder = folder(directory, partition);
            let seen = desk.look_at(partition, &folder, &mut |bytes| progress.add(bytes, &partition.name))?;
            let of = partition.partition.as_ref().map(|(topic, index)| (topic.clone(), index.0));
            outcomes.partitions.push(Outcome {
                name: partition.name.clone(),
                partition: of,
                recovery_point: partition.recovery_point,
                is_catalogue: partition.is_catalogue(),
                seen,
                ..Outcome::default()
            });
        }
        progress.clear();
        if self.repair {
            let repaired = self.repair(directory, &mut desk, &mut outcomes);
            progress.clear();
            repaired?;
        }
        Ok(outcomes)
    }

    /// Repairs what is damaged, and looks at it once more.
    fn repair(&self, directory: &OfflineDir, desk: &mut Desk, outcomes: &mut Outcomes) -> Result<(), CommandError> {
        let root = directory.path();
        let number = directory.next_number().map_err(offline::failed("reading", root))?;
        // Without them a broker takes a gap for a loss of power: then all logs are made durable, and that is written down.
        let all = directory.has_lost_points() && directory.is_whole();
        let mut ends = Vec::new();
        for (partition, outcome) in directory.partitions.iter().zip(&mut outcomes.partitions) {
            let is_damaged = outcome.seen.told.iter().any(|told| told.is_damage);
            if !is_damaged && !all {
                continue;
            }
            let aside = Aside::new(partition, number);
            desk.repair(partition, &outcome.seen, &aside)?;
            let folder = folder(directory, partition);
            let after = desk.look_at(partition, &folder, &mut |_| {})?;
            if let Some(of) = partition.partition.clone().filter(|_| after.is_sound()) {
                ends.push((of, after.totals.end));
            }
            outcome.set_aside = aside.path().exists().then(|| relative(aside.path(), root));
            outcome.after = Some(after);
        }
        if directory.is_whole() || !directory.has_lost_points() {
            directory.note_durable(&ends, number).map_err(offline::failed("writing the recovery points in", root))?;
        }
        let mut left = Vec::new();
        for misfit in &directory.misfits {
            let path = &misfit.path;
            // The recovery points may have been written anew by now.
            let is_mended = directory.is_sound_now(path).map_err(offline::failed("reading", path))?;
            if !misfit.may_go {
                left.push(tell(misfit, root));
            } else if !is_mended {
                directory.set_aside(path, number).map_err(offline::failed("setting aside", path))?;
                directory.remove(path).map_err(offline::failed("removing", path))?;
            }
        }
        outcomes.beside_after = Some(left);
        Ok(())
    }
}

/// What looking takes, lent to one partition after the other.
struct Desk {
    deep: bool,
    open: Arc<OpenFiles>,
    number: u64,
    codecs: Codecs,
}

impl Desk {
    fn verifier(&mut self, path: &Path, writable: bool) -> Verifier<'static, PartitionFiles> {
        self.number += 1;
        let files = PartitionFiles::offline(self.number, path, writable, Arc::clone(&self.open));
        Verifier::new(files, VerifyMemory::grown(BATCH_BYTES_MAX))
    }

    fn look_at(&mut self, partition: &OfflinePartition, folder: &str, each: &mut dyn FnMut(u64)) -> Result<Seen, CommandError> {
        let mut verifier = self.verifier(&partition.path, false);
        let mut seen = Seen::default();
        let codec = self.deep.then_some(&mut self.codecs as &mut dyn Codec);
        let totals = verifier.verify(codec, &mut |event| match event {
            Event::Found(finding) => seen.told.push(Told::of(&finding, folder, !partition.is_catalogue())),
            Event::Read(bytes) => each(bytes.into()),
        });
        // Files come in no order of their own.
        seen.told.sort_by(|one, other| {
            one.is_damage.cmp(&other.is_damage).then_with(|| if one.is_damage { Ordering::Equal } else { one.file.cmp(&other.file) })
        });
        seen.totals = totals.map_err(|error| CommandError::Several(vec![format!("{folder}: {error}")]))?;
        let misfit = offline::misfit_topic(partition).map_err(offline::failed("reading", &partition.path))?;
        seen.told.extend(misfit.map(|misfit| tell(&misfit, partition.path.parent().unwrap_or(&partition.path))));
        let may_raise = partition.path.exists() && !partition.is_catalogue();
        seen.settle(&partition.name, partition.recovery_point, if may_raise { Remedy::Rebuild } else { Remedy::None });
        Ok(seen)
    }

    fn repair(&mut self, partition: &OfflinePartition, seen: &Seen, aside: &Aside) -> Result<(), CommandError> {
        let limits = limits(partition, &seen.totals);
        let mut verifier = self.verifier(&partition.path, true);
        let codec = self.deep.then_some(&mut self.codecs as &mut dyn Codec);
        if !partition.path.exists() {
            return Ok(());
        }
        let repaired = verifier.repair(limits, codec, &mut |file| Ok(aside.keep(&file.to_string())?));
        repaired.map_err(|error| CommandError::Several(vec![format!("{}: {error}", partition.name)]))?;
        let reading = || offline::failed("setting aside", &partition.path);
        if let Some(misfit) = offline::misfit_topic(partition).map_err(reading())? {
            let name = misfit.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            aside.keep(name).map_err(reading())?;
            std::fs::remove_file(&misfit.path).map_err(offline::failed("removing", &misfit.path))?;
        }
        Ok(())
    }
}

/// What may be done to a partition. From the catalogue nothing is cut that was once whole: topics would go with it.
fn limits(partition: &OfflinePartition, totals: &Totals) -> RepairLimits {
    let lost_end = partition.recovery_point.filter(|point| *point > totals.end);
    RepairLimits { only_torn: partition.is_catalogue(), end: lost_end.filter(|point| *point > Offset::ZERO) }
}

/// What comes before the names of a partition's files in a report.
fn folder(directory: &OfflineDir, partition: &OfflinePartition) -> String {
    let path = relative(&partition.path, directory.path());
    if path.is_empty() { path } else { format!("{path}/") }
}

fn relative(path: &Path, root: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}

fn tell(misfit: &Misfit, root: &Path) -> Told {
    let bytes = std::fs::metadata(&misfit.path).map_or(0, |file| file.len());
    Told {
        file: relative(&misfit.path, root),
        position: 0,
        bytes,
        kind: "metadata",
        reason: misfit.reason.clone(),
        offsets: None,
        is_damage: true,
        remedy: if misfit.may_go { Remedy::Remove } else { Remedy::None },
    }
}
