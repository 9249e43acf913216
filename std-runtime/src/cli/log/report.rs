//! The report of what was found: for people, and for programs.

use std::io::{self, Write};

use millpond_core::log::verify::finding::Unreadable;
use millpond_core::log::verify::verifier::Totals;
use serde_json::{Value, json};

use crate::cli::table::write_json;

use super::findings::{Outcome, Outcomes, Remedy, Seen, Told};

/// How many spans of offsets the summary of a partition names.
const SPANS_NAMED: usize = 5;

/// Writes the report for people: a line for each finding, one for each damaged partition, and the sums.
///
/// # Errors
/// When it cannot be written.
pub fn text(outcomes: &Outcomes, out: &mut dyn Write) -> io::Result<()> {
    for told in &outcomes.beside {
        writeln!(out, "{}", line(told))?;
    }
    for outcome in &outcomes.partitions {
        let unfinished = outcome.seen.told.iter().filter(|told| !told.is_damage).count();
        if unfinished > 0 {
            let files = counted(u64::try_from(unfinished).unwrap_or(u64::MAX), "file");
            writeln!(out, "{}: {files} of work that is not done, which a broker ends when it starts", outcome.name)?;
        }
        for told in outcome.seen.told.iter().filter(|told| told.is_damage) {
            writeln!(out, "{}", line(told))?;
        }
        if !outcome.seen.is_sound() {
            writeln!(out, "{}: {}", outcome.name, summary(outcome))?;
        }
    }
    let sums = sums(outcomes);
    let damaged = outcomes.partitions.iter().filter(|outcome| !outcome.seen.is_sound()).count();
    let verdict = match damaged {
        0 => "all of it sound".to_owned(),
        _ => format!("{damaged} damaged, {} % of the bytes sound", percent(&sums)),
    };
    let partitions = counted(u64::try_from(outcomes.partitions.len()).unwrap_or(u64::MAX), "partition");
    let (segments, bytes) = (counted(sums.segments.into(), "segment"), counted(sums.bytes, "byte"));
    writeln!(out, "{partitions}, {segments}, {} batches, {bytes}: {verdict}", sums.batches)?;
    if sums.batches_unopened > 0 {
        let hint = if outcomes.deep { "too large or unknown" } else { "compressed; --deep looks into them" };
        writeln!(out, "of {} batches only the checksum was looked at: {hint}", sums.batches_unopened)?;
    }
    Ok(())
}

/// What is to be said at the end when not all is well.
#[must_use]
pub fn verdict(outcomes: &Outcomes) -> Option<String> {
    if outcomes.is_sound() && (!outcomes.repair || outcomes.is_lossless()) {
        return None;
    }
    let lost: u64 = outcomes.partitions.iter().map(|outcome| outcome.seen.offsets_lost()).sum();
    let lossless = outcomes.is_lossless();
    Some(match (outcomes.repair, outcomes.is_sound()) {
        (true, true) => format!("repaired; {} could not be saved", counted(lost, "offset")),
        (true, false) => "not all of the damage could be repaired".to_owned(),
        (false, _) if lossless => "damage was found; no records are lost by it".to_owned(),
        (false, _) => format!("damage was found; {} cannot be read", counted(lost, "offset")),
    })
}

fn line(told: &Told) -> String {
    let place = if told.bytes > 0 { format!(", byte {}, {}", told.position, counted(told.bytes, "byte")) } else { String::new() };
    let offsets = told.offsets.map_or(String::new(), |offsets| format!("; {} cannot be read", span(&offsets)));
    format!("{}{place}: {}{offsets}", told.file, told.reason)
}

fn span(offsets: &Unreadable) -> String {
    match (offsets.end, offsets.count()) {
        (None, _) => format!("offsets from {} on", offsets.first),
        (Some(_), 1) => format!("offset {}", offsets.first),
        (Some(end), count) => format!("offsets {} to {} ({count})", offsets.first, end.0.saturating_sub(1)),
    }
}

fn summary(outcome: &Outcome) -> String {
    let lost = spans(&outcome.seen.lost);
    let lost = if lost.is_empty() { "no offset is lost".to_owned() } else { format!("{lost} cannot be read") };
    let share = percent(&outcome.seen.totals);
    let saved = match &outcome.after {
        Some(after) if after.is_sound() => "repaired: all that can be read is sound now".to_owned(),
        Some(after) => format!("not repaired: {}", left(outcome, after)),
        None => match left(outcome, &outcome.seen) {
            none if none.is_empty() => "all the rest can be saved, with --repair".to_owned(),
            left => format!("cannot be repaired: {left}"),
        },
    };
    let aside = outcome.set_aside.as_ref().map_or(String::new(), |path| format!("; the bytes as they were are in {path}"));
    format!("{lost}; {share} % of the bytes are sound; {saved}{aside}")
}

/// What a repair leaves alone.
fn left(outcome: &Outcome, seen: &Seen) -> String {
    let mut left: Vec<&str> =
        seen.told.iter().filter(|told| told.is_damage && told.remedy == Remedy::None).map(|told| &*told.file).collect();
    left.dedup();
    if outcome.is_catalogue && !seen.lost.is_empty() {
        return "it is the catalogue, on which no broker starts while it is damaged; restore it from a copy".to_owned();
    }
    left.join(", ")
}

