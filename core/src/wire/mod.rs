//! Kafka's primitive types and the grammar its messages are written in.
//!
//! Decoding borrows: strings, byte strings and arrays point into the frame, and arrays are checked once and then read in passing.
//! So a decoder allocates nothing whatever a peer claims, and every length is compared with the bytes that are there before it is
//! believed. Which messages exist, and in which versions, is not known here: see the crate `millpond`, `protocol/messages`.
//!
//! - [`reader`]: bytes in. [`writer`]: bytes out. [`varint`]: variable-length integers.
//! - [`value`]: the types a field can have. [`schema`]: the `message!` grammar.

pub mod reader;
pub mod schema;
pub mod value;
pub mod varint;
pub mod writer;
