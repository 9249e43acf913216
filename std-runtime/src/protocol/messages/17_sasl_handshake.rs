//! SaslHandshake: key 17.

use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Chooses a SASL mechanism.
    ///
    /// Source: key 17; KIP-43, KIP-152 (v1).
    SaslHandshakeRequest<'a>, key 17, versions 0-1;
    /// The SASL mechanism chosen.
    mechanism: &'a str, 0+;
}

message! {
    /// Accepts the mechanism, or names the others.
    ///
    /// Source: key 17; KIP-43, KIP-152 (v1).
    SaslHandshakeResponse<'a>, key 17, versions 0-1;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The SASL mechanisms that the broker offers.
    mechanisms: Array<'a, &'a str>, 0+;
}
