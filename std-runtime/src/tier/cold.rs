//! The object store: what is put there, listed and deleted.

use core::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt as _;
use millpond_core::ids::TopicId;
use millpond_core::log::tier::manifest::MANIFEST;
use millpond_core::log::tier::remote::Object;
use millpond_core::shard::tier::TieredLog;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload};
use tokio::sync::Semaphore;
use url::Url;

use crate::config::broker_config::RemoteConfig;
use crate::disk::files::{OpenFile, read_full_at};

use super::chunks::Chunks;
use super::error::ColdError;
use super::pace::Pace;

/// A file larger than this is copied in pieces of this size, one in memory at a time. No less than 5 MiB, which S3 asks for, and so
/// large that the largest segment has fewer than the 10,000 pieces that it allows. Unit: bytes.
const PART_SIZE: u64 = 8 << 20;

/// How many pieces are read ahead at one time, of all partitions together.
const READS_AHEAD: usize = 4;

/// An object store, and what was read from it lately.
///
/// Memory: `rsm.config.fetch.chunk.cache.size` of pieces, and while they are on their way one for each of `remote.log.reader.threads` and
/// of four that read ahead; 8 MiB for each of `remote.log.manager.copier.thread.pool.size`.
pub struct Cold {
    pub(super) store: Arc<dyn ObjectStore>,
    /// Below which everything lies.
    root: Path,
    /// Where that is, when the store is a directory.
    local: Option<LocalFileSystem>,
    pub(super) config: RemoteConfig,
    pub(super) chunks: Chunks,
    copies: Pace,
    pub(super) fetches: Pace,
    pub(super) ahead: Arc<Semaphore>,
}

impl fmt::Debug for Cold {
    /// Without the store, whose own words may have a password in them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cold").field("root", &self.root).finish_non_exhaustive()
    }
}

impl Cold {
    /// The store that the settings name; `None` when they name none.
    ///
    /// # Errors
    /// [`ColdError::Settings`] when they make no store. Whether it can be reached is not asked.
    pub fn open(config: &RemoteConfig, cluster_id: &str) -> Result<Option<Arc<Self>>, ColdError> {
        if !config.enable {
            return Ok(None);
        }
        let failed = |reason: String| ColdError::Settings { url: config.url.clone(), reason };
        let url = Url::parse(&config.url).map_err(|error| failed(error.to_string()))?;
        if url.scheme() == "file" {
            let directory = url.to_file_path().map_err(|()| failed("it must be file:///DIRECTORY".to_owned()))?;
            return Self::in_directory(directory, cluster_id, config).map(Some);
        }
        if let Some(feature) = lacks(url.scheme()) {
            return Err(failed(format!("this program was built without such stores (cargo's feature `{feature}`)")));
        }
        #[cfg(feature = "_tiered-http")]
        // When the program that links us has chosen another, that one is used.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // What the environment says counts where the settings say nothing. Each store passes over what is not meant for it.
        let environment = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let environment = environment.filter(|(name, _)| ["AWS_", "GOOGLE_", "AZURE_"].iter().any(|store| name.starts_with(store)));
        let options = environment.chain(config.options.iter().cloned());
        let (store, prefix) = object_store::parse_url_opts(&url, options).map_err(|error| failed(error.to_string()))?;
        Ok(Some(Self::new(Arc::from(store), &prefix, cluster_id, config)))
    }

    fn in_directory(directory: PathBuf, cluster_id: &str, config: &RemoteConfig) -> Result<Arc<Self>, ColdError> {
        let failed = |reason: String| ColdError::Settings { url: config.url.clone(), reason };
        std::fs::create_dir_all(&directory).map_err(|error| failed(error.to_string()))?;
        let store = LocalFileSystem::new_with_prefix(&directory).map_err(|error| failed(error.to_string()))?;
        // What leaves the other disk must be durable on this one.
        let store = store.with_fsync(true).with_automatic_cleanup(true);
        let mut cold = Self::plain(Arc::new(store.clone()), &Path::default(), cluster_id, config);
        cold.local = Some(store);
        Ok(Arc::new(cold))
    }

    /// A store of one's own, below a prefix of it.
    #[must_use]
    pub fn new(store: Arc<dyn ObjectStore>, prefix: &Path, cluster_id: &str, config: &RemoteConfig) -> Arc<Self> {
        Arc::new(Self::plain(store, prefix, cluster_id, config))
    }

