//! DeleteAcls, key 31, served 1-3. KIP-140, KIP-290 (v1).
//!
//! Answered as Apache Kafka does without an authorizer.
//! Differences from Apache Kafka: there is no authorizer yet.

use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::protocol::messages::delete_acls::{DeleteAclsFilterResult, DeleteAclsRequest, DeleteAclsResponse};

use super::acls;
use super::dispatch::Asked;

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: DeleteAclsRequest<'_> = asked.decode()?;
    let refusal = acls::refusal();
    let refused = |_| DeleteAclsFilterResult {
        error_code: refusal.code.number(),
        error_message: Some(&refusal.message),
        ..DeleteAclsFilterResult::default()
    };
    let filter_results: Vec<DeleteAclsFilterResult<'_>> = request.filters.iter().map(refused).collect();
    asked.answer(&DeleteAclsResponse { filter_results: Array::from(&*filter_results), ..Default::default() });
    Ok(())
}
