//! RenewDelegationToken, key 39, served 1-2. KIP-48.
//!
//! Answered as Apache Kafka does on a listener that is PLAINTEXT.
//! Differences from Apache Kafka: there are no delegation tokens yet.

use millpond_core::wire::reader::DecodeError;

use crate::protocol::messages::renew_delegation_token::{RenewDelegationTokenRequest, RenewDelegationTokenResponse};

use super::delegation_tokens::REFUSAL;
use super::dispatch::Asked;

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let _: RenewDelegationTokenRequest<'_> = asked.decode()?;
    asked.answer(&RenewDelegationTokenResponse { error_code: REFUSAL.number(), expiry_timestamp_ms: -1, ..Default::default() });
    Ok(())
}
