//! RenewDelegationToken: key 39.

use millpond_core::message;

message! {
    /// Lets a token live longer.
    ///
    /// Source: key 39; KIP-48.
    RenewDelegationTokenRequest<'a>, key 39, versions 1-2, flexible 2+;
    /// The token's secret.
    hmac: &'a [u8], 0+;
    /// For how long from now; -1 for the broker's default. Unit: ms.
    renew_period_ms: i64, 0+;
}

message! {
    /// Says how long it lives.
    ///
    /// Source: key 39; KIP-48.
    RenewDelegationTokenResponse, key 39, versions 1-2, flexible 2+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// When it expires unless it is renewed. Unit: ms since the epoch.
    expiry_timestamp_ms: i64, 0+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 0+;
}
