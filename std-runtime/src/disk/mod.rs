//! The disk: files of partitions, and the directory that holds them.
//!
//! - [`files`]: a partition's files, as core's `SegmentStore`; [`partition_dir`]: where they are, and whose. [`data_dir`]: the directory of
//!   all of them, and its identity. [`lock`]: who may use it.
//! - [`remembered`]: what is known of logs from run to run, in Kafka's own files. [`checkpoint`]: their format, and small files that are
//!   written whole or not at all. [`names`]: what directories are called. [`quorum`]: what Kafka's controllers keep beside the catalogue's
//!   log. [`offline`]: a directory that no broker uses, looked at from outside. [`later`]: work that nobody waits for.

pub mod checkpoint;
pub mod data_dir;
pub mod files;
pub mod later;
pub mod lock;
pub mod names;
pub mod offline;
pub mod partition_dir;
pub mod quorum;
pub mod remembered;
