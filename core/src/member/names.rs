//! The names that a member has to do with: of topics, each kept once and in order, and some others.

use crate::bounded::Full;
use crate::bounded::bytes::{ByteHeap, Text};
use crate::bounded::list::List;
use crate::ids::TopicId;

use super::assignor::assignor::compare_names;

/// Texts, and which of them are names of topics.
///
/// A name of a topic is one [`Text`] for as long as anybody asks for it, so that sets of partitions compare by it.
/// Bounds: the capacities of its lists.
#[derive(Debug)]
pub(super) struct Names<'m> {
    pub(super) texts: ByteHeap<'m>,
    /// Names of topics, in Java's order of strings.
    topics: List<'m, Text>,
}

impl<'m> Names<'m> {
    pub(super) fn new(texts: ByteHeap<'m>, mut topics: List<'m, Text>) -> Self {
        topics.clear();
        Self { texts, topics }
    }

    pub(super) fn str(&self, text: Text) -> &str {
        self.texts.str(text)
    }

    /// The text of a topic's name, if it is kept.
    pub(super) fn find(&self, name: &str) -> Option<Text> {
        self.place(name).ok().and_then(|place| self.topics.get(place)).copied()
    }

    fn place(&self, name: &str) -> Result<usize, usize> {
        self.topics.binary_search_by(|topic| compare_names(self.str(*topic), name))
    }

    /// Keeps a topic's name. When there is no room, names that nobody asks for any more have to go first: see [`Self::retain`].
    pub(super) fn keep(&mut self, name: &str) -> Result<Text, Full> {
        match self.place(name) {
            Ok(place) => self.topics.get(place).copied().ok_or(Full),
            Err(_) if self.topics.is_full() => Err(Full),
            Err(place) => {
                let text = self.texts.store(name.as_bytes())?;
                self.topics.insert(place, text).inspect_err(|Full| self.texts.release(text))?;
                Ok(text)
            }
        }
    }

    /// Keeps the names of some topics; `kept` has them then, each once and in order.
    ///
    /// # Errors
    /// [`Full`], with `kept` as it was, when they do not fit.
    pub(super) fn keep_all(&mut self, names: &[&str], kept: &mut List<'_, Text>) -> Result<(), Full> {
        if names.len() > kept.capacity() {
            return Err(Full);
        }
        names.iter().try_for_each(|name| self.keep(name).map(drop))?;
        kept.clear();
        for name in names {
            if let Some(text) = self.find(name).filter(|text| !kept.contains(text)) {
                kept.push(text)?;
            }
        }
        kept.sort_unstable_by(|a, b| compare_names(self.str(*a), self.str(*b)));
        Ok(())
    }

    /// Forgets the names of topics that nobody asks for any more.
    pub(super) fn retain(&mut self, is_wanted: impl Fn(Text) -> bool) {
        let mut place = 0;
        while let Some(text) = self.topics.get(place).copied() {
            if is_wanted(text) {
                place += 1;
            } else {
                self.topics.remove(place);
                self.texts.release(text);
            }
        }
    }
}

/// The names of topics by their ids, for members that are told ids.
///
/// Bounds: the capacity of the list.
#[derive(Debug)]
pub(super) struct Ids<'m>(List<'m, (TopicId, Text)>);

impl<'m> Ids<'m> {
    pub(super) fn new(mut list: List<'m, (TopicId, Text)>) -> Self {
        list.clear();
        Self(list)
    }

    /// The name of a topic, if it is known.
    pub(super) fn find(&self, id: TopicId) -> Option<Text> {
        let place = self.0.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        self.0.get(place).map(|(_, name)| *name)
    }

    /// Whether a topic is known by this name.
    pub(super) fn has_name(&self, name: Text) -> bool {
        self.0.iter().any(|(_, known)| *known == name)
    }

    /// Learns the name of a topic.
    pub(super) fn learn(&mut self, id: TopicId, name: Text) -> Result<(), Full> {
        match self.0.binary_search_by_key(&id, |(id, _)| *id) {
            Ok(place) => {
                if let Some(known) = self.0.get_mut(place) {
                    known.1 = name;
                }
                Ok(())
            }
            Err(place) => self.0.insert(place, (id, name)),
        }
    }

    /// Forgets the names of topics that nobody asks for any more.
    pub(super) fn retain(&mut self, is_wanted: impl Fn(TopicId) -> bool) {
        let mut place = 0;
        while let Some((id, _)) = self.0.get(place) {
            if is_wanted(*id) {
                place += 1;
            } else {
                self.0.remove(place);
            }
        }
    }
}

#[cfg(all(test, feature = "alloc"))]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_once_and_forgotten_when_nobody_asks() {
        let mut names = Names::new(ByteHeap::grown(100, 9), List::grown(2));
        let b = names.keep("b").unwrap();
        let a = names.keep("a").unwrap();
        assert_eq!((names.keep("b"), names.find("a"), names.find("c")), (Ok(b), Some(a), None));
        assert_eq!(names.keep("c"), Err(Full));
        names.retain(|text| text == a);
        assert_eq!((names.find("b"), names.texts.live()), (None, 1));
        let mut ids = Ids::new(List::grown(1));
        ids.learn(TopicId([7; 16]), b).unwrap();
        ids.learn(TopicId([7; 16]), a).unwrap();
        assert_eq!((ids.find(TopicId([7; 16])), ids.has_name(a), ids.learn(TopicId([8; 16]), a)), (Some(a), true, Err(Full)));
        ids.retain(|_| false);
        assert_eq!(ids.find(TopicId([7; 16])), None);
    }
}
