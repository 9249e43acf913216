//! DeleteTopics, key 20, served 1-6. KIP-322, KIP-599 (v5), KIP-516 (v6).
//!
//! Differences from Apache Kafka: `__consumer_offsets`, `__transaction_state` and `__share_group_state` cannot be deleted, since groups and transactions live in them. The files go when the deletion can no longer be undone by a loss of power.

use millpond_core::catalog::answer::Answer;
use millpond_core::catalog::input::{DeleteTopic, Input, TopicRef};
use millpond_core::catalog::name;
use millpond_core::ids::TopicId;
use millpond_core::shard::logs::Written;
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::delete_topics::{DeletableTopicResult, DeleteTopicsRequest, DeleteTopicsResponse};
use crate::worker::turn::Turn;

use super::catalog::{self, Refusal};
use super::dispatch::Asked;
use super::repeated::{repeated, unique};
use super::respond;

/// From this version on, topics can be named by id.
const BY_ID_SINCE: i16 = 6;

struct Outcome {
    name: Option<String>,
    topic_id: TopicId,
    refusal: Option<Refusal>,
}

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: DeleteTopicsRequest<'_> = asked.decode()?;
    let Asked { worker, head, reply, .. } = asked;
    worker.turn(|turn| {
        let mut written: Vec<Written> = Vec::new();
        let named: Vec<(Option<&str>, TopicId)> = if head.version >= BY_ID_SINCE {
            request.topics.iter().map(|topic| (topic.name, topic.topic_id)).collect()
        } else {
            request.topic_names.iter().map(|name| (Some(name), TopicId::ZERO)).collect()
        };
        // Source: `ControllerApis.deleteTopics`: what is named twice is not deleted, and answered once.
        let twice = repeated(named.iter().copied());
        let outcomes: Vec<Outcome> = unique(named.into_iter(), |named| *named)
            .into_iter()
            .map(|(name, topic_id)| {
                if twice.contains(&(name, topic_id)) {
                    let message = if name.is_some() { "Duplicate topic name." } else { "Duplicate topic id." };
                    let refusal = Some(Refusal::new(ErrorCode::INVALID_REQUEST, message));
                    return Outcome { name: name.map(str::to_string), topic_id, refusal };
                }
                delete_either(turn, name, topic_id, &mut written)
            })
            .collect();
        let told: Vec<DeletableTopicResult<'_>> = outcomes
            .iter()
            .map(|outcome| DeletableTopicResult {
                name: outcome.name.as_deref(),
                topic_id: outcome.topic_id,
                error_code: outcome.refusal.as_ref().map_or(0, |refusal| refusal.code.number()),
                error_message: outcome.refusal.as_ref().map(|refusal| refusal.message.as_str()),
            })
            .collect();
        let outgoing = respond::encode(head, &DeleteTopicsResponse { responses: Array::from(&*told), ..Default::default() });
        turn.hold(head, reply, outgoing, &written, ErrorCode::KAFKA_STORAGE_ERROR, None);
    });
    Ok(())
}

fn delete_either(turn: &mut Turn<'_>, name: Option<&str>, topic_id: TopicId, written: &mut Vec<Written>) -> Outcome {
    let refusal = |message: &str| Outcome {
        name: name.map(str::to_string),
        topic_id,
        refusal: Some(Refusal::new(ErrorCode::INVALID_REQUEST, message)),
    };
    match name {
        Some(_) if !topic_id.is_zero() => refusal("You may not specify both topic name and topic id."),
        None if topic_id.is_zero() => refusal("Neither topic name nor id were specified."),
        Some(name) => delete(turn, TopicRef::Name(name), written),
        None => delete(turn, TopicRef::Id(topic_id), written),
    }
}

fn delete(turn: &mut Turn<'_>, topic: TopicRef<'_>, written: &mut Vec<Written>) -> Outcome {
    let (name, topic_id) = match topic {
        TopicRef::Name(name) => (Some(name.to_string()), TopicId::ZERO),
        TopicRef::Id(topic_id) => (None, topic_id),
    };
    match try_delete(turn, topic, written) {
        Ok((name, topic_id)) => {
            let mut forgotten = |result| match result {
                Ok(end) => written.push(end),
                // They are of a topic with another id than any later one, and are told to nobody.
                Err(error) => tracing::warn!(topic = name, %error, "offsets in a deleted topic stay until they expire"),
            };
            turn.inner.shard.forget_topic(turn.at, &name, topic_id, &mut forgotten, &mut turn.inner.released);
            Outcome { name: Some(name), topic_id, refusal: None }
        }
        Err(refusal) => Outcome { name, topic_id, refusal: Some(refusal) },
    }
}

fn try_delete(turn: &mut Turn<'_>, topic: TopicRef<'_>, written: &mut Vec<Written>) -> Result<(String, TopicId), Refusal> {
    if !turn.around.config.delete_topics {
        return Err(Refusal::new(ErrorCode::TOPIC_DELETION_DISABLED, "Topic deletion is disabled (delete.topic.enable)."));
    }
    let catalog = turn.inner.shard.catalog();
    let found = match topic {
        TopicRef::Name(name) => catalog.topic(name),
        TopicRef::Id(topic_id) => catalog.topic_by_id(topic_id),
    };
    if let Some(topic) = found.filter(|found| name::is_internal(found.name)) {
        let message = format!("{} holds groups or transactions, and is not deleted: delete groups instead.", topic.name);
        return Err(Refusal::new(ErrorCode::POLICY_VIOLATION, message));
    }
    let input = Input::DeleteTopic(DeleteTopic { call: catalog::HERE, topic });
    let (deleted, end) = catalog::turn(turn, input, |answer| match answer {
        Answer::TopicDeleted(Ok(deleted)) => Ok((deleted.name.to_string(), deleted.topic_id)),
        Answer::TopicDeleted(Err(error)) => Err(Refusal::from(&error)),
        other => Err(catalog::unexpected(&other)),
    })?;
    written.extend(end);
    Ok(deleted)
}
