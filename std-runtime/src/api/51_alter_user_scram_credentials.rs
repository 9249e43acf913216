//! AlterUserScramCredentials, key 51, served 0. KIP-554, KIP-900.
//!
//! Differences from Apache Kafka: passwords are kept and told of, and nobody is asked for them yet: there is no SASL.

use std::collections::BTreeMap;

use millpond_core::catalog::answer::Answer;
use millpond_core::catalog::input::{Input, RemoveCredential, SetCredential};
use millpond_core::catalog::schema::UserScramCredentialRecord;
use millpond_core::shard::logs::Written;
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::alter_user_scram_credentials::{
    AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse, AlterUserScramCredentialsResult, ScramCredentialDeletion,
    ScramCredentialUpsertion,
};
use crate::worker::turn::Turn;

use super::catalog::{self, Refusal};
use super::dispatch::Asked;
use super::respond;
use super::scram::Mechanism;

/// How often a password is hashed: at least, and at the most. Source: `ScramMechanism`, `ScramControlManager.MAX_ITERATIONS`.
const ITERATIONS: core::ops::RangeInclusive<i32> = 4096..=16_384;

/// What is to become of a user's password.
#[derive(Clone, Copy)]
enum Change<'a> {
    Remove(ScramCredentialDeletion<'a>),
    Set(ScramCredentialUpsertion<'a>),
    /// The user is named twice.
    Contradictory,
}

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: AlterUserScramCredentialsRequest<'_> = asked.decode()?;
    let Asked { worker, head, reply, .. } = asked;
    let removals = request.deletions.iter().map(|deletion| (deletion.name, Change::Remove(deletion)));
    let mut changes: BTreeMap<&str, Change<'_>> = BTreeMap::new();
    for (name, change) in removals.chain(request.upsertions.iter().map(|upsertion| (upsertion.name, Change::Set(upsertion)))) {
        changes.entry(name).and_modify(|known| *known = Change::Contradictory).or_insert(change);
    }
    worker.turn(|turn| {
        let mut written: Vec<Written> = Vec::new();
        let done: Vec<(&str, Option<Refusal>)> =
            changes.into_iter().map(|(name, change)| (name, carry_out(turn, name, change).map(|end| written.extend(end)).err())).collect();
        let results: Vec<AlterUserScramCredentialsResult<'_>> = done
            .iter()
            .map(|(user, refusal)| AlterUserScramCredentialsResult {
                user,
                error_code: refusal.as_ref().map_or(0, |refusal| refusal.code.number()),
                error_message: refusal.as_ref().map(|refusal| refusal.message.as_str()),
            })
            .collect();
        let message = AlterUserScramCredentialsResponse { results: Array::from(&*results), ..Default::default() };
        let outgoing = respond::encode(head, &message);
        turn.hold(head, reply, outgoing, &written, ErrorCode::KAFKA_STORAGE_ERROR, None);
    });
    Ok(())
}

fn carry_out(turn: &mut Turn<'_>, name: &str, change: Change<'_>) -> Result<Option<Written>, Refusal> {
    if name.is_empty() && !matches!(change, Change::Contradictory) {
        return Err(Refusal::new(ErrorCode::UNACCEPTABLE_CREDENTIAL, "a user's name must not be empty"));
    }
    let number = match change {
        Change::Remove(deletion) => deletion.mechanism,
        Change::Set(upsertion) => upsertion.mechanism,
        Change::Contradictory => return Err(Refusal::new(ErrorCode::DUPLICATE_RESOURCE, "the user is named twice")),
    };
    let Some(mechanism) = Mechanism::from_number(number) else {
        return Err(Refusal::new(ErrorCode::UNSUPPORTED_SASL_MECHANISM, format!("{number} is no mechanism of SCRAM")));
    };
    let keys;
    let input = match change {
        Change::Set(upsertion) => {
            if !ITERATIONS.contains(&upsertion.iterations) {
                let (min, max) = (ITERATIONS.start(), ITERATIONS.end());
                let message = format!("{} iterations are not between {min} and {max}", upsertion.iterations);
                return Err(Refusal::new(ErrorCode::UNACCEPTABLE_CREDENTIAL, message));
            }
            keys = mechanism.keys(upsertion.salted_password);
            let credential = UserScramCredentialRecord {
                name,
                mechanism: number,
                salt: upsertion.salt,
                stored_key: &keys.stored_key,
                server_key: &keys.server_key,
                iterations: upsertion.iterations,
            };
            Input::SetCredential(SetCredential { call: catalog::HERE, credential })
        }
        Change::Remove(_) | Change::Contradictory => {
            Input::RemoveCredential(RemoveCredential { call: catalog::HERE, name, mechanism: number })
        }
    };
    let ((), written) = catalog::turn(turn, input, |answer| match answer {
        Answer::CredentialAltered(Ok(())) => Ok(()),
        Answer::CredentialAltered(Err(error)) => Err(Refusal::from(&error)),
        other => Err(catalog::unexpected(&other)),
    })?;
    Ok(written)
}
