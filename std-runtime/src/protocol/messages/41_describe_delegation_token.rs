//! DescribeDelegationToken: key 41.

use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Asks which tokens there are.
    ///
    /// Source: key 41; KIP-48, KIP-373 (v3).
    DescribeDelegationTokenRequest<'a>, key 41, versions 1-3, flexible 2+;
    /// Whose tokens; null for all that the caller may see.
    owners: Option<Array<'a, DescribeDelegationTokenOwner<'a>>>, 0+, null 0+;
}

message! {
    /// An owner of tokens.
    DescribeDelegationTokenOwner<'a>;
    /// The type of the principal: `User`.
    principal_type: &'a str, 0+;
    /// The name of the principal.
    principal_name: &'a str, 0+;
}

message! {
    /// Lists tokens.
    ///
    /// Source: key 41; KIP-48, KIP-373 (v3).
    DescribeDelegationTokenResponse<'a>, key 41, versions 1-3, flexible 2+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The tokens.
    tokens: Array<'a, DescribedDelegationToken<'a>>, 0+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 0+;
}

message! {
    /// A token.
    DescribedDelegationToken<'a>;
    /// The type of the principal: `User`.
    principal_type: &'a str, 0+;
    /// The name of the principal.
    principal_name: &'a str, 0+;
    /// The type of the principal that asked for the token.
    token_requester_principal_type: &'a str, 3+;
    /// The name of the principal that asked for the token.
    token_requester_principal_name: &'a str, 3+;
    /// When it was made. Unit: ms since the epoch.
    issue_timestamp: i64, 0+;
    /// When it expires unless it is renewed. Unit: ms since the epoch.
    expiry_timestamp: i64, 0+;
    /// When it expires in any case. Unit: ms since the epoch.
    max_timestamp: i64, 0+;
    /// The id of the token.
    token_id: &'a str, 0+;
    /// The token's secret.
    hmac: &'a [u8], 0+;
    /// Who may renew it.
    renewers: Array<'a, DescribedDelegationTokenRenewer<'a>>, 0+;
}

message! {
    /// Somebody who may renew a token.
    DescribedDelegationTokenRenewer<'a>;
    /// The type of the principal: `User`.
    principal_type: &'a str, 0+;
    /// The name of the principal.
    principal_name: &'a str, 0+;
}
