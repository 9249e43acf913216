//! Errors of the core to Kafka's codes: the only file that names both sides.

use millpond_core::catalog::error::CatalogError;
use millpond_core::catalog::features::FeatureError;
use millpond_core::group::error::GroupError;
use millpond_core::log::error::{AppendError, LogError, ReadError};
use millpond_core::log::producers::ProducerError;
use millpond_core::record::batch::BatchError;
use millpond_core::record::codec::CodecError;
use millpond_core::record::validate::InvalidBatch;
use millpond_core::shard::error::{PartitionError, WriteError};
use millpond_core::shard::fetch::FetchError;
use millpond_core::share::error::ShareError;
use millpond_core::txn::error::TxnError;

use crate::protocol::error_code::ErrorCode;

/// Refusals of the group coordinator. Source: `GroupCoordinatorService`, the exceptions' codes.
#[must_use]
pub const fn of_group(error: &GroupError) -> ErrorCode {
    match error {
        GroupError::InvalidGroupId => ErrorCode::INVALID_GROUP_ID,
        GroupError::InvalidSessionTimeout { .. } => ErrorCode::INVALID_SESSION_TIMEOUT,
        GroupError::UnknownMemberId => ErrorCode::UNKNOWN_MEMBER_ID,
        GroupError::MemberIdRequired => ErrorCode::MEMBER_ID_REQUIRED,
        GroupError::FencedInstanceId => ErrorCode::FENCED_INSTANCE_ID,
        GroupError::IllegalGeneration => ErrorCode::ILLEGAL_GENERATION,
        GroupError::RebalanceInProgress => ErrorCode::REBALANCE_IN_PROGRESS,
        GroupError::InconsistentProtocol => ErrorCode::INCONSISTENT_GROUP_PROTOCOL,
        GroupError::GroupFull => ErrorCode::GROUP_MAX_SIZE_REACHED,
        GroupError::GroupNotFound => ErrorCode::GROUP_ID_NOT_FOUND,
        GroupError::NonEmptyGroup => ErrorCode::NON_EMPTY_GROUP,
        GroupError::SubscribedToTopic => ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC,
        GroupError::MetadataTooLarge => ErrorCode::OFFSET_METADATA_TOO_LARGE,
        GroupError::CommitTooLarge => ErrorCode::INVALID_COMMIT_OFFSET_SIZE,
        GroupError::InvalidRequest(_) => ErrorCode::INVALID_REQUEST,
        GroupError::UnsupportedAssignor => ErrorCode::UNSUPPORTED_ASSIGNOR,
        GroupError::FencedMemberEpoch { .. } => ErrorCode::FENCED_MEMBER_EPOCH,
        GroupError::StaleMemberEpoch { .. } => ErrorCode::STALE_MEMBER_EPOCH,
        GroupError::EpochsUnknown => ErrorCode::UNSUPPORTED_VERSION,
        GroupError::UnreleasedInstanceId => ErrorCode::UNRELEASED_INSTANCE_ID,
        GroupError::InvalidPattern => ErrorCode::INVALID_REGULAR_EXPRESSION,
        GroupError::Assignor(_) => ErrorCode::UNKNOWN_SERVER_ERROR,
    }
}

/// An optional refusal of one part of a request.
#[must_use]
pub const fn of_group_part(error: Option<&GroupError>) -> i16 {
    match error {
        None => ErrorCode::NONE.number(),
        Some(error) => of_group(error).number(),
    }
}

/// What a member hears when the coordinator cannot write down what it decided. Source: `CoordinatorRuntime`'s mapping of append errors.
#[must_use]
pub const fn of_group_write<E>(error: &WriteError<E>) -> ErrorCode {
    match error {
        WriteError::Partition(PartitionError::Unknown | PartitionError::TooManyPartitions) => ErrorCode::COORDINATOR_NOT_AVAILABLE,
        WriteError::Partition(PartitionError::Log(_)) => ErrorCode::NOT_COORDINATOR,
        WriteError::TooLarge => ErrorCode::UNKNOWN_SERVER_ERROR,
        WriteError::Append(error) => match error {
            AppendError::LargerThanSegment { .. } => ErrorCode::UNKNOWN_SERVER_ERROR,
            AppendError::Store(_) | AppendError::TooManySegments { .. } | AppendError::OffsetsExhausted { .. } | AppendError::Awaited => {
                ErrorCode::COORDINATOR_NOT_AVAILABLE
            }
            AppendError::Closed(_) | AppendError::StaleLeaderEpoch { .. } => ErrorCode::NOT_COORDINATOR,
            AppendError::Producer(error) => of_producer(error),
        },
    }
}

