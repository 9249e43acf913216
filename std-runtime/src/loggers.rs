//! What is logged, and how it changes while the broker runs. Source: KIP-412; `LoggingController`, `RuntimeLoggerManager`.
//!
//! A program that sets up logging may hand over the key to it, once; without that there are no loggers, and nothing changes. Levels are those
//! of the process, not of one broker in it, and are forgotten when it ends.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};

/// The loggers: all of them, and the rooms of the broker that say something.
pub const NAMES: [&str; 7] = [ROOT, "millpond", "millpond::api", "millpond::disk", "millpond::net", "millpond::tier", "millpond::worker"];
/// What has no level of its own has this one's.
pub const ROOT: &str = "root";

/// How much is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// What cannot go on as it should.
    Error,
    /// What somebody should look at.
    Warn,
    /// What has happened.
    Info,
    /// What is done.
    Debug,
    /// Everything.
    Trace,
}

impl Level {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];

    /// Kafka's name for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Warn => "WARN",
            Self::Info => "INFO",
            Self::Debug => "DEBUG",
            Self::Trace => "TRACE",
        }
    }

    /// The level that Kafka calls so. What is fatal there is an error here.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let name = name.trim();
        if name.eq_ignore_ascii_case("FATAL") {
            return Some(Self::Error);
        }
        Self::ALL.into_iter().find(|level| level.name().eq_ignore_ascii_case(name))
    }
}

/// Why levels stay as they are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoggerError {
    /// There is no such logger.
    #[error("there is no logger {0}")]
    Unknown(String),
    /// There is no such level.
    #[error("{0} is no level of a logger: TRACE, DEBUG, INFO, WARN, ERROR and FATAL are")]
    Level(String),
    /// All others lean on it.
    #[error("the root logger needs a level")]
    RootNeedsLevel,
    /// The program's logging does not take it.
    #[error("the levels cannot be changed: {0}")]
    Failed(String),
}

/// Puts a filter in force: `info,millpond::net=debug`.
pub type Apply = Box<dyn Fn(&str) -> Result<(), String> + Send + Sync>;

/// The loggers of a program.
pub struct Loggers {
    state: Mutex<State>,
    apply: Apply,
}

impl core::fmt::Debug for Loggers {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Loggers").field("state", &self.state).finish_non_exhaustive()
    }
}

#[derive(Clone, Debug)]
struct State {
    /// The filter that the program began with, while nobody has changed the root's level.
    begun_with: Option<String>,
    root: Level,
    own: BTreeMap<&'static str, Level>,
}

impl State {
    fn filter(&self) -> String {
        let root = self.begun_with.clone().unwrap_or_else(|| self.root.name().to_ascii_lowercase());
        let own = self.own.iter().map(|(name, level)| format!("{name}={}", level.name().to_ascii_lowercase()));
        core::iter::once(root).chain(own).collect::<Vec<String>>().join(",")
    }

    /// The level of a logger: its own, or that of the nearest above it.
    fn level(&self, name: &str) -> Level {
        let is_above = |above: &str| name == above || name.strip_prefix(above).is_some_and(|rest| rest.starts_with("::"));
        let above = self.own.iter().filter(|(above, _)| is_above(above)).max_by_key(|(above, _)| above.len());
        above.map_or(self.root, |(_, level)| *level)
    }
}

static LOGGERS: OnceLock<Loggers> = OnceLock::new();

/// Hands over the key to a program's logging: the filter and the level that it begins with, and what puts another filter in force.
/// Answers whether it was the first.
pub fn hand_over(filter: &str, root: Level, apply: Apply) -> bool {
    LOGGERS.set(Loggers::new(filter, root, apply)).is_ok()
}

/// The loggers of this program, if it has handed over the key to them.
#[must_use]
pub fn handed_over() -> Option<&'static Loggers> {
    LOGGERS.get()
}

impl Loggers {
    fn new(filter: &str, root: Level, apply: Apply) -> Self {
        let state = State { begun_with: Some(filter.to_string()), root, own: BTreeMap::new() };
        Self { state: Mutex::new(state), apply }
    }

    /// Each logger, and its level.
    #[must_use]
    pub fn levels(&self) -> Vec<(&'static str, Level)> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        NAMES.iter().map(|name| (*name, state.level(name))).collect()
    }

    /// Gives loggers levels; `None` takes one's own away. All of them change or none; none when it is only tried.
    ///
    /// # Errors
    /// What [`LoggerError`] names.
    pub fn change(&self, changes: &[(String, Option<String>)], validate_only: bool) -> Result<(), LoggerError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut after = state.clone();
        for (name, level) in changes {
            let Some(known) = NAMES.iter().find(|known| *known == name) else { return Err(LoggerError::Unknown(name.clone())) };
            let level =
                level.as_deref().map(|level| Level::named(level).ok_or_else(|| LoggerError::Level(level.to_string()))).transpose()?;
            match (*known, level) {
                (ROOT, None) => return Err(LoggerError::RootNeedsLevel),
                (ROOT, Some(level)) => (after.root, after.begun_with) = (level, None),
                (known, Some(level)) => drop(after.own.insert(known, level)),
                (known, None) => drop(after.own.remove(known)),
            }
        }
        if !validate_only {
            (self.apply)(&after.filter()).map_err(LoggerError::Failed)?;
            *state = after;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// Loggers, and the filters that were put in force.
    fn loggers() -> (Loggers, Arc<Mutex<Vec<String>>>) {
        let filters = Arc::new(Mutex::new(Vec::new()));
        let put = Arc::clone(&filters);
        let apply = move |filter: &str| {
            put.lock().expect("no panic").push(filter.to_string());
            Ok(())
        };
        (Loggers::new("warn,hyper=off", Level::Warn, Box::new(apply)), filters)
    }

    fn change(name: &str, level: Option<&str>) -> Vec<(String, Option<String>)> {
        vec![(name.to_string(), level.map(str::to_string))]
    }

    #[test]
    fn a_logger_has_the_level_of_the_nearest_above_it() {
        let (loggers, filters) = loggers();
        let level = |of: &str| loggers.levels().into_iter().find(|(name, _)| *name == of).map(|(_, level)| level);
        assert_eq!(level("millpond::net"), Some(Level::Warn));
        assert_eq!(loggers.change(&change("millpond", Some("debug")), false), Ok(()));
        assert_eq!((level("millpond::net"), level(ROOT)), (Some(Level::Debug), Some(Level::Warn)));
        assert_eq!(loggers.change(&change(ROOT, Some("FATAL")), false), Ok(()));
        assert_eq!(loggers.change(&change("millpond", None), false), Ok(()));
        assert_eq!((level("millpond::net"), level(ROOT)), (Some(Level::Error), Some(Level::Error)));
        assert_eq!(*filters.lock().expect("no panic"), ["warn,hyper=off,millpond=debug", "error,millpond=debug", "error"]);
    }

    #[test]
    fn what_cannot_be_changes_nothing() {
        let (loggers, filters) = loggers();
        assert_eq!(loggers.change(&change("kafka", Some("INFO")), false), Err(LoggerError::Unknown("kafka".to_string())));
        assert_eq!(loggers.change(&change(ROOT, Some("LOUD")), false), Err(LoggerError::Level("LOUD".to_string())));
        assert_eq!(loggers.change(&change(ROOT, None), false), Err(LoggerError::RootNeedsLevel));
        assert_eq!(loggers.change(&change(ROOT, Some("INFO")), true), Ok(()));
        assert!(filters.lock().expect("no panic").is_empty());
        assert!(loggers.levels().iter().all(|(_, level)| *level == Level::Warn));
    }
}
