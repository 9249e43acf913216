//! How a test says that it cannot run here.

/// Says by name that a test is skipped, and what it lacks.
///
/// # Panics
/// When `MILLPOND_SKIPS_FAIL=1`: where everything a test needs is there by agreement, a skip is a failure.
pub fn skip(test: &str, lacks: &str) {
    let message = format!("skipped: {test} ({lacks})");
    assert!(std::env::var_os("MILLPOND_SKIPS_FAIL").is_none_or(|value| value != "1"), "{message}");
    println!("{message}");
}

/// The value of an environment variable that a test needs; without it the test is skipped.
///
/// # Panics
/// As [`skip`] does.
#[must_use]
pub fn variable_or_skip(test: &str, variable: &str, meaning: &str) -> Option<String> {
    let value = std::env::var(variable).ok().filter(|value| !value.is_empty());
    if value.is_none() {
        skip(test, &format!("set {variable} to {meaning}"));
    }
    value
}
