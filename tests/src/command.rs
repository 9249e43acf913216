//! The commands of the binary, run in the test's own process.

use std::io::Cursor;

use millpond::cli::run_with;
use millpond::cli::terminal::Terminal;

/// What a command did.
#[derive(Debug)]
pub struct Done {
    /// How it ended.
    pub code: u8,
    /// What it printed.
    pub out: String,
    /// What it complained of.
    pub err: String,
}

impl Done {
    /// What it was asked for.
    ///
    /// # Panics
    /// When it failed.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self.out
    }

    /// What it said.
    ///
    /// # Panics
    /// When it did not fail.
    #[track_caller]
    #[must_use]
    pub fn failed(self) -> String {
        assert_eq!(self.code, 1, "{}{}", self.out, self.err);
        self.err
    }
}

/// Runs a command, given as one line in which `~` stands for a space within a word, against the broker at `address`.
///
/// # Panics
/// When it prints what is no text.
#[must_use]
pub fn run(address: &str, line: &str, input: Vec<u8>) -> Done {
    run_offline(&format!("{line} --bootstrap {}", address.replace(' ', "~")), input)
}

/// Runs a command that needs no broker, given as one line in which `~` stands for a space within a word.
///
/// # Panics
/// When it prints what is no text.
#[must_use]
pub fn run_offline(line: &str, input: Vec<u8>) -> Done {
    let words = line.split(' ').map(|word| word.replace('~', " "));
    let arguments: Vec<String> = ["millpond".to_string()].into_iter().chain(words).collect();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut terminal = Terminal { input: Some(Box::new(Cursor::new(input))), out: &mut out, err: &mut err, signals: false, watched: false };
    let code = run_with(arguments, &mut terminal);
    Done { code, out: String::from_utf8(out).expect("text"), err: String::from_utf8(err).expect("text") }
}
