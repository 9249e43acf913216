//! Which parts of a request are named more than once.

use std::collections::BTreeSet;

/// Those of `keys` that stand there more than once.
///
/// One walk, however long a peer made the list: a request is looked through while its shard is held. Ordered and not hashed, so that
/// no choice of names makes it slow.
pub(super) fn repeated<K: Ord + Copy>(keys: impl Iterator<Item = K>) -> BTreeSet<K> {
    let mut seen = BTreeSet::new();
    keys.filter(|key| !seen.insert(*key)).collect()
}

/// The first mention of each: whatever is asked for again is answered once, so that an answer is not larger than what there is to tell.
pub(super) fn unique<T, K: Ord>(items: impl Iterator<Item = T>, key: impl Fn(&T) -> K) -> Vec<T> {
    let mut seen = BTreeSet::new();
    items.filter(|item| seen.insert(key(item))).collect()
}

#[cfg(test)]
mod tests {
    use super::{repeated, unique};

    #[test]
    fn what_is_named_again_is_left_out() {
        assert_eq!(unique(["b", "a", "b", "c", "a"].into_iter(), |name| *name), ["b", "a", "c"]);
    }

    #[test]
    fn only_what_stands_twice_or_more_is_repeated() {
        assert!(repeated([1, 2, 3].into_iter()).is_empty());
        let some: Vec<&str> = repeated(["b", "a", "b", "c", "a", "b"].into_iter()).into_iter().collect();
        assert_eq!(some, ["a", "b"]);
    }
}
