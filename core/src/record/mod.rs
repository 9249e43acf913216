//! Record batches, version 2: the unit that a producer sends, a log keeps and a consumer reads.
//!
//! A batch is a header of 61 bytes and a body of records, compressed or not. Its bytes are handled as they came: a check looks at
//! them, a log writes them, a fetch answers with them; nobody unpacks them in passing.
//!
//! - [`layout`]: where each field lies. [`batch`]: a checked view over the bytes. [`records`]: the records of an uncompressed body.
//! - [`builder`]: writing batches. [`marker`]: the control record that ends a transaction.
//! - [`filter`]: a batch without some of its records. [`codec`]: how a runtime lends compression.
//! - [`validate`]: what a broker must refuse, and the proof that it did not have to.

pub mod batch;
pub mod builder;
pub mod codec;
pub mod filter;
pub mod layout;
pub mod marker;
pub mod records;
pub mod validate;
