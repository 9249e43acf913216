//! The table in the README: what each client was seen to do.

use core::fmt::Write as _;
use std::fs::{self, File};

use millpond_tests::toolbox::{tools_dir, workspace_dir};

use super::client::Client;
use super::contract::{Answer, Answers};

const README: &str = "README.md";

/// A table in the README.
pub(super) struct Table {
    mark: &'static str,
    head: &'static str,
    /// What every program of this table answers for, in order.
    pub(super) capabilities: &'static [&'static str],
    /// The topics that every program finds, with their partitions.
    pub(super) topics: &'static [(&'static str, u32)],
}

/// What clients do.
pub(super) const CLIENTS: Table = Table {
    mark: "clients",
    head: "\
| language | client | version | codecs | idempotent | transactions | exactly once | groups | groups of KIP-848 | share groups | resume | seek | admin | restart | not offered by the client |
|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|
",
    capabilities: &[
        "none",
        "gzip",
        "snappy",
        "lz4",
        "zstd",
        "idempotent",
        "transactions",
        "exactly-once",
        "group",
        "group-848",
        "share",
        "resume",
        "seek",
        "admin",
        "restart",
    ],
    topics: &[
        ("codec-none", 1),
        ("codec-gzip", 1),
        ("codec-snappy", 1),
        ("codec-lz4", 1),
        ("codec-zstd", 1),
        ("idempotent", 1),
        ("transactions", 1),
        ("transfer-in", 1),
        ("transfer-out", 1),
        ("group", 4),
        ("group-848", 4),
        ("share", 1),
        ("resume", 1),
        ("seek", 1),
        ("restart", 2),
    ],
};

/// What processors of logs and streams do.
pub(super) const PROCESSORS: Table = Table {
    mark: "processors",
    head: "\
| processor | what it does here | version | flow | resume | restart | not offered |
|---|---|---|---|---|---|---|
",
    capabilities: &["flow", "resume", "restart"],
    topics: &[("in", 2), ("out", 2)],
};

const CODECS: &[&str] = &["none", "gzip", "snappy", "lz4", "zstd"];

/// Compares a client's row with what its program has just shown, or puts it there.
pub(super) fn compare(client: &Client, answers: &Answers) {
    let row = row(client, answers);
    let path = workspace_dir().join(README);
    // The tests of other clients write their rows at the same time.
    let lock = File::create(tools_dir().join("table.lock")).expect("a lock file can be made");
    lock.lock().expect("a lock file can be locked");
    let text = fs::read_to_string(&path).expect("the README can be read");
    let (before, rows, behind) = client.table.split(&text);
    let begin = beginning(client);
    if std::env::var_os("BLESS").is_none() {
        let found = rows.iter().find(|found| found.starts_with(&begin));
        assert!(found == Some(&&*row), "{README} does not tell what is: BLESS=1 writes it anew. It should be\n{row}\nand is\n{found:?}");
        return;
    }
    let mut table = client.table.head.to_owned();
    for other in client.table.clients() {
        let begin_of_other = beginning(other);
        let kept = rows.iter().find(|row| row.starts_with(&begin_of_other));
        let row = if begin_of_other == begin { Some(&&*row) } else { kept };
        table.extend(row.into_iter().flat_map(|row| [*row, "\n"]));
    }
    fs::write(&path, format!("{before}{table}{behind}")).expect("the README can be written");
}

impl Table {
    fn clients(&self) -> impl Iterator<Item = &&Client> {
        super::CLIENTS.iter().filter(|client| client.table.mark == self.mark)
    }

    /// The rows are those of its clients, in order, each with its version.
    pub(super) fn check(&self) {
        let text = fs::read_to_string(workspace_dir().join(README)).expect("the README can be read");
        let (_, rows, _) = self.split(&text);
        let found: Vec<String> = rows.iter().map(|row| row.split_inclusive('|').take(4).collect()).collect();
        let wanted: Vec<String> = self.clients().map(|client| format!("{}| {} |", beginning(client), client.version())).collect();
        assert_eq!(found, wanted, "{README}: the test of a client writes its row with BLESS=1");
    }

    /// What stands before the table, its rows, and what stands behind it.
    fn split<'t>(&self, text: &'t str) -> (&'t str, Vec<&'t str>, &'t str) {
        let (begin, end) = (format!("<!-- {}: made by tests/it/interop/matrix -->\n", self.mark), format!("<!-- end of {} -->", self.mark));
        let from = text.find(&begin).unwrap_or_else(|| panic!("{README} has no line {begin}")) + begin.len();
        let to = from + text[from..].find(&end).unwrap_or_else(|| panic!("{README} has no line {end}"));
        (&text[..from], text[from..to].lines().skip(2).collect(), &text[to..])
    }
}

fn beginning(client: &Client) -> String {
    let [first, second] = client.labels;
    format!("| {first} | {second} ")
}

fn row(client: &Client, answers: &Answers) -> String {
    let has = |capability: &str| answers.iter().any(|(name, answer)| name == capability && matches!(answer, Answer::Ok));
    let mut row = format!("{}| {} |", beginning(client), client.version());
    // Codecs share a cell.
    let (codecs, others): (Vec<_>, Vec<_>) = client.table.capabilities.iter().copied().partition(|name| CODECS.contains(name));
    if !codecs.is_empty() {
        let shown: Vec<&str> = codecs.iter().copied().filter(|codec| has(codec)).collect();
        let shown = if shown == codecs { "all".to_owned() } else { shown.join(", ") };
        write!(row, " {shown} |").expect("text grows");
    }
    for capability in others {
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
    let missing: Vec<String> = missing.iter().map(|(reason, capabilities)| format!("{}: {reason}", capabilities.join(", "))).collect();
    write!(row, " {} |", missing.join("; ")).expect("text grows");
    row
}
