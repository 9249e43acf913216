//! Small files that are written whole or not at all, and Kafka's checkpoint format among them.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::Path;

use millpond_core::ids::{Offset, PartitionIndex};

use super::partition_dir::sync_directory;

/// An offset for each partition.
pub type Offsets = HashMap<(String, PartitionIndex), Offset>;

/// Writes a file so that, whatever happens, either the old one or the new one is there.
///
/// # Errors
/// When that is not certain.
pub fn write_whole(root: &Path, name: &str, text: &str) -> io::Result<()> {
    let (path, temporary) = (root.join(name), root.join(format!("{name}.tmp")));
    std::fs::write(&temporary, text)?;
    File::open(&temporary)?.sync_all()?;
    std::fs::rename(&temporary, &path)?;
    sync_directory(root)
}

/// Writes a checkpoint: a version, a count, and one line an entry: topic, partition, offset. Source: `CheckpointFile`.
///
/// # Errors
/// When it cannot be written.
pub fn write(root: &Path, name: &str, offsets: &Offsets) -> io::Result<()> {
    let mut lines: Vec<String> = offsets.iter().map(|((topic, index), offset)| format!("{topic} {index} {offset}\n")).collect();
    lines.sort();
    write_whole(root, name, &format!("0\n{}\n{}", lines.len(), lines.concat()))
}

/// Reads a checkpoint; none when there is none, or when it is damaged: what is remembered only saves work.
///
/// # Errors
/// When it cannot be read.
pub fn read(path: &Path) -> io::Result<Offsets> {
    Ok(read_if_sound(path)?.unwrap_or_else(|| {
        tracing::warn!(file = %path.display(), "the checkpoint is damaged and is left aside");
        Offsets::new()
    }))
}

/// Reads a checkpoint; none when there is none, `None` when it is damaged.
///
/// # Errors
/// When it cannot be read.
pub fn read_if_sound(path: &Path) -> io::Result<Option<Offsets>> {
    match std::fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Some(Offsets::new())),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(None),
        text => Ok(parse(&text?)),
    }
}

fn parse(text: &str) -> Option<Offsets> {
    if text.is_empty() {
        // Kafka makes the file first and fills it when there is something to remember. Source: `CheckpointFile`.
        return Some(Offsets::new());
    }
    let mut lines = text.lines();
    let version = lines.next()?;
    let count: usize = lines.next()?.trim().parse().ok()?;
    let entry = |line: &str| {
        let mut words = line.split_whitespace();
        let (topic, index, offset) = (words.next()?, words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        Some(((topic.to_string(), PartitionIndex(index)), Offset(offset)))
    };
    let offsets: Offsets = lines.map(entry).collect::<Option<_>>()?;
    (version == "0" && offsets.len() == count).then_some(offsets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_checkpoint_is_no_checkpoint() {
        let offsets = Offsets::from([(("t".to_string(), PartitionIndex(1)), Offset(7))]);
        assert_eq!(parse("0\n1\nt 1 7\n"), Some(offsets));
        assert_eq!(parse("0\n0\n"), Some(Offsets::new()));
        assert_eq!(parse(""), Some(Offsets::new()));
        for damaged in ["\n", "0", "0\n2\nt 1 7\n", "1\n1\nt 1 7\n", "0\n1\nt 1\n", "0\n1\nt 1 x\n", "\0\0\0\0"] {
            assert_eq!(parse(damaged), None, "{damaged:?}");
        }
    }
}
