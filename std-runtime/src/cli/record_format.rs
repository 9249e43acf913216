//! How a record that was read looks.

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::client::fetcher::Fetched;

/// What a key or value that is null looks like, outside of JSON. Source: kafka-console-consumer.
const NULL: &[u8] = b"null";

/// How records are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordFormat {
    /// A line each: the value, and before it what else is asked for.
    Line(Line),
    /// A line of JSON each.
    Json,
    /// As a pattern says.
    Pattern(Vec<Part>),
}

/// What stands in a line before the value, in this order. Source: kafka-console-consumer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own on the command line")]
pub struct Line {
    /// The time, and whose it is.
    pub timestamp: bool,
    /// The partition.
    pub partition: bool,
    /// The offset.
    pub offset: bool,
    /// The headers.
    pub headers: bool,
    /// The key.
    pub key: bool,
}

/// A piece of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// These bytes.
    Bytes(Vec<u8>),
    /// `%k`
    Key,
    /// `%v`
    Value,
    /// `%t`
    Topic,
    /// `%p`
    Partition,
    /// `%o`
    Offset,
    /// `%T`: ms since the epoch.
    Timestamp,
    /// `%h`: `key=value`, with commas between.
    Headers,
}

impl RecordFormat {
    /// Reads `value`, `json` or a pattern.
    ///
    /// # Errors
    /// What is wrong with the pattern, in words.
    pub fn parse(text: &str, line: Line) -> Result<Self, String> {
        match text {
            "value" => Ok(Self::Line(line)),
            "json" => Ok(Self::Json),
            pattern if pattern.contains('%') => parts(pattern).map(Self::Pattern),
            other => Err(format!("{other} is neither value, json nor a pattern with %k, %v, %t, %p, %o, %T or %h")),
        }
    }

    /// Writes a record.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, out: &mut dyn Write, record: &Fetched<'_>) -> io::Result<()> {
        match self {
            Self::Line(line) => write_line(out, *line, record),
            Self::Json => writeln!(out, "{}", as_json(record)),
            Self::Pattern(parts) => parts.iter().try_for_each(|part| write_part(out, part, record)),
        }
    }
}

fn parts(pattern: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        if letter == '\\' {
            plain.push(match letters.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                Some('r') => '\r',
                Some('0') => '\0',
                Some('\\') => '\\',
                other => {
                    return Err(format!("\\{} means nothing; \\n, \\t, \\r, \\0 and \\\\ do", other.map_or(String::new(), String::from)));
                }
            });
            continue;
        }
        if letter != '%' {
            plain.push(letter);
            continue;
        }
        let part = match letters.next() {
            Some('%') => {
                plain.push('%');
                continue;
            }
            Some('k') => Part::Key,
            Some('v') => Part::Value,
            Some('t') => Part::Topic,
            Some('p') => Part::Partition,
            Some('o') => Part::Offset,
            Some('T') => Part::Timestamp,
            Some('h') => Part::Headers,
            other => {
                let other = other.map_or(String::new(), String::from);
                return Err(format!("%{other} means nothing; %k, %v, %t, %p, %o, %T, %h and %% do"));
            }
        };
        if !plain.is_empty() {
            parts.push(Part::Bytes(core::mem::take(&mut plain).into_bytes()));
        }
        parts.push(part);
    }
    if !plain.is_empty() {
        parts.push(Part::Bytes(plain.into_bytes()));
    }
    Ok(parts)
}

fn write_part(out: &mut dyn Write, part: &Part, record: &Fetched<'_>) -> io::Result<()> {
    match part {
        Part::Bytes(bytes) => out.write_all(bytes),
        Part::Key => out.write_all(record.key.unwrap_or(NULL)),
        Part::Value => out.write_all(record.value.unwrap_or(NULL)),
        Part::Topic => write!(out, "{}", record.topic),
        Part::Partition => write!(out, "{}", record.partition),
        Part::Offset => write!(out, "{}", record.offset),
        Part::Timestamp => write!(out, "{}", record.timestamp.unwrap_or(-1)),
        Part::Headers => write_headers(out, record, b'='),
    }
}

fn write_headers(out: &mut dyn Write, record: &Fetched<'_>, between: u8) -> io::Result<()> {
    for (index, header) in record.headers.enumerate() {
        if index > 0 {
            out.write_all(b",")?;
        }
        out.write_all(header.key)?;
        out.write_all(&[between])?;
        out.write_all(header.value.unwrap_or(NULL))?;
    }
    Ok(())
}

fn write_line(out: &mut dyn Write, line: Line, record: &Fetched<'_>) -> io::Result<()> {
    if line.timestamp {
        match record.timestamp {
            Some(ms) => write!(out, "{}:{ms}\t", if record.is_append_time { "LogAppendTime" } else { "CreateTime" })?,
            None => write!(out, "NO_TIMESTAMP\t")?,
        }
    }
    if line.partition {
        write!(out, "Partition:{}\t", record.partition)?;
    }
    if line.offset {
        write!(out, "Offset:{}\t", record.offset)?;
    }
    if line.headers {
        if record.headers.size_hint().0 == 0 {
            out.write_all(b"NO_HEADERS")?;
        }
        write_headers(out, record, b':')?;
        out.write_all(b"\t")?;
    }
    if line.key {
        out.write_all(record.key.unwrap_or(NULL))?;
        out.write_all(b"\t")?;
    }
    out.write_all(record.value.unwrap_or(NULL))?;
    out.write_all(b"\n")
}

/// Text as it is, null as null, other bytes as `{"base64": "..."}`.
fn faithful(bytes: Option<&[u8]>) -> Value {
    match bytes.map(|bytes| (core::str::from_utf8(bytes), bytes)) {
        None => Value::Null,
        Some((Ok(text), _)) => text.into(),
        Some((Err(_), bytes)) => json!({ "base64": STANDARD.encode(bytes) }),
    }
}

fn as_json(record: &Fetched<'_>) -> Value {
    let headers: Vec<Value> =
        record.headers.map(|header| json!({ "key": faithful(Some(header.key)), "value": faithful(header.value) })).collect();
    json!({
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        "timestamp_type": if record.is_append_time { "LogAppendTime" } else { "CreateTime" },
        "headers": headers,
        "key": faithful(record.key),
        "value": faithful(record.value),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_read_or_told_what_is_wrong() {
        let read = |text| RecordFormat::parse(text, Line::default());
        let expected = vec![Part::Key, Part::Bytes(b"\t%".to_vec()), Part::Value, Part::Bytes(b"\n".to_vec())];
        assert_eq!(read("%k\\t%%%v\\n"), Ok(RecordFormat::Pattern(expected)));
        assert_eq!(read("json"), Ok(RecordFormat::Json));
        assert!(read("%x").expect_err("unknown").starts_with("%x means nothing"));
        assert!(read("%v%").expect_err("cut").starts_with("% means nothing"));
        assert!(read("%v\\q").expect_err("unknown").starts_with("\\q means nothing"));
        assert!(read("jsn").expect_err("unknown").starts_with("jsn is neither"));
    }
}
