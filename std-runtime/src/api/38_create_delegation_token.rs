//! CreateDelegationToken, key 38, served 1-3. KIP-48, KIP-373 (v3).
//!
//! Answered as Apache Kafka does on a listener that is PLAINTEXT.
//! Differences from Apache Kafka: there are no delegation tokens yet.

use millpond_core::wire::reader::DecodeError;

use crate::protocol::messages::create_delegation_token::{CreateDelegationTokenRequest, CreateDelegationTokenResponse};

use super::delegation_tokens::{ANONYMOUS, REFUSAL};
use super::dispatch::Asked;

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: CreateDelegationTokenRequest<'_> = asked.decode()?;
    let named = request.owner_principal_name.filter(|name| !name.is_empty());
    let (principal_type, principal_name) = named.map_or(ANONYMOUS, |name| (request.owner_principal_type.unwrap_or_default(), name));
    asked.answer(&CreateDelegationTokenResponse {
        error_code: REFUSAL.number(),
        principal_type,
        principal_name,
        token_requester_principal_type: ANONYMOUS.0,
        token_requester_principal_name: ANONYMOUS.1,
        issue_timestamp_ms: -1,
        expiry_timestamp_ms: -1,
        max_timestamp_ms: -1,
        ..Default::default()
    });
    Ok(())
}
