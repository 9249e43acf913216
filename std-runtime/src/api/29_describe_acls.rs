//! DescribeAcls, key 29, served 1-3. KIP-140, KIP-290 (v1).
//!
//! Answered as Apache Kafka does without an authorizer.
//! Differences from Apache Kafka: there is no authorizer yet.

use millpond_core::wire::reader::DecodeError;

use crate::protocol::messages::describe_acls::{DescribeAclsRequest, DescribeAclsResponse};

use super::acls;
use super::dispatch::Asked;

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let _: DescribeAclsRequest<'_> = asked.decode()?;
    let refusal = acls::refusal();
    asked.answer(&DescribeAclsResponse { error_code: refusal.code.number(), error_message: Some(&refusal.message), ..Default::default() });
    Ok(())
}
