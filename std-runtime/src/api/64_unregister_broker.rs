//! UnregisterBroker, key 64, served 0. KIP-704.
//!
//! A directory of Kafka's may know brokers that once were.
//! Differences from Apache Kafka: the broker that answers cannot be taken off the books, since there is no other (Kafka does so, and then
//! serves nobody any more).

use millpond_core::catalog::answer::Answer;
use millpond_core::catalog::input::{Input, UnregisterBroker};
use millpond_core::ids::BrokerId;
use millpond_core::wire::reader::DecodeError;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::unregister_broker::{UnregisterBrokerRequest, UnregisterBrokerResponse};

use super::catalog::{self, Refusal};
use super::dispatch::Asked;
use super::respond;

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: UnregisterBrokerRequest = asked.decode()?;
    let Asked { worker, head, reply, .. } = asked;
    worker.turn(|turn| {
        let input = Input::UnregisterBroker(UnregisterBroker { call: catalog::HERE, broker: BrokerId(request.broker_id) });
        let done = catalog::turn(turn, input, |answer| match answer {
            Answer::BrokerUnregistered(Ok(())) => Ok(()),
            Answer::BrokerUnregistered(Err(error)) => Err(Refusal::from(&error)),
            other => Err(catalog::unexpected(&other)),
        });
        let refusal = done.as_ref().err();
        let message = UnregisterBrokerResponse {
            error_code: refusal.map_or(0, |refusal| refusal.code.number()),
            error_message: refusal.map(|refusal| refusal.message.as_str()),
            ..Default::default()
        };
        let outgoing = respond::encode(head, &message);
        let written: Vec<_> = done.iter().filter_map(|((), written)| *written).collect();
        turn.hold(head, reply, outgoing, &written, ErrorCode::KAFKA_STORAGE_ERROR, None);
    });
    Ok(())
}
