//! Kafka's wire protocol: bytes to messages and back. No sockets, no time, no decisions; builds without `std`.
//!
//! - [`frame`]: where one message ends and the next begins. [`header`]: what stands before every message.
//! - [`api_key`]: the table of requests. [`error_code`]: the table of errors.
//! - [`refuse`]: turning an answer that must not leave into its refusal.
//! - [`messages`]: requests and responses, one file per key.

pub mod api_key;
pub mod error_code;
pub mod frame;
pub mod header;
pub mod messages;
pub mod refuse;
