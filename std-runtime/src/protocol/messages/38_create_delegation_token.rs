//! CreateDelegationToken: key 38.

use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Asks for a token that stands for somebody.
    ///
    /// Source: key 38; KIP-48, KIP-373 (v3).
    CreateDelegationTokenRequest<'a>, key 38, versions 1-3, flexible 2+;
    /// The type of the owner; null for whoever asks.
    owner_principal_type: Option<&'a str>, 3+, null 3+;
    /// The name of the owner; null for whoever asks.
    owner_principal_name: Option<&'a str>, 3+, null 3+;
    /// Who may renew it.
    renewers: Array<'a, CreatableRenewers<'a>>, 0+;
    /// How long it may live at the most; -1 for the broker's limit. Unit: ms.
    max_lifetime_ms: i64, 0+;
}

message! {
    /// Somebody who may renew a token.
    CreatableRenewers<'a>;
    /// The type of the principal: `User`.
    principal_type: &'a str, 0+;
    /// The name of the principal.
    principal_name: &'a str, 0+;
}

message! {
    /// Brings the token.
    ///
    /// Source: key 38; KIP-48, KIP-373 (v3).
    CreateDelegationTokenResponse<'a>, key 38, versions 1-3, flexible 2+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The type of the principal: `User`.
    principal_type: &'a str, 0+;
    /// The name of the principal.
    principal_name: &'a str, 0+;
    /// The type of the principal that asked for the token.
    token_requester_principal_type: &'a str, 3+;
    /// The name of the principal that asked for the token.
    token_requester_principal_name: &'a str, 3+;
    /// When it was made. Unit: ms since the epoch.
    issue_timestamp_ms: i64, 0+;
    /// When it expires unless it is renewed. Unit: ms since the epoch.
    expiry_timestamp_ms: i64, 0+;
    /// When it expires in any case. Unit: ms since the epoch.
    max_timestamp_ms: i64, 0+;
    /// The id of the token.
    token_id: &'a str, 0+;
    /// The token's secret.
    hmac: &'a [u8], 0+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 0+;
}
