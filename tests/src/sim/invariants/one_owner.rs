//! One partition, one member per generation.

use std::collections::{BTreeMap, BTreeSet};

use super::Verdict;
use crate::sim::clients::partitions;
use crate::sim::message::Member;

#[derive(Debug, Default)]
pub(crate) struct OneOwner {
    owners: BTreeMap<(String, i32, String, i32), String>,
    groups: BTreeSet<String>,
}

impl OneOwner {
    pub(crate) fn assigned(&mut self, member: &Member, assignment: &[u8]) -> Verdict {
        for (topic, index) in partitions(assignment) {
            let key = (member.group.clone(), member.generation, topic, index);
            let owner = self.owners.entry(key.clone()).or_insert_with(|| member.id.clone());
            if *owner != member.id {
                return Err(format!("{key:?} belongs to {owner} and to {}", member.id));
            }
        }
        Ok(())
    }

    /// A group that is forgotten while the broker runs begins anew, with its first generation.
    pub(crate) fn look(&mut self, exists: impl Fn(&str) -> bool) {
        for group in ["g", "h"] {
            if exists(group) {
                self.groups.insert(group.to_owned());
            } else if self.groups.remove(group) {
                self.owners.retain(|(of, ..), _| of != group);
            }
        }
    }

    pub(crate) fn restart(&mut self) {
        self.groups.clear();
    }
}
