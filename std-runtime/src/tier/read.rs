//! Records and offsets out of segments that lie in the object store.

use std::sync::Arc;

use bytes::Bytes;
use millpond_core::bounded::list::List;
use millpond_core::ids::Offset;
use millpond_core::log::index::{Entry, OffsetEntry, TimeEntry};
use millpond_core::log::reading::FoundOffset;
use millpond_core::log::tier::look::{self, Located, LookError, locate};
use millpond_core::log::tier::remote::{Object, RemoteSegment};
use millpond_core::record::batch::Header;
use millpond_core::record::layout::HEADER_SIZE;
use millpond_core::shard::fetch::RemoteRead;
use millpond_core::shard::tier::TieredLog;
use millpond_core::store::file_name::FileKind;
use millpond_core::time::Timestamp;

use crate::compression::Codecs;

use super::cold::Cold;
use super::error::{ColdError, ColdRead};

/// The most that one partition of a fetch is answered with from the store, unless its first batch is larger. Unit: bytes.
const READ_MAX: u32 = 8 << 20;

/// What a compressed batch may unfold to. Unit: bytes.
const UNFOLDED_MAX: usize = 256 << 20;

impl Cold {
    /// Reads records from the batch that holds `from` on.
    ///
    /// # Errors
    /// When the store does not give them, or something else.
    pub(crate) async fn read(self: &Arc<Self>, log: TieredLog, wanted: &RemoteRead, from: Offset) -> Result<ColdRead, ColdError> {
        let RemoteRead { segment, max_bytes, at_least_one } = *wanted;
        let position = self.floor(log, &segment, from).await?;
        let Some((position, size)) = self.locate(log, &segment, position, |header| header.last_offset() >= from).await? else {
            return Ok(ColdRead::Behind(segment));
        };
        if size > max_bytes && !at_least_one {
            return Ok(ColdRead::Bytes(Vec::new()));
        }
        let left = u64::from(segment.size).saturating_sub(position);
        let wanted = u64::from(max_bytes.min(READ_MAX).max(size)).min(left);
        let bytes = self.range(log, &segment, position, wanted).await?;
        self.read_ahead(log, &segment, position + wanted);
        Ok(ColdRead::Bytes(bytes))
    }

    /// The entries of a segment's index of aborted transactions.
    ///
    /// # Errors
    /// When the store does not give them.
    pub(crate) async fn aborted_entries(&self, log: TieredLog, segment: &RemoteSegment) -> Result<Vec<u8>, ColdError> {
        let object = segment.object(FileKind::TxnIndex);
        let size = u64::from(segment.txn_entries) * u64::from(millpond_core::log::txn_index::TXN_ENTRY_SIZE);
        let mut entries = Vec::new();
        let mut number = 0;
        while u64::try_from(entries.len()).unwrap_or(u64::MAX) < size {
            let piece = self.piece(log, object, number, size).await?;
            entries.extend_from_slice(&piece);
            number += 1;
        }
        Ok(entries)
    }

    /// The first record of a segment that is not older than a timestamp, from an offset on.
    ///
    /// # Errors
    /// When the store does not give what has to be looked into.
    pub(crate) async fn find(
        self: &Arc<Self>,
        log: TieredLog,
        segment: &RemoteSegment,
        (timestamp, from): (Timestamp, Offset),
        codecs: &mut Codecs,
    ) -> Result<Option<FoundOffset>, ColdError> {
        let object = segment.object(FileKind::Log);
        let after = self.last_entry(log, segment, segment.time_entries, |entry: &TimeEntry| entry.timestamp < timestamp).await?;
        let after = after.map_or(segment.base, |entry| Offset(segment.base.0.saturating_add(entry.relative.into())));
        let mut position = self.floor(log, segment, after.max(from)).await?;
        let is_it = |header: &Header| header.last_offset() >= from && header.max_timestamp().is_some_and(|max| max >= timestamp);
        while let Some((at, size)) = self.locate(log, segment, position, is_it).await? {
            let batch = self.range(log, segment, at, size.into()).await?;
            let mut records = List::grown(UNFOLDED_MAX);
            match look::find_in(&batch, (timestamp, from), &mut records, Some(codecs)) {
                Ok(Some(found)) => return Ok(Some(found)),
                // All such records lie below where the search begins.
                Ok(None) => position = at + u64::from(size),
                Err(LookError::Corrupt) => return Err(ColdError::Damaged { object, position: at }),
                Err(LookError::Codec(error)) => return Err(ColdError::Codec { object, error }),
            }
        }
        Ok(None)
    }

    /// A place at or before the batch that holds an offset, where a batch begins.
    async fn floor(&self, log: TieredLog, segment: &RemoteSegment, offset: Offset) -> Result<u64, ColdError> {
        let wanted = offset.0.saturating_sub(segment.base.0);
        let is_below = |entry: &OffsetEntry| i64::from(entry.relative) <= wanted;
        let found = self.last_entry(log, segment, segment.offset_entries, is_below).await?;
        Ok(found.map_or(0, |entry| u64::from(entry.position.min(segment.size))))
    }

