//! The settings of single groups: what they may be, and what is in force. Source: KIP-848, KIP-932, KIP-1071; `GroupConfig`.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;

use millpond_core::group::config::GroupConfig;
use millpond_core::share::config::ShareLimits;
use millpond_core::time::Millis;

use super::broker_config::BrokerConfig;
use super::key::{Kind, Parsed, Setter};
use super::keys;

/// What holds for a group: the broker's defaults, with what the group has of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupSettings {
    /// Of its members.
    pub group: GroupConfig,
    /// Of what a share group delivers.
    pub share: ShareLimits,
    /// Where a share group begins.
    pub share_reset: ShareReset,
    /// Whether a share group is delivered records of transactions only once they are committed.
    pub is_share_committed_only: bool,
}

/// Where a share group begins in a partition that is new to it. Source: `ShareGroupAutoOffsetResetStrategy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ShareReset {
    /// At the first record there is.
    Earliest,
    /// Behind the last one.
    #[default]
    Latest,
    /// At the first one that is no older than this when it is looked for.
    ByDuration(Millis),
}

impl ShareReset {
    /// `earliest`, `latest`, or `by_duration:` and a duration.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            None if text == "earliest" => Some(Self::Earliest),
            None if text == "latest" => Some(Self::Latest),
            Some(("by_duration", text)) => duration(text).map(Self::ByDuration),
            None | Some(_) => None,
        }
    }
}

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
        if name == "share.auto.offset.reset" && ShareReset::parse(value).is_none() {
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

/// A duration as ISO 8601 writes it, of days and shorter: `PnDTnHnMn.nS`, at least one of these, not negative.
fn duration(text: &str) -> Option<Millis> {
    let rest = text.strip_prefix(['P', 'p'])?;
    let (days, time) = rest.split_once(['T', 't']).map_or((rest, None), |(days, time)| (days, Some(time)));
    if days.is_empty() && time.is_none() || time == Some("") {
        return None;
    }
    let mut sum = Millis(0);
    for (mut text, units) in [(days, &[('D', DAY)][..]), (time.unwrap_or_default(), &TIME_UNITS)] {
        for (unit, millis) in units {
            let Some((amount, rest)) = text.split_once([*unit, unit.to_ascii_lowercase()]) else { continue };
            sum = Millis(sum.0.checked_add(amount_of(amount, *millis, *unit == 'S')?)?);
            text = rest;
        }
        if !text.is_empty() {
            return None;
        }
    }
    Some(sum)
}

const DAY: u64 = 86_400_000;
/// Units of the time of a day, in their order, in milliseconds.
const TIME_UNITS: [(char, u64); 3] = [('H', 3_600_000), ('M', 60_000), ('S', 1_000)];

/// So many of a unit, in milliseconds; what is shorter than one is dropped.
fn amount_of(text: &str, unit: u64, has_fraction: bool) -> Option<u64> {
    let (whole, part) = text.split_once('.').filter(|_| has_fraction).unwrap_or((text, "0"));
    let digits = |text: &str| (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then_some(());
    digits(whole).and(digits(part))?;
    let thousandths: u64 = format!("{part:0<3}").get(..3)?.parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(unit)?.checked_add(if has_fraction { thousandths } else { 0 })
}

/// The settings in force for one group, given those of its own: over the broker's defaults, and within the broker's bounds, which may have
/// become narrower since they were set. Source: `GroupConfig.evaluate`.
#[must_use]
pub fn effective<'e>(config: &BrokerConfig, own: impl IntoIterator<Item = (&'e str, &'e str)>) -> GroupSettings {
    let mut groups = config.groups;
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
        set(&mut groups, &parsed);
    }
    groups
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
        let group = effective(&config, own).group;
        assert_eq!((group.consumer_session_timeout, group.consumer_heartbeat_interval), (Millis(48_000), Millis(6_000)));
        assert_eq!(group.consumer_assignment_interval, config.groups.group.consumer_assignment_interval);
    }

    #[test]
    fn durations_are_those_of_iso_8601() {
        for (right, millis) in
            [("P1D", DAY), ("PT5S", 5_000), ("PT0.5S", 500), ("P2DT3H4M5.6789S", 2 * DAY + 11_045_678), ("pt1h", 3_600_000)]
        {
            assert_eq!(duration(right), Some(Millis(millis)), "{right}");
        }
        for wrong in ["", "P", "PT", "1D", "P1", "P-1D", "PT1D", "PT1.5H", "P1DT", "PT5S1H", "PT.5S", "PT5.S", "P99999999999999D"] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }
}
