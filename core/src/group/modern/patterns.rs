//! Topics that a pattern matches: looked up when the first member brings it, and again now and then.
//!
//! Unlike Kafka, which looks them up in the background and answers before it is done, they are known when the heartbeat is answered.
//! Source: `GroupMetadataManager.maybeUpdateRegularExpressions`.

use crate::bounded::Full;
use crate::bounded::bytes::Text;
use crate::bounded::chain::Chain;
use crate::bounded::slab::Slot;
use crate::group::coordinator::{Coordinator, Fx, has_passed};
use crate::group::error::GroupError;
use crate::time::{Millis, Moment, Timestamp};

use super::names::{self, Names};
use super::presence::Presence;
use super::record::{ConsumerRecord, GroupEpoch, Matches, StoredNames};
use super::topics::BadPattern;

/// How long what was looked up stays, however many topics come. Source: `REGEX_BATCH_REFRESH_MIN_INTERVAL_MS`.
const REFRESH_MIN: Millis = Millis(10_000);

impl<'m> Coordinator<'m> {
    /// Looks up what the patterns of the group match, where that is not known or may have changed. Answers whether it has.
    pub(super) fn match_patterns(&mut self, at: Moment, said: &Presence<'_>, fx: &mut Fx<'_, '_, 'm>) -> Result<bool, GroupError> {
        let group_id = said.caller.group_id;
        let group = self.consumer_group_named(group_id)?;
        let version = i64::try_from(said.topics.version()).unwrap_or(i64::MAX);
        let mut last: Option<Timestamp> = None;
        let mut is_stale = false;
        let patterns = self.consumer_group(group).map(|entry| entry.patterns.iter(&self.modern.patterns));
        for (_, pattern) in patterns.into_iter().flatten() {
            if let Some((_, of, looked)) = pattern.matches {
                last = last.max(Some(looked));
                is_stale |= of != version;
            }
        }
        let passed = |span| last.is_some_and(|last| has_passed(at.wall, last, span));
        // All at once, so that the group rebalances once.
        let all = passed(REFRESH_MIN) && (is_stale || passed(self.config.consumer_pattern_interval));
        let mut has_changed = false;
        let mut slot = self.consumer_group(group).map_or(Slot::NONE, |entry| entry.patterns.first());
        while slot.is_some() {
            let wanted = self.modern.patterns.get(slot).is_some_and(|pattern| pattern.members > 0 && (all || pattern.matches.is_none()));
            if wanted {
                has_changed |= self.match_pattern(at, slot, version, said, fx)?;
            }
            slot = Chain::next(&self.modern.patterns, slot);
        }
        Ok(has_changed)
    }

    /// What a member brings must be a pattern, before anything is written down. One that others have was looked at when it came.
    /// Source: `Utils.throwIfRegularExpressionIsInvalid`.
    pub(super) fn check_pattern(&self, group: Option<Slot>, said: &Presence<'_>) -> Result<(), GroupError> {
        let Some(pattern) = said.pattern.filter(|pattern| !pattern.is_empty()) else { return Ok(()) };
        let group = group.filter(|group| self.consumer_group(*group).is_some());
        let known = group.and_then(|group| self.find_pattern(group, pattern)).and_then(|slot| self.modern.patterns.get(slot));
        if known.is_some_and(|pattern| pattern.members > 0) {
            return Ok(());
        }
        said.topics.check(pattern).map_err(|BadPattern| GroupError::InvalidPattern)
    }

    fn match_pattern(
        &mut self,
        at: Moment,
        slot: Slot,
        version: i64,
        said: &Presence<'_>,
        fx: &mut Fx<'_, '_, 'm>,
    ) -> Result<bool, GroupError> {
        let Some((text, matches)) = self.modern.patterns.get(slot).map(|pattern| (pattern.text, pattern.matches)) else { return Ok(false) };
        let modern = &mut self.modern;
        modern.matched.clear();
        let (matched, mut result) = (&mut modern.matched, Ok(()));
        let looked = said.topics.matching(self.texts.str(text), &mut |name| {
            result = result.and_then(|()| names::push(name, matched));
        });
        // Whoever brought it was told that it is one, perhaps by another broker. Others in the group are not to suffer for it.
        if looked == Err(BadPattern) {
            modern.matched.clear();
        }
        let full = |Full| GroupError::GroupFull;
        result.map_err(full)?;
        modern.bytes.clear();
        let range = names::sorted(Names::of(&modern.matched).iter(), &mut modern.bytes, &mut modern.places).map_err(full)?;
        let modern = &self.modern;
        let names = Names::of(modern.bytes.get(range).unwrap_or_default());
        let count = names.iter().count();
        let has_room =
            modern.topics.capacity() - modern.topics.len() >= count && self.texts.has_room_for(names.bytes().len() * 2 + 64, count + 2);
        if !has_room {
            return Err(GroupError::GroupFull);
        }
        let known = matches.map_or(Text::EMPTY, |(text, _, _)| text);
        let has_changed = names.bytes() != self.texts.bytes(known);
        let matches = Some(Matches { topics: StoredNames::Known(names), version, at: at.wall });
        let record = ConsumerRecord::Pattern { pattern: self.texts.str(text), matches };
        self.record_consumer(said.caller.group_id, record, fx)?;
        Ok(has_changed)
    }

    /// The group is in its next epoch when its topics are others now.
    pub(super) fn recount(&mut self, said: &Presence<'_>, has_changed: bool, fx: &mut Fx<'_, '_, 'm>) -> Result<(), GroupError> {
        let group_id = said.caller.group_id;
        let group = self.consumer_group_named(group_id)?;
        let metadata_hash = self.metadata_hash(Some(group), None, said.topics);
        let Some(entry) = self.consumer_group(group) else { return Ok(()) };
        if has_changed || metadata_hash != entry.metadata_hash {
            let epoch = GroupEpoch { epoch: entry.epoch.next(), metadata_hash };
            self.record_consumer(group_id, ConsumerRecord::Group(Some(epoch)), fx)?;
        }
        Ok(())
    }

    /// The pattern of a member, if it is the only one that has it.
    pub(super) fn last_of_pattern(&self, member: Slot) -> Option<Slot> {
        let member = self.modern.members.get(member)?;
        let slot = self.find_pattern(member.group, self.texts.str(member.pattern?))?;
        self.modern.patterns.get(slot).filter(|pattern| pattern.members == 1).map(|_| slot)
    }

    /// Nobody has a pattern any more.
    pub(super) fn record_pattern_gone(&self, slot: Slot, group_id: &str, fx: &mut Fx<'_, '_, 'm>) -> Result<(), GroupError> {
        let Some(pattern) = self.modern.patterns.get(slot) else { return Ok(()) };
        self.record_consumer(group_id, ConsumerRecord::Pattern { pattern: self.texts.str(pattern.text), matches: None }, fx)
    }
}
