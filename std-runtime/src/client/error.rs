//! What can go wrong between a client and its brokers.

use std::io;

use millpond_core::member::error::Failure;
use millpond_core::record::batch::BatchError;
use millpond_core::record::codec::CodecError;
use millpond_core::record::records::RecordError;
use millpond_core::wire::reader::DecodeError;

use crate::protocol::error_code::ErrorCode;

/// Why a call, or what is made of several, did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody answers there.
    #[error("cannot connect to {address}: {error}")]
    Connect {
        /// Where to.
        address: String,
        /// What the system says.
        error: io::Error,
    },
    /// Nobody answers there in time.
    #[error("cannot connect to {address}: timed out after {ms} ms")]
    ConnectTimeout {
        /// Where to.
        address: String,
        /// How long it was tried.
        ms: u128,
    },
    /// The connection broke: whether the broker did what it was asked is not known.
    #[error("the connection to {address} was lost during {api}: {error}")]
    Lost {
        /// The broker.
        address: String,
        /// What was asked.
        api: &'static str,
        /// What the system says.
        error: io::Error,
    },
    /// No answer came: whether the broker did what it was asked is not known.
    #[error("{address} did not answer {api}: timed out after {ms} ms")]
    Timeout {
        /// The broker.
        address: String,
        /// What was asked.
        api: &'static str,
        /// How long was waited.
        ms: u128,
    },
    /// The broker does not know the request, or no version of it that would do.
    #[error("the broker at {address} does not serve {api} in a version from {first} to {last}")]
    NotServed {
        /// The broker.
        address: String,
        /// What was to be asked.
        api: &'static str,
        /// The lowest version that would do.
        first: i16,
        /// The highest version that would do.
        last: i16,
    },
    /// What came back is not the answer.
    #[error("the answer of {address} to {api} cannot be read: {error}")]
    Malformed {
        /// The broker.
        address: String,
        /// What was asked.
        api: &'static str,
        /// What is wrong.
        error: DecodeError,
    },
    /// What came back answers something else.
    #[error("{address} answered {api} out of turn; it may not be a Kafka broker")]
    OutOfTurn {
        /// The broker.
        address: String,
        /// What was asked.
        api: &'static str,
    },
    /// What came back has a size that is not taken.
    #[error("the answer of {address} to {api} has a size of {size} bytes, at most {max} are taken; it may not be a Kafka broker")]
    AnswerSize {
        /// The broker.
        address: String,
        /// What was asked.
        api: &'static str,
        /// The size it announced.
        size: i64,
        /// The most that is taken.
        max: usize,
    },
    /// The broker says no.
    #[error("{what}: {}", reason(*.code, .message.as_deref()))]
    Refused {
        /// What was asked, and of what.
        what: String,
        /// Its error.
        code: ErrorCode,
        /// What it adds in words.
        message: Option<String>,
    },
    /// A member of a group gives up, on its own account.
    #[error("the member of the group gives up: {0}")]
    Member(Failure),
    /// Nobody leads the partition at the moment.
    #[error("{topic}-{partition} has no leader at the moment")]
    NoLeader {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
    },
    /// The topic has no such partition.
    #[error("{topic} has {count} partitions, so there is no partition {partition}")]
    NoPartition {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// How many there are.
        count: usize,
    },
    /// The brokers name a broker that they do not introduce.
    #[error("the cluster names broker {node}, but not where it listens")]
    UnknownNode {
        /// The broker's number.
        node: i32,
    },
    /// The broker's answer lacks what was asked for.
    #[error("the answer of the broker says nothing about {0}")]
    Missing(String),
    /// What lies in the log is not what it should be.
    #[error("{topic}-{partition}, batch at offset {offset}: {fault}")]
    Batch {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// Where the batch lies, as far as is known.
        offset: i64,
        /// What is wrong.
        fault: BatchFault,
    },
    /// Records cannot be compressed.
    #[error("the records cannot be compressed: {0}")]
    Compress(CodecError),
    /// A record is too large to be put in any batch.
    #[error("a record of {size} bytes is too large for a batch")]
    RecordSize {
        /// Its size.
        size: usize,
    },
    /// The system has no random numbers.
    #[error("the system has no random numbers: {0}")]
    Random(getrandom::Error),
}

/// What is wrong with a batch that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchFault {
    /// It is no batch.
    #[error("{0}")]
    Batch(BatchError),
    /// Its bytes were changed.
    #[error("its checksum does not match its bytes")]
    Crc,
    /// It is compressed in a way that nobody knows.
    #[error("its compression is none that is known")]
    Compression,
    /// It cannot be decompressed.
    #[error("{0}")]
    Codec(CodecError),
    /// Its records are not what they should be.
    #[error("{0}")]
    Record(RecordError),
}

/// The error's name and number, and what the broker says of it; what such an error means when it says nothing.
fn reason(code: ErrorCode, message: Option<&str>) -> String {
    match (code.name(), message) {
        (Some(name), Some(message)) if !message.is_empty() => format!("{name} ({}): {message}", code.number()),
        (None, Some(message)) if !message.is_empty() => format!("error {}: {message}", code.number()),
        _ => code.to_string(),
    }
}

impl ClientError {
    /// The broker's refusal; `None` from an answer without error.
    ///
    /// # Errors
    /// [`ClientError::Refused`] when `code` is an error.
    pub fn refused(code: i16, message: Option<&str>, what: impl FnOnce() -> String) -> Result<(), Self> {
        let code = ErrorCode::from_i16(code);
        if code.is_none() {
            Ok(())
        } else {
            Err(Self::Refused { what: what(), code, message: message.map(|message| message.trim_end_matches('.').to_string()) })
        }
    }

    /// The broker's error, if it is one.
    #[must_use]
    pub const fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// Whether the same call may succeed later, perhaps at another broker.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Refused { code, .. } => code.is_retriable(),
            _ => self.is_connection() || matches!(self, Self::NoLeader { .. } | Self::UnknownNode { .. }),
        }
    }

    /// Whether the connection failed, rather than the request.
    #[must_use]
    pub const fn is_connection(&self) -> bool {
        matches!(self, Self::Connect { .. } | Self::ConnectTimeout { .. } | Self::Lost { .. } | Self::Timeout { .. })
    }
}
