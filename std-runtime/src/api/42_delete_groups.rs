//! DeleteGroups, key 42, served 0-2. KIP-229.
//!
//! Differences from Apache Kafka: none known.

use std::collections::BTreeSet;

use millpond_core::group::error::GroupError;
use millpond_core::group::input::{DeleteGroup, Input};
use millpond_core::group::modern::topics::NoMatcher;
use millpond_core::ids::CallId;
use millpond_core::machine::{Answers, When};
use millpond_core::shard::logs::Written;
use millpond_core::share::input::ShareKey;
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::delete_groups::{DeletableGroupResult, DeleteGroupsRequest, DeleteGroupsResponse};

use super::dispatch::Asked;
use super::{catalog, error_map, respond};

/// Catches the answer to one deletion.
#[derive(Default)]
struct Catch(Option<Result<(), GroupError>>);

impl Answers<millpond_core::group::coordinator::Coordinator<'static>> for Catch {
    fn answer(&mut self, _: CallId, _: When, answer: millpond_core::group::answer::Answer<'_>) {
        if let millpond_core::group::answer::Answer::GroupDeleted(result) = answer {
            self.0 = Some(result);
        }
    }
}

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: DeleteGroupsRequest<'_> = asked.decode()?;
    let Asked { worker, head, reply, .. } = asked;
    // A group named twice is deleted once. Source: `GroupCoordinatorService.deleteGroups`.
    let mut named: BTreeSet<&str> = BTreeSet::new();
    let groups: Vec<&str> = request.groups_names.iter().filter(|group| named.insert(group)).collect();
    worker.turn(|turn| {
        let mut written: Vec<Written> = Vec::new();
        let mut results: Vec<DeletableGroupResult<'_>> = Vec::new();
        for group_id in groups {
            let mut catch = Catch::default();
            let input = Input::DeleteGroup(DeleteGroup { call: catalog::HERE, group_id });
            let inner = &mut *turn.inner;
            let error_code = match inner.shard.group(turn.at, input, &NoMatcher, &mut catch, &mut inner.released) {
                Ok(end) => {
                    written.extend(end);
                    if matches!(catch.0, Some(Ok(()))) {
                        let told = &mut |end| written.push(end);
                        let of_group = |key: &ShareKey<'_>| key.group_id == group_id;
                        if let Err(error) = inner.shard.forget_shares(turn.at, of_group, told, &mut inner.released) {
                            // A group of this name that comes later goes on there.
                            tracing::warn!(group_id, %error, "what a deleted group shared is not forgotten");
                        }
                    }
                    catch.0.map_or(ErrorCode::UNKNOWN_SERVER_ERROR.number(), |result| error_map::of_group_part(result.as_ref().err()))
                }
                Err(error) => error_map::of_group_write(&error).number(),
            };
            results.push(DeletableGroupResult { group_id, error_code });
        }
        let outgoing = respond::encode(head, &DeleteGroupsResponse { results: Array::from(&*results), ..Default::default() });
        turn.hold(head, reply, outgoing, &written, ErrorCode::NOT_COORDINATOR, None);
    });
    Ok(())
}
