//! The settings of single groups: what they may be, and what is in force. Source: KIP-848, KIP-932, KIP-1071; `GroupConfig`.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;

use millpond_core::group::config::GroupConfig;

use super::broker_config::BrokerConfig;
use super::key::{Kind, Parsed, Setter};
use super::keys;

/// Between what broker's keys a setting of a group must lie. Source: `GroupConfig.validateValues`.
const BOUNDS: &[(&str, Option<&str>, &str)] = &[
    bounds("consumer.heartbeat.interval.ms", "group.consumer.min.heartbeat.interval.ms", "group.consumer.max.heartbeat.interval.ms"),
    bounds("consumer.session.timeout.ms", "group.consumer.min.session.timeout.ms", "group.consumer.max.session.timeout.ms"),
    bounds("consumer.assignment.interval.ms", "group.consumer.min.assignment.interval.ms", "group.consumer.max.assignment.interval.ms"),
    bounds("share.heartbeat.interval.ms", "group.share.min.heartbeat.interval.ms", "group.share.max.heartbeat.interval.ms"),
    bounds("share.session.timeout.ms", "group.share.min.session.timeout.ms", "group.share.max.session.timeout.ms"),
    bounds("share.record.lock.duration.ms", "group.share.min.record.lock.duration.ms", "group.share.max.record.lock.duration.ms"),
    bounds("share.delivery.count.limit", "group.share.min.delivery.count.limit", "group.share.max.delivery.count.limit"),
    bounds("share.partition.max.record.locks", "group.share.min.partition.max.record.locks", "group.share.max.partition.max.record.locks"),
    bounds("share.assignment.interval.ms", "group.share.min.assignment.interval.ms", "group.share.max.assignment.interval.ms"),
    bounds("streams.heartbeat.interval.ms", "group.streams.min.heartbeat.interval.ms", "group.streams.max.heartbeat.interval.ms"),
    bounds("streams.session.timeout.ms", "group.streams.min.session.timeout.ms", "group.streams.max.session.timeout.ms"),
    ("streams.num.standby.replicas", None, "group.streams.max.standby.replicas"),
    bounds("streams.assignment.interval.ms", "group.streams.min.assignment.interval.ms", "group.streams.max.assignment.interval.ms"),
];

const fn bounds(key: &'static str, min: &'static str, max: &'static str) -> (&'static str, Option<&'static str>, &'static str) {
    (key, Some(min), max)
}

/// A session must outlast the time between two heartbeats.
const OUTLASTS: [(&str, &str); 3] = [
    ("consumer.session.timeout.ms", "consumer.heartbeat.interval.ms"),
    ("share.session.timeout.ms", "share.heartbeat.interval.ms"),
    ("streams.session.timeout.ms", "streams.heartbeat.interval.ms"),
];

/// Checks all settings of a group's own together.
///
/// # Errors
/// What is wrong, in words.
pub fn check(config: &BrokerConfig, own: &BTreeMap<String, String>) -> Result<(), String> {
    for (name, value) in own {
        let key = keys::group_key(name).ok_or_else(|| format!("Unknown group config name: {name}"))?;
        key.parse(value).map_err(|bad| format!("Invalid value {value} for configuration {name}: it must be {}", bad.rule))?;
        if name == "share.auto.offset.reset" && !is_reset_strategy(value) {
            return Err(format!("Invalid value {value} for configuration {name}: it must be earliest, latest or by_duration:PnDTnHnMn.nS"));
        }
    }
    let value = |name: &str| number(config, own, name);
    for (name, min, max) in BOUNDS.iter().filter(|(name, _, _)| own.contains_key(*name)) {
        if let Some(min) = min
            && value(name) < number(config, own, min)
        {
            return Err(format!("{name} must be greater than or equal to {min}"));
        }
        if value(name) > number(config, own, max) {
            return Err(format!("{name} must be less than or equal to {max}"));
        }
    }
    match OUTLASTS.iter().find(|(session, heartbeat)| value(session) <= value(heartbeat)) {
        Some((session, heartbeat)) => Err(format!("{session} must be greater than {heartbeat}")),
        None => Ok(()),
    }
}

/// The number that a setting of a group has, or a key of the broker.
fn number(config: &BrokerConfig, own: &BTreeMap<String, String>, name: &str) -> i64 {
    let key = keys::group_key(name).or_else(|| keys::broker_key(name));
    let text = own.get(name).map(String::as_str).or_else(|| config.value_of(key?.name));
    key.zip(text).and_then(|(key, text)| key.parse(text).ok()).map_or(0, |parsed| parsed.int())
}

/// `earliest`, `latest`, or so long before now. Source: `ShareGroupAutoOffsetResetStrategy`, KIP-932.
fn is_reset_strategy(value: &str) -> bool {
    match value.split_once(':') {
        None => ["earliest", "latest"].contains(&value),
        Some((word, duration)) => word == "by_duration" && is_duration(duration),
    }
}

