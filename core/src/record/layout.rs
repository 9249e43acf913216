//! Where the fields of a record batch lie. Source: message format, "Record Batch" (KIP-98); `DefaultRecordBatch`.
//!
//! ```text
//!  0        8      12     16   17    21  23      27       35       43       51    53      57     61
//!  | base   | batch| leader|ma-| crc |att| last  | base   | max    |producer|prod.| base  | re-  | records ...
//!  | offset | length epoch |gic|     |rib| offset|  time- |  time- |  id    |epoch|  se-  | cord |
//!  |        |      |      |   |     |   | delta |  stamp |  stamp |        |     | quence| count|
//!                              |<-- the checksum covers everything from the attributes to the end ------->
//! ```
//! All numbers are big-endian. What a log stamps into a batch (base offset, leader epoch) lies before the checksum and outside of it.

/// Where the offset of the first record stands; i64.
pub const BASE_OFFSET: usize = 0;
/// Where the number of bytes that follow this field stands; i32.
pub const BATCH_LENGTH: usize = 8;
/// Where the leader epoch stands; i32.
pub const LEADER_EPOCH: usize = 12;
/// Where the format version stands; i8.
pub const MAGIC: usize = 16;
/// Where the CRC-32C stands; u32.
pub const CRC: usize = 17;
/// Where the attributes stand; i16. Also where the bytes under the checksum begin.
pub const ATTRIBUTES: usize = 21;
/// Where the distance from the first to the last offset stands; i32.
pub const LAST_OFFSET_DELTA: usize = 23;
/// Where the timestamp that the records count from stands; i64.
pub const BASE_TIMESTAMP: usize = 27;
/// Where the largest timestamp stands; i64.
pub const MAX_TIMESTAMP: usize = 35;
/// Where the producer id stands; i64.
pub const PRODUCER_ID: usize = 43;
/// Where the producer epoch stands; i16.
pub const PRODUCER_EPOCH: usize = 51;
/// Where the sequence number of the first record stands; i32.
pub const BASE_SEQUENCE: usize = 53;
/// Where the number of records stands; i32.
pub const RECORD_COUNT: usize = 57;
/// Where the records begin: the size of the header.
pub const HEADER_SIZE: usize = 61;

/// How many bytes come before those that the batch length counts.
pub const LENGTH_OVERHEAD: u32 = 12;
/// The smallest batch length: that of a header without records.
pub const BATCH_LENGTH_MIN: u32 = 49;
/// The one version of the format that is written. Source: KIP-98; older ones are gone since KIP-724.
pub const MAGIC_V2: i8 = 2;

/// The attribute bits that name the compression.
pub const COMPRESSION_MASK: i16 = 0x07;
/// The attribute bit saying that all records carry the time of the append.
pub const LOG_APPEND_TIME: i16 = 0x08;
/// The attribute bit of a batch that belongs to a transaction.
pub const TRANSACTIONAL: i16 = 0x10;
/// The attribute bit of a batch whose records are for brokers and clients, not for applications.
pub const CONTROL: i16 = 0x20;
/// The attribute bit saying that the base timestamp is when tombstones may go. Source: KIP-534.
pub const DELETE_HORIZON: i16 = 0x40;

const _: () = assert!(HEADER_SIZE == LENGTH_OVERHEAD as usize + BATCH_LENGTH_MIN as usize);
const _: () = assert!(RECORD_COUNT + 4 == HEADER_SIZE && MAGIC + 1 == CRC && CRC + 4 == ATTRIBUTES);
