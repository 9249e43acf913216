//! Times as people write them.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Reads a time, as ISO 8601 has it: `2026-05-01T12:00:00Z`, `2026-05-01T12:00:00+02:00`; without a zone it is UTC's, a day alone is its
/// first moment. Answers ms since the epoch.
///
/// # Errors
/// What is wrong with it, in words.
pub fn parse(text: &str) -> Result<i64, String> {
    if let Ok(stamp) = text.parse::<jiff::Timestamp>() {
        return Ok(stamp.as_millisecond());
    }
    let civil: DateTime = text.parse().map_err(|error| format!("{text} is no time such as 2026-05-01T12:00:00Z: {error}"))?;
    let zoned = civil.to_zoned(TimeZone::UTC).map_err(|error| format!("{text} is no time: {error}"))?;
    Ok(zoned.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_and_without_a_zone() {
        assert_eq!(parse("1970-01-01T00:00:01Z"), Ok(1000));
        assert_eq!(parse("1970-01-01T02:00:00.5+02:00"), Ok(500));
        assert_eq!(parse("1970-01-02T00:00:00.250"), Ok(86_400_250));
        assert_eq!(parse("1970-01-02"), Ok(86_400_000));
        assert!(parse("yesterday").expect_err("no time").starts_with("yesterday is no time such as"));
    }
}
