//! Settings: Kafka's keys, what each allows, and the typed values that come of them. No tokio, no clock; builds without `std`.
//!
//! [`keys`] holds one row a key and is the only place where a key's name stands. From the rows come parsing, defaults, checks, what
//! DescribeConfigs tells and what AlterConfigs refuses.

pub mod broker_config;
pub mod client_metrics;
pub mod groups;
pub mod key;
pub mod keys;
pub mod properties;
