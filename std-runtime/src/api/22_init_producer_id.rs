//! InitProducerId, key 22, served 0-5. KIP-98, KIP-360 (v3), KIP-588 (v4), KIP-890 (v5).
//!
//! Differences from Apache Kafka: only idempotent producers are served; a transactional id is refused as unsupported, which clients take
//! for final, since there is no transaction coordinator yet.

use millpond_core::wire::reader::DecodeError;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};

use super::dispatch::Asked;
use super::respond;

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: InitProducerIdRequest<'_> = asked.decode()?;
    let Asked { worker, head, reply, .. } = asked;
    let refused = |code: ErrorCode| InitProducerIdResponse { error_code: code.number(), producer_epoch: -1, ..Default::default() };
    if let Some(transactional_id) = request.transactional_id {
        let code = if transactional_id.is_empty() { ErrorCode::INVALID_REQUEST } else { ErrorCode::UNSUPPORTED_VERSION };
        reply.send(respond::encode(head, &refused(code)));
        return Ok(());
    }
    // Who has an id has an epoch with it. Source: `TransactionCoordinator.handleInitProducerId`, `KafkaApis`, KIP-360.
    if (request.producer_id == -1) != (request.producer_epoch == -1) {
        reply.send(respond::encode(head, &refused(ErrorCode::INVALID_REQUEST)));
        return Ok(());
    }
    worker.turn(|turn| match turn.producer_id() {
        Ok((id, written)) => {
            let message = InitProducerIdResponse { producer_id: id.0, producer_epoch: 0, ..Default::default() };
            let written: Vec<_> = written.into_iter().collect();
            turn.hold(head, reply, respond::encode(head, &message), &written, ErrorCode::COORDINATOR_NOT_AVAILABLE, None);
        }
        Err(code) => reply.send(respond::encode(head, &refused(code))),
    });
    Ok(())
}