    /// The last entry of an index for which `is_below` holds. Without the index the whole segment is looked through.
    async fn last_entry<E: Entry>(
        &self,
        log: TieredLog,
        segment: &RemoteSegment,
        count: u32,
        is_below: impl Fn(&E) -> bool,
    ) -> Result<Option<E>, ColdError> {
        if !segment.parts.has(E::KIND) {
            return Ok(None);
        }
        let object = segment.object(E::KIND);
        let (mut low, mut high) = (0, count);
        let mut best = None;
        while low < high {
            let middle = low + (high - low) / 2;
            let at = u64::from(middle) * u64::from(E::SIZE);
            let bytes = self.bytes_of(log, object, (at, u64::from(E::SIZE)), u64::from(count) * u64::from(E::SIZE)).await?;
            match E::decode(&bytes) {
                Some(entry) if is_below(&entry) => {
                    best = Some(entry);
                    low = middle + 1;
                }
                Some(_) => high = middle,
                None => return Err(ColdError::Damaged { object, position: at }),
            }
        }
        Ok(best)
    }

    /// Walks from header to header until `is_it` says so: where that batch begins, and how large it is. `None` at the end of the segment.
    async fn locate(
        &self,
        log: TieredLog,
        segment: &RemoteSegment,
        from: u64,
        is_it: impl Fn(&Header) -> bool,
    ) -> Result<Option<(u64, u32)>, ColdError> {
        let object = segment.object(FileKind::Log);
        let end = u64::from(segment.size);
        let mut position = from;
        while position < end {
            // To the end of the piece, or over it where a header is cut there.
            let chunk = u64::from(self.config.chunk_bytes);
            let behind = (position / chunk + 1) * chunk;
            let piece = self.piece(log, object, position / chunk, end).await?;
            let rest = piece.get(usize::try_from(position % chunk).unwrap_or(usize::MAX)..).unwrap_or_default();
            let damaged = |at: u64| ColdError::Damaged { object, position: at };
            let located = if rest.len() < HEADER_SIZE && behind < end {
                let header = u64::try_from(HEADER_SIZE).unwrap_or(u64::MAX).min(end - position);
                locate(&self.range(log, segment, position, header).await?, &is_it)
            } else {
                locate(rest, &is_it)
            };
            match located {
                Located::At { position: at, size } => return Ok(Some((position + u64::try_from(at).unwrap_or(u64::MAX), size))),
                Located::Behind(0) => return Err(damaged(position)),
                Located::Behind(at) => position = position.saturating_add(u64::try_from(at).unwrap_or(u64::MAX)),
                Located::Corrupt(at) => return Err(damaged(position + u64::try_from(at).unwrap_or(u64::MAX))),
            }
        }
        Ok(None)
    }

    /// Some bytes of a segment's batches.
    async fn range(&self, log: TieredLog, segment: &RemoteSegment, position: u64, size: u64) -> Result<Vec<u8>, ColdError> {
        self.bytes_of(log, segment.object(FileKind::Log), (position, size), segment.size.into()).await
    }

    /// Some bytes of an object.
    async fn bytes_of(&self, log: TieredLog, object: Object, (from, size): (u64, u64), whole: u64) -> Result<Vec<u8>, ColdError> {
        let chunk = u64::from(self.config.chunk_bytes);
        let end = from.saturating_add(size).min(whole);
        let mut bytes = Vec::with_capacity(usize::try_from(end.saturating_sub(from)).unwrap_or(0));
        let mut at = from;
        while at < end {
            let piece = self.piece(log, object, at / chunk, whole).await?;
            let inside = usize::try_from(at % chunk).unwrap_or(usize::MAX);
            let until = inside.saturating_add(usize::try_from(end - at).unwrap_or(usize::MAX)).min(piece.len());
            let part = piece.get(inside..until).filter(|part| !part.is_empty()).ok_or(ColdError::Damaged { object, position: at })?;
            bytes.extend_from_slice(part);
            at += u64::try_from(part.len()).unwrap_or(u64::MAX);
        }
        Ok(bytes)
    }

    /// A piece of an object of so many bytes, from memory or from the store. It is as long as it should be.
    async fn piece(&self, log: TieredLog, object: Object, number: u64, whole: u64) -> Result<Bytes, ColdError> {
        let chunk = u64::from(self.config.chunk_bytes);
        let from = number.saturating_mul(chunk);
        let to = from.saturating_add(chunk).min(whole);
        let load = async {
            self.fetches.take(to.saturating_sub(from)).await;
            let path = self.path(log, &object);
            let options = object_store::GetOptions::new().with_range(Some(from..to));
            let read = async { self.store.get_opts(&path, options).await?.bytes().await };
            let bytes = self.act("reading", &path, read).await?;
            let is_whole = u64::try_from(bytes.len()) == Ok(to - from);
            if is_whole { Ok(bytes) } else { Err(ColdError::Damaged { object, position: from }) }
        };
        self.chunks.get((object, number), load).await
    }

    /// Reads on behind what a consumer has just got, so that its next fetch finds it in memory.
    fn read_ahead(self: &Arc<Self>, log: TieredLog, segment: &RemoteSegment, position: u64) {
        let chunk = u64::from(self.config.chunk_bytes);
        let (object, whole) = (segment.object(FileKind::Log), u64::from(segment.size));
        let end = position.saturating_add(self.config.read_ahead_bytes.into()).min(whole);
        for number in position / chunk..end.div_ceil(chunk) {
            if self.chunks.has(&(object, number)) {
                continue;
            }
            let Ok(permit) = Arc::clone(&self.ahead).try_acquire_owned() else { return };
            let cold = Arc::clone(self);
            tokio::spawn(async move {
                // Whoever comes for it is told, should it fail again.
                let _ = cold.piece(log, object, number, whole).await;
                drop(permit);
            });
        }
    }
}
