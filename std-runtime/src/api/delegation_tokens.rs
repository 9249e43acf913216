//! What the requests about delegation tokens share. Source: `KafkaApis.allowTokenRequests`, KIP-48.

use crate::protocol::error_code::ErrorCode;

/// A token stands for somebody who has said who he is, which nobody can on a listener that is PLAINTEXT; and here all are.
pub(super) const REFUSAL: ErrorCode = ErrorCode::DELEGATION_TOKEN_REQUEST_NOT_ALLOWED;

/// Whoever connects without saying who he is. Source: `KafkaPrincipal.ANONYMOUS`.
pub(super) const ANONYMOUS: (&str, &str) = ("User", "ANONYMOUS");
