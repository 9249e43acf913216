//! Where the program was built without tiered storage there is no store.

use std::sync::Arc;

use millpond_core::ids::{Offset, TopicId};
use millpond_core::log::reading::FoundOffset;
use millpond_core::log::tier::remote::{Object, RemoteSegment};
use millpond_core::shard::fetch::RemoteRead;
use millpond_core::shard::tier::TieredLog;
use millpond_core::time::Timestamp;

use crate::compression::Codecs;
use crate::config::broker_config::RemoteConfig;
use crate::disk::files::OpenFile;

use super::error::{ColdError, ColdRead};

/// An object store; there is none.
#[derive(Debug)]
pub enum Cold {}

impl Cold {
    pub(crate) fn open(_: &RemoteConfig, _: &str) -> Result<Option<Arc<Self>>, ColdError> {
        Ok(None)
    }

    pub(crate) const fn settings(&self) -> &RemoteConfig {
        match *self {}
    }

    pub(crate) async fn manifest(&self, _: TieredLog, _: usize) -> Result<Option<Vec<u8>>, ColdError> {
        match *self {}
    }

    pub(crate) async fn put_manifest(&self, _: TieredLog, _: Vec<u8>) -> Result<(), ColdError> {
        match *self {}
    }

    pub(crate) async fn upload(&self, _: TieredLog, _: Object, _: OpenFile, _: u64) -> Result<(), ColdError> {
        match *self {}
    }

    pub(crate) async fn delete(&self, _: TieredLog, _: Object) -> Result<(), ColdError> {
        match *self {}
    }

    pub(crate) async fn objects(&self, _: TieredLog) -> Result<Vec<Object>, ColdError> {
        match *self {}
    }

    pub(crate) async fn sweep(&self, _: TieredLog, _: &[Object]) -> Result<u64, ColdError> {
        match *self {}
    }

    pub(crate) async fn topics(&self) -> Result<Vec<TopicId>, ColdError> {
        match *self {}
    }

    pub(crate) async fn purge(&self, _: TopicId) -> Result<u64, ColdError> {
        match *self {}
    }

    pub(crate) async fn read(self: &Arc<Self>, _: TieredLog, _: &RemoteRead, _: Offset) -> Result<ColdRead, ColdError> {
        match **self {}
    }

    pub(crate) async fn aborted_entries(&self, _: TieredLog, _: &RemoteSegment) -> Result<Vec<u8>, ColdError> {
        match *self {}
    }

    pub(crate) async fn find(
        self: &Arc<Self>,
        _: TieredLog,
        _: &RemoteSegment,
        _: (Timestamp, Offset),
        _: &mut Codecs,
    ) -> Result<Option<FoundOffset>, ColdError> {
        match **self {}
    }
}
