//! An object store that fails when it is told to: it says no, it does not answer, or it keeps a half of what it is given.

use core::fmt;
use core::ops::Range;
use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt as _,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// What the store does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// What it is asked for.
    Fine,
    /// It says no.
    Gone,
    /// It never answers.
    Hanging,
    /// It keeps a half of what is put, and says no.
    HalfWrites,
    /// One in so many requests ends in one of these ways.
    Fickle(u64),
}

#[derive(Debug)]
pub(crate) struct Flaky {
    inner: InMemory,
    mood: Mutex<Mood>,
    asked: AtomicU64,
}

impl fmt::Display for Flaky {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a store that fails when it is told to")
    }
}

impl Flaky {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { inner: InMemory::new(), mood: Mutex::new(Mood::Fine), asked: AtomicU64::new(0) })
    }

    pub(crate) fn be(&self, mood: Mood) {
        *self.mood.lock().expect("nobody panics here") = mood;
    }

    pub(crate) fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    /// Everything that lies here, whatever the mood.
    pub(crate) async fn names(&self) -> Vec<String> {
        self.inner.list(None).map_ok(|object| object.location.to_string()).try_collect().await.expect("memory")
    }

    fn mood(&self) -> Mood {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        match *self.mood.lock().expect("nobody panics here") {
            Mood::Fickle(sides) => {
                let dice = asked.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407) >> 33;
                match dice % sides {
                    0 => Mood::Gone,
                    1 => Mood::HalfWrites,
                    2 => Mood::Hanging,
                    _ => Mood::Fine,
                }
            }
            mood => mood,
        }
    }

    async fn consent(&self) -> Result<()> {
        match self.mood() {
            Mood::Fine | Mood::Fickle(_) => Ok(()),
            Mood::Gone | Mood::HalfWrites => Err(refusal()),
            Mood::Hanging => core::future::pending().await,
        }
    }
}

fn refusal() -> Error {
    Error::Generic { store: "flaky", source: "it was told to fail".into() }
}

#[async_trait]
impl ObjectStore for Flaky {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        match self.mood() {
            Mood::HalfWrites => {
                let bytes = Bytes::from(payload);
                // A manifest is put in one piece, or not at all: every store promises that of a single request.
                if location.filename() != Some("manifest") {
                    self.inner.put(location, bytes.slice(..bytes.len() / 2).into()).await?;
                }
                Err(refusal())
            }
            Mood::Gone => Err(refusal()),
            Mood::Hanging => {
                // Whoever gives up cannot know that it was done.
                self.inner.put_opts(location, payload, options).await?;
                core::future::pending().await
            }
            Mood::Fine | Mood::Fickle(_) => self.inner.put_opts(location, payload, options).await,
        }
    }

    async fn put_multipart_opts(&self, location: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.consent().await?;
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.consent().await?;
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.consent().await?;
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        match self.mood() {
            Mood::Fine | Mood::Fickle(_) => self.inner.delete_stream(locations),
            Mood::Gone | Mood::HalfWrites => futures_util::stream::once(async { Err(refusal()) }).boxed(),
            Mood::Hanging => futures_util::stream::pending().boxed(),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.mood() {
            Mood::Fine | Mood::Fickle(_) => self.inner.list(prefix),
            Mood::Gone | Mood::HalfWrites => futures_util::stream::once(async { Err(refusal()) }).boxed(),
            Mood::Hanging => futures_util::stream::pending().boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.consent().await?;
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.consent().await?;
        self.inner.copy_opts(from, to, options).await
    }
}
