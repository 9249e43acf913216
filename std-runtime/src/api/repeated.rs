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

#[cfg(test)]
mod tests {
    use super::repeated;

    #[test]
    fn only_what_stands_twice_or_more_is_repeated() {
        assert!(repeated([1, 2, 3].into_iter()).is_empty());
        let some: Vec<&str> = repeated(["b", "a", "b", "c", "a", "b"].into_iter()).into_iter().collect();
        assert_eq!(some, ["a", "b"]);
    }
}
