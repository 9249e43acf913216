//! The settings that say what clients are to measure. Source: KIP-714; `ClientMetricsConfigs`.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;

use super::key::Kind;

/// A setting of a subscription.
#[derive(Clone, Copy, Debug)]
pub struct MetricsKey {
    /// Its name.
    pub name: &'static str,
    /// What kind of value it takes.
    pub kind: Kind,
    /// What holds when it is not set.
    pub default: &'static str,
    /// What it means.
    pub doc: &'static str,
}

/// All of them.
pub const KEYS: &[MetricsKey] = &[
    MetricsKey { name: "interval.ms", kind: Kind::Int, default: "300000", doc: "Milliseconds between two reports of a client." },
    MetricsKey { name: "match", kind: Kind::List, default: "", doc: "Which clients, as NAME=PATTERN; none for all." },
    MetricsKey { name: "metrics", kind: Kind::List, default: "", doc: "What is measured: the beginnings of names." },
];

/// What of a client can be matched.
const MATCHED: [&str; 6] =
    ["client_instance_id", "client_id", "client_software_name", "client_software_version", "client_source_address", "client_source_port"];
/// The shortest and the longest interval. Unit: ms.
const INTERVAL: (i64, i64) = (100, 3_600_000);

/// What is wrong with a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadSubscription {
    /// The request makes no sense.
    Request(String),
    /// A value is not what it should be.
    Value(String),
}

/// Checks all settings of a subscription together; `is_pattern` says whether a text is a regular expression.
///
/// # Errors
/// What is wrong, in words.
pub fn check(own: &BTreeMap<String, String>, is_pattern: impl Fn(&str) -> bool) -> Result<(), BadSubscription> {
    if let Some(name) = own.keys().find(|name| !KEYS.iter().any(|key| key.name == name.as_str())) {
        return Err(BadSubscription::Request(format!("Unknown client metrics configuration: {name}")));
    }
    if let Some(interval) = own.get("interval.ms") {
        let number = interval.trim().parse::<i32>();
        let number = number.map_err(|_| {
            BadSubscription::Value(format!("Invalid value {interval} for configuration interval.ms: Not a number of type INT"))
        })?;
        if !(INTERVAL.0..=INTERVAL.1).contains(&i64::from(number)) {
            let (min, max) = INTERVAL;
            let message = format!("Invalid value {number} for interval.ms, interval must be between {min} and {max} (1 hour)");
            return Err(BadSubscription::Request(message));
        }
    }
    let patterns = own.get("match").map(String::as_str).unwrap_or_default();
    let wrong = patterns.split(',').map(str::trim).filter(|pattern| !pattern.is_empty()).find(|pattern| {
        let is_right = |(name, value): (&str, &str)| {
            MATCHED.contains(&name.trim()) && !value.is_empty() && !value.contains('=') && is_pattern(value.trim())
        };
        !pattern.split_once('=').is_some_and(is_right)
    });
    wrong.map_or(Ok(()), |pattern| Err(BadSubscription::Value(format!("Illegal client matching pattern: {pattern}"))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn subscriptions_are_checked_as_a_whole() {
        let checked = |name: &str, value: &str| check(&BTreeMap::from([(name.to_string(), value.to_string())]), |text| text != "[");
        assert_eq!(checked("match", "client_id=a.*, client_source_port=9"), Ok(()));
        assert_eq!(checked("metrics", "org.apache.kafka.producer."), Ok(()));
        assert!(matches!(checked("interval.ms", "5"), Err(BadSubscription::Request(_))));
        assert!(matches!(checked("interval.ms", "soon"), Err(BadSubscription::Value(_))));
        assert!(matches!(checked("nosuch", "1"), Err(BadSubscription::Request(_))));
        for wrong in ["nosuch=c1", "client_id", "client_id=", "client_id=a=b", "client_id=["] {
            assert_eq!(checked("match", wrong), Err(BadSubscription::Value(format!("Illegal client matching pattern: {wrong}"))));
        }
    }
}