/// Refusals of the transaction coordinator. Source: `TransactionCoordinator`.
#[must_use]
pub const fn of_txn(error: &TxnError) -> ErrorCode {
    match error {
        TxnError::InvalidTransactionalId => ErrorCode::INVALID_REQUEST,
        TxnError::InvalidTimeout { .. } => ErrorCode::INVALID_TRANSACTION_TIMEOUT,
        TxnError::InvalidProducerIdMapping => ErrorCode::INVALID_PRODUCER_ID_MAPPING,
        TxnError::ProducerFenced => ErrorCode::PRODUCER_FENCED,
        TxnError::ConcurrentTransactions => ErrorCode::CONCURRENT_TRANSACTIONS,
        TxnError::InvalidState => ErrorCode::INVALID_TXN_STATE,
        TxnError::NotInTransaction => ErrorCode::TRANSACTION_ABORTABLE,
        TxnError::NotFound => ErrorCode::TRANSACTIONAL_ID_NOT_FOUND,
        TxnError::NoProducerId => ErrorCode::COORDINATOR_NOT_AVAILABLE,
        TxnError::Full => ErrorCode::POLICY_VIOLATION,
    }
}

/// What a producer hears of its coordinator's refusal when it writes records or offsets. Clients that know nothing of a refusal that leaves
/// only an abort hear that the state is wrong; trouble of the coordinator is told as a trouble that passes.
/// Source: `AddPartitionsToTxnManager`, `ReplicaManager.handleProduceAppend`.
#[must_use]
pub const fn of_txn_for_writer(code: ErrorCode, knows_abortable: bool) -> ErrorCode {
    match code {
        ErrorCode::PRODUCER_FENCED => ErrorCode::INVALID_PRODUCER_EPOCH,
        ErrorCode::TRANSACTION_ABORTABLE if !knows_abortable => ErrorCode::INVALID_TXN_STATE,
        code => code,
    }
}

/// Refusals of the share coordinator.
#[must_use]
pub const fn of_share(error: &ShareError) -> ErrorCode {
    match error {
        ShareError::NotShared => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        ShareError::InvalidRecordState => ErrorCode::INVALID_RECORD_STATE,
        ShareError::InvalidRequest(_) => ErrorCode::INVALID_REQUEST,
        ShareError::FencedStateEpoch => ErrorCode::FENCED_STATE_EPOCH,
        ShareError::Full => ErrorCode::COORDINATOR_NOT_AVAILABLE,
    }
}

/// Refusals of the catalogue.
#[must_use]
pub const fn of_catalog(error: &CatalogError) -> ErrorCode {
    match error {
        CatalogError::InvalidName(_) | CatalogError::NameCollides => ErrorCode::INVALID_TOPIC_EXCEPTION,
        CatalogError::TopicExists => ErrorCode::TOPIC_ALREADY_EXISTS,
        CatalogError::UnknownTopic => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        CatalogError::UnknownTopicId => ErrorCode::UNKNOWN_TOPIC_ID,
        CatalogError::InvalidPartitionCount { .. } | CatalogError::PartitionCountNotLarger { .. } => ErrorCode::INVALID_PARTITIONS,
        CatalogError::InvalidReplicationFactor { .. } => ErrorCode::INVALID_REPLICATION_FACTOR,
        CatalogError::UnknownCredential => ErrorCode::RESOURCE_NOT_FOUND,
        CatalogError::UnknownBroker(_) => ErrorCode::BROKER_ID_NOT_REGISTERED,
        CatalogError::SoleBroker(_) => ErrorCode::INVALID_REQUEST,
        CatalogError::Full => ErrorCode::POLICY_VIOLATION,
    }
}

/// A feature whose level stays. Source: `FeatureControlManager`.
#[must_use]
pub const fn of_feature(error: FeatureError) -> ErrorCode {
    match error {
        FeatureError::UnknownUpgradeType(_)
        | FeatureError::Negative
        | FeatureError::UnknownFeature
        | FeatureError::NotSupported { .. }
        | FeatureError::WouldDowngrade { .. }
        | FeatureError::WouldUpgrade { .. }
        | FeatureError::LosesMetadata { .. }
        | FeatureError::OfTheQuorum { .. } => ErrorCode::INVALID_UPDATE_VERSION,
        FeatureError::Full => ErrorCode::POLICY_VIOLATION,
    }
}

/// What an administrator hears when the catalogue cannot write down what it decided.
#[must_use]
pub const fn of_catalog_write<E>(error: &WriteError<E>) -> ErrorCode {
    match error {
        WriteError::Partition(_) | WriteError::Append(_) => ErrorCode::KAFKA_STORAGE_ERROR,
        WriteError::TooLarge => ErrorCode::POLICY_VIOLATION,
    }
}

