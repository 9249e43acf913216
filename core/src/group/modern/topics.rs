//! What topics there are, for a coordinator that has no catalogue of its own.

use crate::group::config::GroupConfig;
use crate::ids::TopicId;

/// What topics there are at the moment. A heartbeat brings it along.
pub trait Topics {
    /// Another number whenever a topic has come, gone, or got more partitions.
    fn version(&self) -> u64;

    /// Whether it is known at all what topics there are.
    fn is_known(&self) -> bool {
        true
    }

    /// The settings in force for a group, where it has some of its own. Source: KIP-848, `GroupConfigManager`.
    fn settings_of(&self, group_id: &str) -> Option<GroupConfig> {
        let _ = group_id;
        None
    }

    /// The topic of a name.
    fn find(&self, name: &str) -> Option<TopicShape>;

    /// The name of a topic.
    fn name_of(&self, topic: TopicId) -> Option<&str>;

    /// Looks whether something is a pattern at all.
    ///
    /// # Errors
    /// [`BadPattern`] when it is none.
    fn check(&self, pattern: &str) -> Result<(), BadPattern>;

    /// Shows the names of the topics that clients see and that a pattern matches from end to end.
    ///
    /// # Errors
    /// [`BadPattern`] when it is none.
    fn matching(&self, pattern: &str, see: &mut dyn FnMut(&str)) -> Result<(), BadPattern>;

    /// What changes when a topic does: its id, its name, how many partitions it has. 0 for one that there is not.
    fn hash_of(&self, name: &str) -> i64 {
        let Some(TopicShape { id, partitions }) = self.find(name) else { return 0 };
        // Not keyed: it is stored, and compared after a restart.
        let hash = crate::bounded::table::HashKey(0, 0).hash(&[name.as_bytes(), &id.0, &partitions.to_be_bytes()]);
        hash.cast_signed()
    }
}

/// No topic at all, for a heartbeat that is yet to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoTopics;

impl Topics for NoTopics {
    fn version(&self) -> u64 {
        0
    }
    fn is_known(&self) -> bool {
        false
    }
    fn find(&self, _: &str) -> Option<TopicShape> {
        None
    }
    fn name_of(&self, _: TopicId) -> Option<&str> {
        None
    }
    fn check(&self, _: &str) -> Result<(), BadPattern> {
        Ok(())
    }
    fn matching(&self, _: &str, _: &mut dyn FnMut(&str)) -> Result<(), BadPattern> {
        Ok(())
    }
}

/// What cannot be read as a regular expression. Source: RE2/J, which Kafka reads them with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadPattern;

/// Whoever knows regular expressions: lent by the runtime.
pub trait Matcher {
    /// Shows those of some names that a pattern matches from end to end.
    ///
    /// # Errors
    /// [`BadPattern`] when it is none.
    fn select(&self, pattern: &str, names: &mut dyn Iterator<Item = &str>, see: &mut dyn FnMut(&str)) -> Result<(), BadPattern>;
}

/// No regular expressions, for those who do not come to look any up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoMatcher;

impl Matcher for NoMatcher {
    fn select(&self, _: &str, _: &mut dyn Iterator<Item = &str>, _: &mut dyn FnMut(&str)) -> Result<(), BadPattern> {
        Ok(())
    }
}

impl core::fmt::Debug for dyn Topics + '_ {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Topics({})", self.version())
    }
}

/// A topic as groups see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicShape {
    /// Its id.
    pub id: TopicId,
    /// How many partitions it has.
    pub partitions: u32,
}
