//! What a key is.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use millpond_core::log::config::LogConfig;

use super::broker_config::BrokerConfig;
use super::groups::GroupSettings;

/// What kind of value a key takes, as DescribeConfigs numbers it. Source: `DescribeConfigsResponse.ConfigType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i8)]
pub enum Kind {
    /// `true` or `false`.
    Boolean = 1,
    /// Text.
    String = 2,
    /// A number of 32 bits.
    Int = 3,
    /// A number of 16 bits.
    Short = 4,
    /// A number of 64 bits.
    Long = 5,
    /// A number with a fraction.
    Double = 6,
    /// Texts, separated by commas.
    List = 7,
}

impl Kind {
    /// The number that DescribeConfigs answers.
    #[must_use]
    pub const fn number(self) -> i8 {
        self as i8
    }
}

/// What a value must obey.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// Nothing.
    Any,
    /// A number no smaller than this.
    AtLeast(i64),
    /// A number in this range, both ends included.
    Between(i64, i64),
    /// A fraction in this range, both ends included.
    Fraction(f64, f64),
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// Some of these words.
    ManyOf(&'static [&'static str]),
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => Ok(()),
            Self::AtLeast(min) => write!(f, "at least {min}"),
            Self::Between(min, max) => write!(f, "between {min} and {max}"),
            Self::Fraction(min, max) => write!(f, "between {min} and {max}"),
            Self::OneOf(words) => write!(f, "one of {}", words.join(", ")),
            Self::ManyOf(words) => write!(f, "some of {}", words.join(", ")),
        }
    }
}

/// Where a value goes when it is set.
#[derive(Clone, Copy, Debug)]
pub enum Setter {
    /// Into the broker's settings.
    Broker(fn(&mut BrokerConfig, &Parsed<'_>)),
    /// Into the settings of a log: the broker's default, or a topic's own.
    Log(fn(&mut LogConfig, &Parsed<'_>)),
    /// Into the settings of a group: the broker's default, or a group's own.
    Group(fn(&mut GroupSettings, &Parsed<'_>)),
    /// Nowhere yet: the key is known, kept and shown, and its doc says that it has no effect.
    Kept,
}

/// A key: one row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name in a broker's configuration; empty for keys that only topics or groups have.
    pub name: &'static str,
    /// Its name among a topic's settings, if topics have it.
    pub topic_name: Option<&'static str>,
    /// Its name among a group's settings, if groups have it.
    pub group_name: Option<&'static str>,
    /// What kind of value it takes.
    pub kind: Kind,
    /// Its default, in the spelling of a configuration file; `None` when there is none.
    pub default: Option<&'static str>,
    /// What a value must obey.
    pub rule: Rule,
    /// Whether it can be changed while the broker runs.
    pub dynamic: bool,
    /// Whether its value is never shown.
    pub sensitive: bool,
    /// What it means; the unit first.
    pub doc: &'static str,
    /// Where its value goes.
    pub set: Setter,
}

/// A value that obeys its key.
#[derive(Clone, Debug, PartialEq)]
pub enum Parsed<'a> {
    /// Of a [`Kind::Boolean`].
    Bool(bool),
    /// Of a number.
    Int(i64),
    /// Of a [`Kind::Double`].
    Double(f64),
    /// Of a [`Kind::String`].
    Text(&'a str),
    /// Of a [`Kind::List`].
    List(Vec<&'a str>),
}

impl Parsed<'_> {
    /// The number; 0 for other kinds.
    #[must_use]
    pub const fn int(&self) -> i64 {
        match self {
            Self::Int(number) => *number,
            _ => 0,
        }
    }

    /// The number with a fraction; 0 for other kinds.
    #[must_use]
    pub const fn double(&self) -> f64 {
        match self {
            Self::Double(number) => *number,
            _ => 0.0,
        }
    }

    /// The truth; false for other kinds.
    #[must_use]
    pub const fn bool(&self) -> bool {
        matches!(self, Self::Bool(true))
    }

    /// The text; empty for other kinds.
    #[must_use]
    pub const fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            _ => "",
        }
    }

    /// The words; none for other kinds.
    #[must_use]
    pub fn list(&self) -> &[&str] {
        match self {
            Self::List(words) => words,
            _ => &[],
        }
    }
}

/// A value that does not obey its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadValue {
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
    /// What it should have been.
    pub rule: String,
}

impl fmt::Display for BadValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Invalid value {} for configuration {}: it must be {}", self.value, self.key, self.rule)
    }
}

impl core::error::Error for BadValue {}

impl Key {
    /// Reads a value as this key reads it.
    ///
    /// # Errors
    /// [`BadValue`] when it is of another kind or breaks the rule.
    pub fn parse<'a>(&self, value: &'a str) -> Result<Parsed<'a>, BadValue> {
        let value = value.trim();
        let bad = |rule: String| BadValue { key: self.shown_name().to_string(), value: value.to_string(), rule };
        let parsed = match self.kind {
            Kind::Boolean if value.eq_ignore_ascii_case("true") => Parsed::Bool(true),
            Kind::Boolean if value.eq_ignore_ascii_case("false") => Parsed::Bool(false),
            Kind::Boolean => return Err(bad("true or false".to_string())),
            Kind::String => Parsed::Text(value),
            Kind::List => Parsed::List(value.split(',').map(str::trim).filter(|word| !word.is_empty()).collect()),
            Kind::Int | Kind::Short | Kind::Long => {
                let (min, max) = match self.kind {
                    Kind::Int => (i64::from(i32::MIN), i64::from(i32::MAX)),
                    Kind::Short => (i64::from(i16::MIN), i64::from(i16::MAX)),
                    _ => (i64::MIN, i64::MAX),
                };
                let number = value.parse().ok().filter(|number| (min..=max).contains(number));
                Parsed::Int(number.ok_or_else(|| bad(alloc::format!("a whole number from {min} to {max}")))?)
            }
            Kind::Double => Parsed::Double(value.parse().map_err(|_| bad("a number".to_string()))?),
        };
        if self.obeys(&parsed) { Ok(parsed) } else { Err(bad(self.rule.to_string())) }
    }

    fn obeys(&self, parsed: &Parsed<'_>) -> bool {
        match (self.rule, parsed) {
            (Rule::AtLeast(min), Parsed::Int(number)) => *number >= min,
            (Rule::Between(min, max), Parsed::Int(number)) => (min..=max).contains(number),
            (Rule::Fraction(min, max), Parsed::Double(number)) => (min..=max).contains(number),
            (Rule::OneOf(words), Parsed::Text(text)) => words.contains(text),
            (Rule::ManyOf(words), Parsed::List(list)) => !list.is_empty() && list.iter().all(|word| words.contains(word)),
            _ => true,
        }
    }

    /// The name that a message shows: the broker's, or the topic's or the group's where there is no other.
    #[must_use]
    pub fn shown_name(&self) -> &'static str {
        if self.name.is_empty() { self.topic_name.or(self.group_name).unwrap_or_default() } else { self.name }
    }
}
