//! ExpireDelegationToken: key 40.

use millpond_core::message;

message! {
    /// Lets a token expire.
    ///
    /// Source: key 40; KIP-48.
    ExpireDelegationTokenRequest<'a>, key 40, versions 1-2, flexible 2+;
    /// The token's secret.
    hmac: &'a [u8], 0+;
    /// In how much time from now; negative at once. Unit: ms.
    expiry_time_period_ms: i64, 0+;
}

message! {
    /// Says when it expires.
    ///
    /// Source: key 40; KIP-48.
    ExpireDelegationTokenResponse, key 40, versions 1-2, flexible 2+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// When it expires unless it is renewed. Unit: ms since the epoch.
    expiry_timestamp_ms: i64, 0+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 0+;
}