/// A batch that breaks a rule. Source: `LogValidator`, `UnifiedLog.analyzeAndValidateRecords`.
#[must_use]
pub const fn of_batch(error: &InvalidBatch) -> ErrorCode {
    match error {
        InvalidBatch::TooLarge { .. } | InvalidBatch::Codec(CodecError::OutputFull { .. }) => ErrorCode::MESSAGE_TOO_LARGE,
        InvalidBatch::Crc { .. } => ErrorCode::CORRUPT_MESSAGE,
        InvalidBatch::Timestamps(_) | InvalidBatch::MaxTimestamp(_) | InvalidBatch::LogAppendTime => ErrorCode::INVALID_TIMESTAMP,
        InvalidBatch::NoCodec(_) | InvalidBatch::Compression(_) => ErrorCode::UNSUPPORTED_COMPRESSION_TYPE,
        InvalidBatch::NotABatch(BatchError::Length(_)) | InvalidBatch::Codec(CodecError::Corrupt(_) | CodecError::Unsupported(_)) => {
            ErrorCode::CORRUPT_MESSAGE
        }
        // Kafka sees no batch at all. Source: `ProduceRequest.validateRecords`.
        InvalidBatch::NotABatch(BatchError::Truncated { .. } | BatchError::Magic(_))
        | InvalidBatch::Empty
        | InvalidBatch::MoreThanOne { .. }
        | InvalidBatch::BaseOffset(_)
        | InvalidBatch::Count { .. }
        | InvalidBatch::Control
        | InvalidBatch::NoSequence { .. }
        | InvalidBatch::NoProducer
        | InvalidBatch::Records(_)
        | InvalidBatch::Structure { .. }
        | InvalidBatch::OffsetDelta { .. } => ErrorCode::INVALID_RECORD,
    }
}

/// A batch that a log does not take.
#[must_use]
pub const fn of_append<E>(error: &WriteError<E>) -> ErrorCode {
    match error {
        WriteError::Partition(error) => of_partition(error),
        WriteError::TooLarge => ErrorCode::RECORD_LIST_TOO_LARGE,
        WriteError::Append(error) => match error {
            AppendError::LargerThanSegment { .. } => ErrorCode::RECORD_LIST_TOO_LARGE,
            AppendError::Producer(error) => of_producer(error),
            AppendError::StaleLeaderEpoch { .. } => ErrorCode::FENCED_LEADER_EPOCH,
            AppendError::Closed(_)
            | AppendError::Store(_)
            | AppendError::TooManySegments { .. }
            | AppendError::OffsetsExhausted { .. }
            | AppendError::Awaited => ErrorCode::KAFKA_STORAGE_ERROR,
        },
    }
}

const fn of_producer(error: &ProducerError) -> ErrorCode {
    match error {
        ProducerError::InvalidEpoch { .. } => ErrorCode::INVALID_PRODUCER_EPOCH,
        ProducerError::OutOfOrderSequence { .. } => ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER,
        ProducerError::TransactionOpen { .. } => ErrorCode::INVALID_TXN_STATE,
        ProducerError::CoordinatorFenced { .. } => ErrorCode::TRANSACTION_COORDINATOR_FENCED,
        ProducerError::TooMany { .. } => ErrorCode::POLICY_VIOLATION,
    }
}

/// A partition that cannot be worked with.
#[must_use]
pub const fn of_partition<E>(error: &PartitionError<E>) -> ErrorCode {
    match error {
        PartitionError::Unknown => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        PartitionError::Log(LogError::OutOfRange { .. }) => ErrorCode::OFFSET_OUT_OF_RANGE,
        PartitionError::TooManyPartitions | PartitionError::Log(_) => ErrorCode::KAFKA_STORAGE_ERROR,
    }
}

/// A read that yields nothing.
#[must_use]
pub const fn of_fetch<E>(error: &FetchError<E>) -> ErrorCode {
    match error {
        FetchError::Partition(error) => of_partition(error),
        FetchError::FencedLeaderEpoch => ErrorCode::FENCED_LEADER_EPOCH,
        FetchError::UnknownLeaderEpoch => ErrorCode::UNKNOWN_LEADER_EPOCH,
        FetchError::Diverging { .. } => ErrorCode::NONE,
        FetchError::Read(error) => match error {
            ReadError::OutOfRange { .. } => ErrorCode::OFFSET_OUT_OF_RANGE,
            ReadError::Corrupt { .. } | ReadError::Codec(_) => ErrorCode::CORRUPT_MESSAGE,
            ReadError::Closed(_)
            | ReadError::Store(_)
            | ReadError::ScratchTooSmall { .. }
            | ReadError::Remote(_)
            | ReadError::RemoteUnknown { .. } => ErrorCode::KAFKA_STORAGE_ERROR,
        },
        // Kafka answers UNKNOWN_SERVER_ERROR when the store fails, which some clients take for the end; this one they try again.
        FetchError::Remote(_) => ErrorCode::KAFKA_STORAGE_ERROR,
    }
}
