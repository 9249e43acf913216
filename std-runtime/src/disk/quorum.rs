//! What Kafka's controllers keep beside the catalogue's log: `quorum-state`, and snapshots of the catalogue.

use std::io;
use std::path::Path;

use millpond_core::catalog::snapshot::SnapshotId;
use millpond_core::ids::{BrokerId, LeaderEpoch};
use serde_json::{Value, json};

use super::checkpoint;

/// The file that says who leads the catalogue's log, and under which epoch. Source: `FileQuorumStateStore`.
pub const QUORUM_STATE: &str = "quorum-state";

/// The epoch that `quorum-state` tells; `None` when there is no such file.
///
/// # Errors
/// When it cannot be read, or does not read as what it should be.
pub fn read_epoch(directory: &Path) -> io::Result<Option<LeaderEpoch>> {
    let text = match std::fs::read_to_string(directory.join(QUORUM_STATE)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        text => text?,
    };
    let state: Value = serde_json::from_str(&text)?;
    let epoch = state.get("leaderEpoch").and_then(Value::as_i64).and_then(|epoch| i32::try_from(epoch).ok());
    epoch.map(|epoch| Some(LeaderEpoch(epoch))).ok_or_else(|| io::Error::other("it names no leaderEpoch"))
}

/// Writes that this broker leads under an epoch, in the version of the file that belongs to the version of the quorum's protocol.
/// Source: `KRaftVersion.quorumStateVersion`, `QuorumStateData`.
///
/// # Errors
/// When it cannot be written.
pub fn write_epoch(directory: &Path, node: BrokerId, epoch: LeaderEpoch, kraft_version: i16) -> io::Result<()> {
    let state = if kraft_version == 0 {
        json!({
            "clusterId": "", "leaderId": node.0, "leaderEpoch": epoch.0, "votedId": -1, "appliedOffset": 0,
            "currentVoters": [{"voterId": node.0}], "data_version": 0,
        })
    } else {
        json!({
            "leaderId": node.0, "leaderEpoch": epoch.0, "votedId": -1, "votedDirectoryId": "AAAAAAAAAAAAAAAAAAAAAA", "data_version": 1,
        })
    };
    std::fs::create_dir_all(directory)?;
    checkpoint::write_whole(directory, QUORUM_STATE, &state.to_string())
}

/// The newest snapshot in the catalogue's directory, or the newest that is older than `before`.
///
/// # Errors
/// When the directory cannot be read.
pub fn snapshot_before(directory: &Path, before: Option<SnapshotId>) -> io::Result<Option<SnapshotId>> {
    let entries = match std::fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        entries => entries?,
    };
    let mut newest = None;
    for entry in entries {
        let id = entry?.file_name().to_str().and_then(SnapshotId::parse);
        newest = newest.max(id.filter(|id| before.is_none_or(|before| *id < before)));
    }
    Ok(newest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use millpond_core::ids::Offset;

    #[test]
    fn an_epoch_is_read_as_kafka_writes_it_and_as_we_do() {
        let directory = std::env::temp_dir().join(format!("millpond-quorum-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&directory);
        assert_eq!(read_epoch(&directory).unwrap(), None);
        assert_eq!(snapshot_before(&directory, None).unwrap(), None);
        for version in [0, 1] {
            write_epoch(&directory, BrokerId(1), LeaderEpoch(7), version).unwrap();
            assert_eq!(read_epoch(&directory).unwrap(), Some(LeaderEpoch(7)));
        }
        let kafkas = r#"{"leaderId":1,"leaderEpoch":3,"votedId":-1,"votedDirectoryId":"AAAAAAAAAAAAAAAAAAAAAA","data_version":1}"#;
        std::fs::write(directory.join(QUORUM_STATE), kafkas).unwrap();
        assert_eq!(read_epoch(&directory).unwrap(), Some(LeaderEpoch(3)));
        for damaged in ["", "{}", "[]", "{\"leaderEpoch\":\"3\"}", "{\"leaderEpoch\":3"] {
            std::fs::write(directory.join(QUORUM_STATE), damaged).unwrap();
            assert!(read_epoch(&directory).is_err(), "{damaged:?}");
        }
        let id = |end| SnapshotId { end: Offset(end), epoch: LeaderEpoch(1) };
        for end in [5, 100, 20] {
            std::fs::write(directory.join(id(end).to_string()), "").unwrap();
        }
        std::fs::write(directory.join(format!("{}.part", id(300))), "").unwrap();
        assert_eq!(snapshot_before(&directory, None).unwrap(), Some(id(100)));
        assert_eq!(snapshot_before(&directory, Some(id(20))).unwrap(), Some(id(5)));
        assert_eq!(snapshot_before(&directory, Some(id(5))).unwrap(), None);
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
