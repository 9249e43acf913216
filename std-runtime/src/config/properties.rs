//! Kafka's configuration files: `key=value` lines. Source: `java.util.Properties`, as far as people write such files.

use alloc::string::String;
use alloc::vec::Vec;

/// Reads the lines of a properties file in order: comments begin with `#` or `!`, a key ends at `=`, `:` or white space, a line that
/// ends in `\` goes on in the next.
#[must_use]
pub fn parse(text: &str) -> Vec<(String, String)> {
    let mut entries = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with(['#', '!']) {
            continue;
        }
        let mut whole = String::from(line);
        while ends_in_odd_backslashes(&whole) {
            whole.pop();
            whole.push_str(lines.next().unwrap_or_default().trim_start());
        }
        entries.push(split(&whole));
    }
    entries
}

fn ends_in_odd_backslashes(line: &str) -> bool {
    line.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}

fn split(line: &str) -> (String, String) {
    let mut key = String::new();
    let mut chars = line.char_indices();
    let mut rest = "";
    while let Some((at, character)) = chars.next() {
        match character {
            '\\' => key.extend(chars.next().map(|(_, escaped)| escaped)),
            '=' | ':' | ' ' | '\t' => {
                rest = line.get(at..).unwrap_or_default().trim_start();
                rest = rest.strip_prefix(['=', ':']).unwrap_or(rest).trim_start();
                break;
            }
            _ => key.push(character),
        }
    }
    (key, unescape(rest.trim_end()))
}

fn unescape(text: &str) -> String {
    let mut plain = String::new();
    let mut chars = text.chars();
    while let Some(character) = chars.next() {
        match character {
            '\\' => match chars.next() {
                Some('n') => plain.push('\n'),
                Some('t') => plain.push('\t'),
                Some(escaped) => plain.push(escaped),
                None => {}
            },
            _ => plain.push(character),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn files_are_read_as_java_reads_them() {
        let text = "# a comment\n\nnode.id=1\n log.dirs = /a, /b \n!x\nkey:with colon\nlong=one,\\\n  two\nescaped\\ key=a\\\\b\nempty=\n";
        let expected =
            [("node.id", "1"), ("log.dirs", "/a, /b"), ("key", "with colon"), ("long", "one,two"), ("escaped key", "a\\b"), ("empty", "")];
        let expected: Vec<(String, String)> = expected.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        assert_eq!(parse(text), expected);
        assert_eq!(parse(""), vec![]);
    }
}
