//! The table in the README: what each client was seen to do.

use core::fmt::Write as _;
use std::fs::{self, File};

use millpond_tests::toolbox::{tools_dir, workspace_dir};

use super::client::Client;
use super::contract::{Answer, Answers};

const README: &str = "README.md";
const BEGIN: &str = "<!-- clients: made by tests/it/interop/matrix -->\n";
const END: &str = "<!-- end of clients -->";
const HEAD: &str = "\
| language | client | version | codecs | idempotent | transactions | groups | groups of KIP-848 | resume | seek | admin | restart | not offered by the client |
|---|---|---|---|---|---|---|---|---|---|---|---|---|
";
const CODECS: &[&str] = &["none", "gzip", "snappy", "lz4", "zstd"];

/// Compares a client's row with what its program has just shown, or puts it there.
pub(super) fn compare(client: &Client, answers: &Answers) {
    let row = row(client, answers);
    let path = workspace_dir().join(README);
    // The tests of other clients write their rows at the same time.
    let lock = File::create(tools_dir().join("table.lock")).expect("a lock file can be made");
    lock.lock().expect("a lock file can be locked");
    let text = fs::read_to_string(&path).expect("the README can be read");
    let (before, rows, behind) = parts(&text);
    let begin = beginning(client);
    if std::env::var_os("BLESS").is_none() {
        let found = rows.iter().find(|found| found.starts_with(&begin));
        assert!(found == Some(&&*row), "{README} does not tell what is: BLESS=1 writes it anew. It should be\n{row}\nand is\n{found:?}");
        return;
    }
    let mut table = HEAD.to_owned();
    for other in super::CLIENTS {
        let begin_of_other = beginning(other);
        let kept = rows.iter().find(|row| row.starts_with(&begin_of_other));
        if begin_of_other == begin {
            table += &row;
        } else if let Some(kept) = kept {
            table += kept;
        } else {
            continue;
        }
        table.push('\n');
    }
    fs::write(&path, format!("{before}{BEGIN}{table}{END}{behind}")).expect("the README can be written");
}

/// The rows are those of the clients, in order, each with its version.
pub(super) fn check(clients: &[&Client]) {
    let text = fs::read_to_string(workspace_dir().join(README)).expect("the README can be read");
    let (_, rows, _) = parts(&text);
    let found: Vec<String> = rows.iter().map(|row| row.split_inclusive('|').take(4).collect()).collect();
    let wanted: Vec<String> = clients.iter().map(|client| format!("{}| {} |", beginning(client), client.version())).collect();
    assert_eq!(found, wanted, "{README}: the test of a client writes its row with BLESS=1");
}

/// What stands before the table, its rows, and what stands behind it.
fn parts(text: &str) -> (&str, Vec<&str>, &str) {
    let (before, rest) = text.split_once(BEGIN).unwrap_or_else(|| panic!("{README} has no line {BEGIN}"));
    let (table, behind) = rest.split_once(END).unwrap_or_else(|| panic!("{README} has no line {END}"));
    (before, table.lines().skip(2).collect(), behind)
}

fn beginning(client: &Client) -> String {
    format!("| {} | {} ", client.language, client.name)
}

fn row(client: &Client, answers: &Answers) -> String {
    let has = |capability: &str| answers.iter().any(|(name, answer)| name == capability && matches!(answer, Answer::Ok));
    let mut row = format!("{}| {} |", beginning(client), client.version());
    let codecs: Vec<&str> = CODECS.iter().copied().filter(|codec| has(codec)).collect();
    let codecs = if codecs == CODECS { "all".to_owned() } else { codecs.join(", ") };
    write!(row, " {codecs} |").expect("text grows");
    for (capability, _) in answers.iter().filter(|(name, _)| !CODECS.contains(&&**name)) {
        row += if has(capability) { " ✓ |" } else { " – |" };
    }
    // Capabilities that are missing for one reason are named together.
    let mut missing: Vec<(&str, Vec<&str>)> = Vec::new();
    for (capability, answer) in answers {
        let Answer::NotOffered(reason) = answer else { continue };
        match missing.iter_mut().find(|(known, _)| known == reason) {
            Some((_, capabilities)) => capabilities.push(capability),
            None => missing.push((reason, vec![capability])),
        }
    }
    let missing: Vec<String> =
        missing.iter().map(|(reason, capabilities)| format!("{}: {reason}", capabilities.join(", "))).collect();
    write!(row, " {} |", missing.join("; ")).expect("text grows");
    row
}
