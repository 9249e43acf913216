//! DescribeUserScramCredentials, key 50, served 0. KIP-554.
//!
//! Differences from Apache Kafka: passwords are kept and told of, and nobody is asked for them yet: there is no SASL.

use std::collections::{BTreeMap, BTreeSet};

use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::describe_user_scram_credentials::{
    CredentialInfo, DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse, DescribeUserScramCredentialsResult,
};

use super::dispatch::Asked;
use super::repeated::repeated;
use super::respond;

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: DescribeUserScramCredentialsRequest<'_> = asked.decode()?;
    let Asked { worker, head, reply, .. } = asked;
    let named: BTreeSet<&str> = request.users.into_iter().flat_map(|users| users.iter()).map(|user| user.name).collect();
    let twice = repeated(request.users.into_iter().flat_map(|users| users.iter()).map(|user| user.name));
    worker.turn(|turn| {
        let mut known: BTreeMap<&str, Vec<CredentialInfo>> = BTreeMap::new();
        for credential in turn.inner.shard.catalog().credentials() {
            let info = CredentialInfo { mechanism: credential.mechanism, iterations: credential.iterations };
            known.entry(credential.name).or_default().push(info);
        }
        for infos in known.values_mut() {
            infos.sort_by_key(|info| info.mechanism);
        }
        // Nobody named means everybody. Source: `ScramImage.describe`.
        let users: Vec<&str> = if named.is_empty() { known.keys().copied().collect() } else { named.iter().copied().collect() };
        let results: Vec<DescribeUserScramCredentialsResult<'_>> = users
            .into_iter()
            .map(|user| {
                let refuse = |code: ErrorCode, message| DescribeUserScramCredentialsResult {
                    user,
                    error_code: code.number(),
                    error_message: Some(message),
                    ..Default::default()
                };
                match known.get(user) {
                    _ if twice.contains(user) => refuse(ErrorCode::DUPLICATE_RESOURCE, "the user is named twice"),
                    None => refuse(ErrorCode::RESOURCE_NOT_FOUND, "the user has no password for SCRAM"),
                    Some(infos) => {
                        DescribeUserScramCredentialsResult { user, credential_infos: Array::from(&**infos), ..Default::default() }
                    }
                }
            })
            .collect();
        let message = DescribeUserScramCredentialsResponse { results: Array::from(&*results), ..Default::default() };
        reply.send(respond::encode(head, &message));
    });
    Ok(())
}
