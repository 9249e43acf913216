//! SaslAuthenticate: key 36.

use millpond_core::message;

message! {
    /// Carries one step of authentication to the broker.
    ///
    /// Source: key 36; KIP-152, KIP-368 (v1).
    SaslAuthenticateRequest<'a>, key 36, versions 0-2, flexible 2+;
    /// One step of the SASL exchange, as its mechanism defines it.
    auth_bytes: &'a [u8], 0+;
}

message! {
    /// Carries one step of authentication to the client.
    ///
    /// Source: key 36; KIP-152, KIP-368 (v1).
    SaslAuthenticateResponse<'a>, key 36, versions 0-2, flexible 2+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The error in words; null when there is nothing to add.
    error_message: Option<&'a str>, 0+, null 0+;
    /// One step of the SASL exchange, as its mechanism defines it.
    auth_bytes: &'a [u8], 0+;
    /// How long until the client must authenticate again; 0 for never. Unit: ms.
    session_lifetime_ms: i64, 1+;
}
