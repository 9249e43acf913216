//! Pieces of objects that were read, for whoever reads them next: whoever comes while a piece is on its way waits for that one.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use lru::LruCache;
use millpond_core::log::tier::remote::Object;
use tokio::sync::OnceCell;

use super::error::ColdError;

/// A piece of an object: its number, counted in pieces. The names of objects are unique, whatever their partition.
pub(super) type Key = (Object, u64);

#[derive(Debug)]
struct Entry {
    piece: Arc<OnceCell<Bytes>>,
    /// What it counts for; 0 as long as it is on its way. Unit: bytes.
    size: u64,
}

#[derive(Debug)]
struct Inner {
    entries: LruCache<Key, Entry>,
    size: u64,
}

/// Pieces in memory.
///
/// Bounds: so many bytes of pieces that are there, the least recently used going first; pieces on their way are bounded by who reads.
#[derive(Debug)]
pub(super) struct Chunks {
    inner: Mutex<Inner>,
    bytes_max: u64,
}

impl Chunks {
    pub(super) fn new(bytes_max: u64) -> Self {
        Self { inner: Mutex::new(Inner { entries: LruCache::unbounded(), size: 0 }), bytes_max }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        act(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether a piece is there, or on its way.
    pub(super) fn has(&self, key: &Key) -> bool {
        self.with(|inner| inner.entries.peek(key).is_some())
    }

    /// A piece, loaded if it is not there.
    pub(super) async fn get(&self, key: Key, load: impl Future<Output = Result<Bytes, ColdError>>) -> Result<Bytes, ColdError> {
        let piece = self.with(|inner| {
            let entry = inner.entries.get_or_insert_mut(key, || Entry { piece: Arc::default(), size: 0 });
            Arc::clone(&entry.piece)
        });
        let loaded = piece.get_or_try_init(|| load).await.cloned();
        self.with(|inner| {
            let is_mine = |entry: &&mut Entry| Arc::ptr_eq(&entry.piece, &piece);
            match &loaded {
                Ok(bytes) => {
                    if let Some(entry) = inner.entries.peek_mut(&key).filter(is_mine).filter(|entry| entry.size == 0) {
                        // An empty one counts too, so that there is an end to them.
                        entry.size = u64::try_from(bytes.len()).unwrap_or(u64::MAX).max(1);
                        inner.size += entry.size;
                    }
                }
                Err(_) => {
                    if inner.entries.peek_mut(&key).filter(is_mine).is_some_and(|entry| entry.size == 0) {
                        inner.entries.pop(&key);
                    }
                }
            }
            while inner.size > self.bytes_max
                && let Some((_, oldest)) = inner.entries.pop_lru()
            {
                inner.size -= oldest.size;
            }
        });
        loaded
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use millpond_core::ids::Offset;
    use millpond_core::log::tier::remote::ObjectId;
    use millpond_core::store::file_name::FileKind;

    fn key(number: u64) -> Key {
        (Object { base: Offset(0), id: ObjectId([0; 16]), kind: FileKind::Log }, number)
    }

    #[tokio::test]
    async fn the_least_recently_used_go_first_and_a_failure_is_not_kept() {
        let chunks = Chunks::new(100);
        let load = async |number: u64| chunks.get(key(number), async { Ok(Bytes::from(vec![1; 40])) }).await.map(|bytes| bytes.len());
        for number in [1, 2, 1, 3] {
            assert_eq!(load(number).await.ok(), Some(40));
        }
        assert!(chunks.has(&key(1)) && !chunks.has(&key(2)) && chunks.has(&key(3)));
        assert_eq!(chunks.with(|inner| inner.size), 80);
        assert!(chunks.get(key(9), async { Err(ColdError::Busy(1)) }).await.is_err());
        assert!(!chunks.has(&key(9)));
        // What is there is not loaded again.
        assert!(chunks.get(key(3), async { Err(ColdError::Busy(1)) }).await.is_ok());
    }
}
