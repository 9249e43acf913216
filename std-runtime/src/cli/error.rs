//! How a command fails, and what its user can do about it.

use std::io;

use crate::client::error::ClientError;
use crate::disk::offline::OfflineError;
use crate::protocol::error_code::ErrorCode;

/// Why a command did not do what it was told.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// A broker could not be reached, or refused.
    #[error("{0}{hint}", hint = hint(.0))]
    Client(#[from] ClientError),
    /// What it has to say cannot be written.
    #[error("the output cannot be written: {0}")]
    Output(io::Error),
    /// What it is to read cannot be read.
    #[error("the input cannot be read: {0}")]
    Input(io::Error),
    /// An option has a value that it cannot have.
    #[error("{0}")]
    Usage(String),
    /// A directory cannot be looked at.
    #[error("{0}")]
    Offline(#[from] OfflineError),
    /// Something is damaged, and the output says what.
    #[error("{0}")]
    Damaged(String),
    /// It worked for some, not for all: a line for each that failed.
    #[error("{}", .0.join("\n"))]
    Several(Vec<String>),
}

impl From<io::Error> for CommandError {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl CommandError {
    /// Whether somebody just stopped reading what it writes, as `head` does: no failure.
    #[must_use]
    pub fn is_closed_output(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Success, or all that failed.
    ///
    /// # Errors
    /// [`CommandError::Several`] when something did.
    pub fn unless(failures: Vec<String>) -> Result<(), Self> {
        if failures.is_empty() { Ok(()) } else { Err(Self::Several(failures)) }
    }
}

/// What to do about an error of a client: a clause to follow it, or nothing.
#[must_use]
pub fn hint(error: &ClientError) -> String {
    let hint = match error {
        ClientError::Connect { .. } | ClientError::ConnectTimeout { .. } => {
            "is a broker running there? `millpond serve` runs one, --bootstrap HOST:PORT names another"
        }
        ClientError::Timeout { .. } => "the broker may be overloaded; --timeout-ms allows it more time",
        ClientError::NotServed { .. } => "a newer broker does",
        ClientError::NoPartition { .. } | ClientError::NoLeader { .. } => "`millpond topic describe` shows the partitions",
        ClientError::Refused { code, .. } => match *code {
            ErrorCode::TOPIC_ALREADY_EXISTS => "--if-not-exists accepts that, `millpond topic alter` changes it",
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => "`millpond topic list` shows what there is, `millpond topic create` makes one",
            ErrorCode::GROUP_ID_NOT_FOUND => "`millpond group list` shows what there is",
            ErrorCode::NON_EMPTY_GROUP | ErrorCode::UNKNOWN_MEMBER_ID => "stop its consumers first",
            ErrorCode::MESSAGE_TOO_LARGE => "the topic's max.message.bytes says how large a record may be",
            _ => return String::new(),
        },
        _ => return String::new(),
    };
    format!("; {hint}")
}
