//! The disk: files of partitions, and the directory that holds them.
//!
//! - [`files`]: a partition's files, as core's `SegmentStore`. [`data_dir`]: the directory of all of them, its lock, its identity and
//!   what is remembered between runs, in Kafka's own files. [`names`]: what directories are called.

pub mod checkpoint;
pub mod data_dir;
pub mod files;
pub mod names;
