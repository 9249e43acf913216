//! What the requests about permissions share. Source: `AclApis`, KIP-140.

use crate::protocol::error_code::ErrorCode;

use super::catalog::Refusal;

/// There is nobody here who would ask for permissions: `authorizer.class.name` must be empty.
pub(super) fn refusal() -> Refusal {
    Refusal::new(ErrorCode::SECURITY_DISABLED, "this broker has no authorizer")
}