/// A duration as ISO 8601 writes it, of days and shorter: `PnDTnHnMn.nS`, at least one of these, not negative.
fn is_duration(text: &str) -> bool {
    let Some(rest) = text.strip_prefix(['P', 'p']) else { return false };
    let (days, time) = rest.split_once(['T', 't']).map_or((rest, None), |(days, time)| (days, Some(time)));
    let has_days = !days.is_empty();
    let days_are_right = !has_days || take(days, 'D', false).is_some_and(str::is_empty);
    let Some(mut time) = time else { return has_days && days_are_right };
    let before = time;
    for (unit, fraction) in [('H', false), ('M', false), ('S', true)] {
        time = take(time, unit, fraction).unwrap_or(time);
    }
    days_are_right && time.is_empty() && !before.is_empty()
}

/// What is behind a number with its unit, if `text` begins with one.
fn take(text: &str, unit: char, fraction: bool) -> Option<&str> {
    let end = text.find(|character: char| character.eq_ignore_ascii_case(&unit))?;
    let (digits, rest) = text.split_at_checked(end)?;
    let (whole, part) = digits.split_once('.').map_or((digits, "0"), |(whole, part)| (whole, part));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_right = is_number(whole) && is_number(part) && (fraction || !digits.contains('.'));
    rest.get(1..).filter(|_| is_right)
}

/// The settings in force for one group, given those of its own: over the broker's defaults, and within the broker's bounds, which may have
/// become narrower since they were set. Source: `GroupConfig.evaluate`.
#[must_use]
pub fn effective<'e>(config: &BrokerConfig, own: impl IntoIterator<Item = (&'e str, &'e str)>) -> GroupConfig {
    let mut group = config.group;
    let none = BTreeMap::new();
    for (name, value) in own {
        let Some(key) = keys::group_key(name) else { continue };
        let (Setter::Group(set), Ok(mut parsed)) = (key.set, key.parse(value)) else { continue };
        if let Some((_, min, max)) = BOUNDS.iter().find(|(of, _, _)| *of == name)
            && key.kind == Kind::Int
        {
            let min = min.map_or(0, |min| number(config, &none, min));
            parsed = Parsed::Int(parsed.int().min(number(config, &none, max)).max(min));
        }
        set(&mut group, &parsed);
    }
    group
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use millpond_core::time::Millis;

    fn checked(own: &[(&str, &str)]) -> Result<(), String> {
        let own = own.iter().map(|(name, value)| ((*name).to_string(), (*value).to_string())).collect();
        check(&BrokerConfig::default(), &own)
    }

    #[test]
    fn settings_of_a_group_lie_within_the_brokers_bounds() {
        assert_eq!(checked(&[("consumer.session.timeout.ms", "50000"), ("share.auto.offset.reset", "by_duration:PT1H30M")]), Ok(()));
        for (name, value, told) in [
            ("consumer.session.timeout.ms", "5", "must be greater than or equal to group.consumer.min.session.timeout.ms"),
            ("consumer.session.timeout.ms", "70000", "must be less than or equal to group.consumer.max.session.timeout.ms"),
            ("streams.num.standby.replicas", "3", "must be less than or equal to group.streams.max.standby.replicas"),
            ("consumer.session.timeout.ms", "soon", "Invalid value soon for configuration consumer.session.timeout.ms"),
            ("share.isolation.level", "dirty", "Invalid value dirty"),
            ("share.auto.offset.reset", "never", "Invalid value never"),
            ("nosuch.key", "5", "Unknown group config name: nosuch.key"),
            ("group.consumer.session.timeout.ms", "50000", "Unknown group config name"),
        ] {
            let refused = checked(&[(name, value)]).unwrap_err();
            assert!(refused.contains(told), "{name}={value}: {refused}");
        }
    }

    #[test]
    fn a_session_outlasts_its_heartbeats() {
        let entries = [("group.consumer.min.session.timeout.ms", "1"), ("group.consumer.max.heartbeat.interval.ms", "60000")];
        let (config, _) = BrokerConfig::from_entries(entries).unwrap();
        let own = [("consumer.session.timeout.ms", "6000"), ("consumer.heartbeat.interval.ms", "6000")];
        let own = own.iter().map(|(name, value)| ((*name).to_string(), (*value).to_string())).collect();
        assert_eq!(
            check(&config, &own),
            Err("consumer.session.timeout.ms must be greater than consumer.heartbeat.interval.ms".to_string())
        );
    }

    #[test]
    fn what_is_in_force_is_the_groups_own_within_the_bounds_of_today() {
        let (config, _) = BrokerConfig::from_entries([("group.consumer.max.session.timeout.ms", "48000")]).unwrap();
        let own = [("consumer.session.timeout.ms", "50000"), ("consumer.heartbeat.interval.ms", "6000"), ("gone.key", "1")];
        let group = effective(&config, own);
        assert_eq!((group.consumer_session_timeout, group.consumer_heartbeat_interval), (Millis(48_000), Millis(6_000)));
        assert_eq!(group.consumer_assignment_interval, config.group.consumer_assignment_interval);
    }

    #[test]
    fn durations_are_those_of_iso_8601() {
        for right in ["P1D", "PT5S", "PT0.5S", "P2DT3H4M5.6S", "pt1h"] {
            assert!(is_duration(right), "{right}");
        }
        for wrong in ["", "P", "PT", "1D", "P1", "P-1D", "PT1D", "PT1.5H", "P1DT", "PT5S1H", "PT.5S"] {
            assert!(!is_duration(wrong), "{wrong}");
        }
    }
}
