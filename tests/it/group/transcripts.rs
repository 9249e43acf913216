//! Every file of `golden/group` is a transcript that a run must produce again. `BLESS=1` writes what the run produces.

use std::path::PathBuf;

use millpond_tests::trace::{grown_memory, play};

/// All transcripts by name.
pub(super) fn transcripts() -> Vec<(PathBuf, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/group");
    let entries = std::fs::read_dir(folder).expect("the folder of transcripts");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "trace"));
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), std::fs::read_to_string(path).expect("a transcript"))).collect()
}

/// The first lines that differ, with what stands above them.
pub(super) fn difference(expected: &str, found: &str) -> Option<String> {
    let (expected, found): (Vec<_>, Vec<_>) = (expected.lines().collect(), found.lines().collect());
    let at = (0..expected.len().max(found.len())).find(|at| expected.get(*at) != found.get(*at))?;
    let mut text = String::new();
    for line in expected.iter().take(at).skip(at.saturating_sub(6)) {
        text += &format!("    {line}\n");
    }
    for line in expected.iter().skip(at).take(4) {
        text += &format!("  - {line}\n");
    }
    for line in found.iter().skip(at).take(4) {
        text += &format!("  + {line}\n");
    }
    Some(text)
}

#[test]
fn transcripts_read_as_they_were_written() {
    let transcripts = transcripts();
    assert!(transcripts.len() >= 60, "only {} transcripts", transcripts.len());
    let bless = std::env::var_os("BLESS").is_some_and(|value| value == "1");
    let mut differences = String::new();
    for (path, expected) in transcripts {
        let found = play(&expected, grown_memory);
        if let Some(difference) = difference(&expected, &found) {
            if bless {
                std::fs::write(&path, &found).expect("a transcript can be written");
            } else {
                differences += &format!("{}:\n{difference}", path.display());
            }
        }
    }
    assert!(differences.is_empty(), "transcripts differ (BLESS=1 accepts):\n{differences}");
}
