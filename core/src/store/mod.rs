//! Between a log and a disk: named files, nothing else.
//!
//! - [`file_name`]: which files a partition has, in Kafka's spelling. [`segment_store`]: what a log asks of them.
//! - [`memory`]: files in lent or grown memory, for firmware, tests and the simulator.

pub mod file_name;
pub mod memory;
pub mod segment_store;
