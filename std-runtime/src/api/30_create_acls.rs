//! CreateAcls, key 30, served 1-3. KIP-140, KIP-290 (v1).
//!
//! Answered as Apache Kafka does without an authorizer.
//! Differences from Apache Kafka: there is no authorizer yet.

use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::protocol::messages::create_acls::{AclCreationResult, CreateAclsRequest, CreateAclsResponse};

use super::acls;
use super::dispatch::Asked;

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: CreateAclsRequest<'_> = asked.decode()?;
    let refusal = acls::refusal();
    let refused = |_| AclCreationResult { error_code: refusal.code.number(), error_message: Some(&refusal.message) };
    let results: Vec<AclCreationResult<'_>> = request.creations.iter().map(refused).collect();
    asked.answer(&CreateAclsResponse { results: Array::from(&*results), ..Default::default() });
    Ok(())
}
