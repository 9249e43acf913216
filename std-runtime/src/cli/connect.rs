//! The options that lead to a broker.

use core::time::Duration;

use clap::{Args, ValueEnum};

use crate::client::cluster::Cluster;
use crate::client::connection::Options;
use crate::client::error::ClientError;

use super::error::CommandError;

/// Which broker to speak to.
#[derive(Clone, Debug, Args)]
pub struct Connect {
    /// A broker of the cluster, or several with commas between; the others are found through it.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9092")]
    bootstrap: String,
    /// How long an answer may take, and how long a failing request is tried again.
    #[arg(long, value_name = "MS", default_value_t = 30_000, value_parser = clap::value_parser!(u64).range(1..=86_400_000))]
    timeout_ms: u64,
}

impl Connect {
    /// Connects.
    ///
    /// # Errors
    /// What [`ClientError`] names.
    pub async fn cluster(&self) -> Result<Cluster, ClientError> {
        let request_timeout = Duration::from_millis(self.timeout_ms);
        let defaults = Options::default();
        let connect_timeout = defaults.connect_timeout.min(request_timeout);
        Cluster::connect(&self.bootstrap, Options { request_timeout, connect_timeout, ..defaults }).await
    }

    /// What requests that change something are given. Unit: ms.
    #[must_use]
    pub fn request_timeout_ms(&self) -> i32 {
        i32::try_from(self.timeout_ms).unwrap_or(i32::MAX)
    }
}

/// How a list looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// Splits `key=value`.
///
/// # Errors
/// [`CommandError::Usage`] when there is no `=`.
pub fn key_value<'a>(option: &str, text: &'a str) -> Result<(&'a str, &'a str), CommandError> {
    text.split_once('=').ok_or_else(|| CommandError::Usage(format!("{option} {text}: it must be key=value")))
}
