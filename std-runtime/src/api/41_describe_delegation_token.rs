//! DescribeDelegationToken, key 41, served 1-3. KIP-48, KIP-373 (v3).
//!
//! Answered as Apache Kafka does on a listener that is PLAINTEXT.
//! Differences from Apache Kafka: there are no delegation tokens yet.

use millpond_core::wire::reader::DecodeError;

use crate::protocol::messages::describe_delegation_token::{DescribeDelegationTokenRequest, DescribeDelegationTokenResponse};

use super::delegation_tokens::REFUSAL;
use super::dispatch::Asked;

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let _: DescribeDelegationTokenRequest<'_> = asked.decode()?;
    asked.answer(&DescribeDelegationTokenResponse { error_code: REFUSAL.number(), ..Default::default() });
    Ok(())
}