    fn plain(store: Arc<dyn ObjectStore>, prefix: &Path, cluster_id: &str, config: &RemoteConfig) -> Self {
        Self {
            store,
            root: prefix.clone().join(cluster_id),
            local: None,
            chunks: Chunks::new(config.cache_bytes),
            copies: Pace::new(config.copy_bytes_per_second),
            fetches: Pace::new(config.fetch_bytes_per_second),
            ahead: Arc::new(Semaphore::new(READS_AHEAD)),
            config: config.clone(),
        }
    }

    /// The settings.
    #[must_use]
    pub(crate) const fn settings(&self) -> &RemoteConfig {
        &self.config
    }

    fn partition(&self, log: TieredLog) -> Path {
        self.root.clone().join(log.topic_id.to_string()).join(log.index.to_string())
    }

    /// Where an object of a partition lies.
    pub(super) fn path(&self, log: TieredLog, object: &Object) -> Path {
        self.partition(log).join(object.to_string())
    }

    /// Does something in the store that must come to an end.
    pub(super) async fn act<T>(
        &self,
        doing: &'static str,
        path: &Path,
        act: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T, ColdError> {
        let object = || path.to_string();
        match tokio::time::timeout(self.config.request_timeout, act).await {
            Ok(done) => done.map_err(|error| ColdError::Store { doing, object: object(), reason: error.to_string() }),
            Err(_) => Err(self.timed_out(doing, path)),
        }
    }

    fn timed_out(&self, doing: &'static str, path: &Path) -> ColdError {
        ColdError::TimedOut { doing, object: path.to_string(), seconds: self.config.request_timeout.as_secs() }
    }

    /// The manifest of a partition, if there is one. One that is larger than it can be is not read.
    ///
    /// # Errors
    /// When the store does not tell.
    pub(crate) async fn manifest(&self, log: TieredLog, bytes_max: usize) -> Result<Option<Vec<u8>>, ColdError> {
        let path = self.partition(log).join(MANIFEST);
        let read = async {
            let found = match self.store.get(&path).await {
                Err(object_store::Error::NotFound { .. }) => return Ok(None),
                found => found?,
            };
            let fits = usize::try_from(found.meta.size).is_ok_and(|size| size <= bytes_max);
            // Nothing that was cut reads as a manifest.
            Ok(Some(if fits { found.bytes().await? } else { Bytes::new() }))
        };
        Ok(self.act("reading the manifest", &path, read).await?.map(|bytes| bytes.to_vec()))
    }

    /// Puts a manifest in the place of the one before.
    ///
    /// # Errors
    /// When that is not certain.
    pub(crate) async fn put_manifest(&self, log: TieredLog, bytes: Vec<u8>) -> Result<(), ColdError> {
        let path = self.partition(log).join(MANIFEST);
        self.act("writing the manifest", &path, self.store.put(&path, PutPayload::from(bytes))).await.map(drop)
    }

    /// Copies a file to an object, whole or not at all.
    ///
    /// # Errors
    /// When that is not certain.
    pub(crate) async fn upload(&self, log: TieredLog, object: Object, file: OpenFile, size: u64) -> Result<(), ColdError> {
        let path = self.path(log, &object);
        if size <= PART_SIZE {
            let bytes = self.part_of(object, &file, (0, size)).await?;
            return self.act("writing", &path, self.store.put(&path, PutPayload::from_bytes(bytes))).await.map(drop);
        }
        let mut upload = self.act("beginning", &path, self.store.put_multipart(&path)).await?;
        let mut position = 0;
        let copied = loop {
            if position >= size {
                break self.act("finishing", &path, upload.complete()).await.map(drop);
            }
            let piece = match self.part_of(object, &file, (position, size.min(position + PART_SIZE))).await {
                Ok(piece) => piece,
                Err(error) => break Err(error),
            };
            position += PART_SIZE;
            if let Err(error) = self.act("writing a part of", &path, upload.put_part(PutPayload::from_bytes(piece))).await {
                break Err(error);
            }
        };
        if copied.is_err() {
            // If that fails too, the store's own rules for what was never finished have to do; a directory is swept.
            let _ = self.act("giving up", &path, upload.abort()).await;
        }
        copied
    }

    /// A piece of a file, read where it may block.
    async fn part_of(&self, object: Object, file: &OpenFile, (from, to): (u64, u64)) -> Result<Bytes, ColdError> {
        self.copies.take(to - from).await;
        let file = file.clone();
        let read = tokio::task::spawn_blocking(move || {
            let mut piece = vec![0; usize::try_from(to - from).unwrap_or(0)];
            let size = read_full_at(file.file(), from, &mut piece)?;
            if size < piece.len() {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            Ok(Bytes::from(piece))
        });
        let read = read.await.unwrap_or_else(|_| Err(std::io::ErrorKind::Interrupted.into()));
        read.map_err(|error| ColdError::Disk { object, error })
    }

    /// Deletes an object; one that is not there is deleted already.
    ///
    /// # Errors
    /// When that is not certain.
    pub(crate) async fn delete(&self, log: TieredLog, object: Object) -> Result<(), ColdError> {
        self.delete_at(&self.path(log, &object)).await
    }

    async fn delete_at(&self, path: &Path) -> Result<(), ColdError> {
        let delete = async {
            match self.store.delete(path).await {
                Err(object_store::Error::NotFound { .. }) => Ok(()),
                deleted => deleted,
            }
        };
        self.act("deleting", path, delete).await
    }

    /// The objects of a partition. What is not ours is passed over.
    ///
    /// # Errors
    /// When the store does not tell all of them.
    pub(crate) async fn objects(&self, log: TieredLog) -> Result<Vec<Object>, ColdError> {
        let paths = self.list(&self.partition(log)).await?;
        Ok(paths.iter().filter_map(|path| path.filename().and_then(Object::parse)).collect())
    }

    /// Deletes objects of a partition that nobody names, and what was being written. Answers how many those were.
    ///
    /// # Errors
    /// When that is not certain.
    pub(crate) async fn sweep(&self, log: TieredLog, strays: &[Object]) -> Result<u64, ColdError> {
        let mut swept = 0;
        for stray in strays {
            self.delete(log, *stray).await?;
            swept += 1;
        }
        Ok(swept + self.sweep_unfinished(&self.partition(log)).await?)
    }

    /// Deletes everything of a topic.
    ///
    /// # Errors
    /// When that is not certain.
    pub(crate) async fn purge(&self, topic_id: TopicId) -> Result<u64, ColdError> {
        let mut deleted = 0;
        for path in self.list(&self.root.clone().join(topic_id.to_string())).await? {
            self.delete_at(&path).await?;
            deleted += 1;
        }
        Ok(deleted)
    }

    async fn list(&self, below: &Path) -> Result<Vec<Path>, ColdError> {
        let mut paths = Vec::new();
        let mut objects = self.store.list(Some(below));
        loop {
            let next = async { objects.next().await.transpose() };
            let Some(found) = self.act("listing", below, next).await? else { return Ok(paths) };
            paths.push(found.location);
        }
    }

    /// In a directory: deletes what was being written when its writer was killed. The store lists no such file.
    async fn sweep_unfinished(&self, partition: &Path) -> Result<u64, ColdError> {
        let Some(directory) = self.local.as_ref().and_then(|local| local.path_to_filesystem(partition).ok()) else { return Ok(0) };
        let sweep = move || {
            let mut swept = 0;
            let entries = match std::fs::read_dir(&directory) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
                entries => entries?,
            };
            for entry in entries {
                let name = entry?.file_name();
                let whole = name.to_str().and_then(|name| name.split_once('#')).map(|(whole, _)| whole);
                if whole.is_some_and(|whole| whole == MANIFEST || Object::parse(whole).is_some()) {
                    std::fs::remove_file(directory.join(&name))?;
                    swept += 1;
                }
            }
            Ok(swept)
        };
        let swept = tokio::task::spawn_blocking(sweep).await.unwrap_or_else(|_| Err(std::io::ErrorKind::Interrupted.into()));
        let failed =
            |error: std::io::Error| ColdError::Store { doing: "sweeping", object: partition.to_string(), reason: error.to_string() };
        swept.map_err(failed)
    }

    /// The topics that have something here.
    ///
    /// # Errors
    /// When the store does not tell.
    pub(crate) async fn topics(&self) -> Result<Vec<TopicId>, ColdError> {
        let listed = self.act("listing", &self.root, self.store.list_with_delimiter(Some(&self.root))).await?;
        let ids = listed.common_prefixes.iter().filter_map(|prefix| TopicId::parse(prefix.filename()?));
        Ok(ids.collect())
    }
}

/// The feature without which stores of a kind cannot be spoken to, where the program was built without.
fn lacks(scheme: &str) -> Option<&'static str> {
    match scheme {
        "s3" | "s3a" if !cfg!(feature = "tiered-s3") => Some("tiered-s3"),
        "gs" if !cfg!(feature = "tiered-gcs") => Some("tiered-gcs"),
        "az" | "adl" | "azure" | "abfs" | "abfss" if !cfg!(feature = "tiered-azure") => Some("tiered-azure"),
        _ => None,
    }
}