/// The first of them; the lines above have all.
fn spans(lost: &[Unreadable]) -> String {
    let mut words = lost.iter().take(SPANS_NAMED).map(span).collect::<Vec<_>>().join(", ");
    let count: u64 = lost.iter().skip(SPANS_NAMED).map(Unreadable::count).sum();
    if count > 0 {
        words.push_str(&format!(" and {} elsewhere", counted(count, "offset")));
    }
    words
}

/// A number of things.
fn counted(count: u64, thing: &str) -> String {
    if count == 1 { format!("1 {thing}") } else { format!("{count} {thing}s") }
}

/// A share in hundredths, rounded down: only all is 100.
fn percent(totals: &Totals) -> String {
    let tenths = (u128::from(totals.bytes_sound) * 1000).checked_div(totals.bytes.into()).unwrap_or(1000);
    format!("{}.{}", tenths / 10, tenths % 10)
}

fn sums(outcomes: &Outcomes) -> Totals {
    let mut sums = Totals::default();
    for totals in outcomes.partitions.iter().map(|outcome| &outcome.seen.totals) {
        sums.segments += totals.segments;
        sums.batches += totals.batches;
        sums.records += totals.records;
        sums.bytes += totals.bytes;
        sums.bytes_sound += totals.bytes_sound;
        sums.bytes_damaged += totals.bytes_damaged;
        sums.batches_unopened += totals.batches_unopened;
        sums.offsets_absent += totals.offsets_absent;
    }
    sums
}

/// Writes the report for programs: one object.
///
/// # Errors
/// When it cannot be written.
pub fn json(outcomes: &Outcomes, out: &mut dyn Write) -> io::Result<()> {
    let sums = sums(outcomes);
    let damaged = outcomes.partitions.iter().filter(|outcome| !outcome.seen.is_sound()).count();
    let lost: u64 = outcomes.partitions.iter().map(|outcome| outcome.seen.offsets_lost()).sum();
    let findings = outcomes.beside.len() + outcomes.partitions.iter().map(|outcome| outcome.seen.told.len()).sum::<usize>();
    let mut totals = totals_json(&sums);
    merge(&mut totals, json!({ "partitions": outcomes.partitions.len(), "partitions_damaged": damaged }));
    merge(&mut totals, json!({ "offsets_lost": lost, "findings": findings }));
    let value = json!({
        "directory": outcomes.directory,
        "deep": outcomes.deep,
        "repair": outcomes.repair,
        "sound": outcomes.is_sound(),
        "lossless": outcomes.is_lossless(),
        "totals": totals,
        "findings": outcomes.beside.iter().map(told_json).collect::<Vec<_>>(),
        "findings_after": outcomes.beside_after.as_ref().map(|told| told.iter().map(told_json).collect::<Vec<_>>()),
        "partitions": outcomes.partitions.iter().map(outcome_json).collect::<Vec<_>>(),
    });
    write_json(out, &value)
}

fn outcome_json(outcome: &Outcome) -> Value {
    let (topic, partition) = outcome.partition.as_ref().map_or((None, None), |(topic, index)| (Some(topic), Some(index)));
    json!({
        "directory": outcome.name,
        "topic": topic,
        "partition": partition,
        "catalogue": outcome.is_catalogue,
        "recovery_point": outcome.recovery_point.map(|point| point.0),
        "before": seen_json(&outcome.seen),
        "after": outcome.after.as_ref().map(seen_json),
        "set_aside": outcome.set_aside,
    })
}

fn seen_json(seen: &Seen) -> Value {
    let mut value = totals_json(&seen.totals);
    merge(
        &mut value,
        json!({
            "sound": seen.is_sound(),
            "log_start": seen.totals.begin.map(|begin| begin.0),
            "log_end": seen.totals.end.0,
            "offsets_lost": seen.offsets_lost(),
            "lost": seen.lost.iter().map(span_json).collect::<Vec<_>>(),
            "findings": seen.told.iter().map(told_json).collect::<Vec<_>>(),
        }),
    );
    value
}

fn totals_json(totals: &Totals) -> Value {
    json!({
        "segments": totals.segments,
        "batches": totals.batches,
        "batches_unopened": totals.batches_unopened,
        "records": totals.records,
        "bytes": totals.bytes,
        "bytes_sound": totals.bytes_sound,
        "bytes_damaged": totals.bytes_damaged,
        "offsets_absent": totals.offsets_absent,
    })
}

fn told_json(told: &Told) -> Value {
    json!({
        "file": told.file,
        "position": told.position,
        "bytes": told.bytes,
        "kind": told.kind,
        "reason": told.reason,
        "damage": told.is_damage,
        "remedy": told.remedy.word(),
        "offsets": told.offsets.as_ref().map(span_json),
    })
}

/// Both ends belong to it; an end that nobody knows is null.
fn span_json(offsets: &Unreadable) -> Value {
    json!({ "first": offsets.first.0, "last": offsets.end.map(|end| end.0.saturating_sub(1)) })
}

fn merge(value: &mut Value, more: Value) {
    if let (Value::Object(value), Value::Object(more)) = (value, more) {
        value.extend(more);
    }
}
