//! The end: a decision, whoever makes it, and its completion.

use crate::bounded::Full;
use crate::bounded::slab::Slot;
use crate::ids::{ProducerEpoch, ProducerId};
use crate::machine::When;
use crate::record::marker::Outcome;
use crate::time::Moment;

use super::answer::{Answer, Identity};
use super::begin::AsTheyStand;
use super::coordinator::{Coordinator, Fx, not_before};
use super::error::TxnError;
use super::input::End;
use super::record::{ImagePartitions, TransactionImage, TxnRecord};
use super::state::{EPOCH_EXHAUSTED, State, Transaction, TransactionVersion};

/// Why a producer is shut out of its own transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fence {
    /// Another producer takes over the transactional id.
    Successor,
    /// Its time is up.
    Timeout,
}

/// What is to become of a transaction that somebody wants to end.
enum Verdict {
    /// It is decided now.
    Decide,
    /// It was decided so before: the producer did not hear it.
    Done,
}

/// What is decided of a transaction.
#[derive(Clone, Copy)]
struct Decided {
    outcome: Outcome,
    version: TransactionVersion,
    identity: Identity,
    next_producer_id: Option<ProducerId>,
}

impl<'m> Coordinator<'m> {
    /// Source: `TransactionCoordinator.handleEndTransaction`.
    pub(super) fn end(&mut self, at: Moment, end: &End<'_>, fx: &mut Fx<'_, '_, 'm>) {
        let result = self.try_end(at, end, fx);
        let when = if result.is_ok() { When::Written } else { When::Now };
        fx.answers.answer(end.call, when, Answer::Ended(result));
    }

    fn try_end(&mut self, at: Moment, end: &End<'_>, fx: &mut Fx<'_, '_, 'm>) -> Result<Identity, TxnError> {
        if end.transactional_id.is_empty() {
            return Err(TxnError::InvalidTransactionalId);
        }
        let slot = self.find(end.transactional_id).ok_or(TxnError::InvalidProducerIdMapping)?;
        let transaction = self.transactions.get(slot).ok_or(TxnError::InvalidProducerIdMapping)?;
        let verdict = if end.version.bumps_epochs() { judge(transaction, end)? } else { judge_by_shared_epoch(transaction, end)? };
        match verdict {
            Verdict::Done => Ok(transaction.identity),
            Verdict::Decide => self.decide(at, slot, end.outcome, end.version, fx),
        }
    }

    /// Writes down how a transaction ends. Answers who its producer is afterwards.
    fn decide(
        &mut self,
        at: Moment,
        slot: Slot,
        outcome: Outcome,
        version: TransactionVersion,
        fx: &mut Fx<'_, '_, 'm>,
    ) -> Result<Identity, TxnError> {
        let Some(transaction) = self.transactions.get(slot) else { return Err(TxnError::NotFound) };
        let current = transaction.identity;
        // The decision uses up an epoch: whatever its producer still sends is too late. The last epoch of an id uses up the id.
        let next_producer_id = match version.bumps_epochs() && transaction.is_exhausted() {
            true => Some(self.spare_producer_id.ok_or(TxnError::NoProducerId)?),
            false => None,
        };
        let identity = if version.bumps_epochs() { bumped(current) } else { current };
        self.write_decision(at, slot, Decided { outcome, version, identity, next_producer_id }, fx)?;
        let goes_on = next_producer_id.map_or(identity, |producer_id| Identity { producer_id, producer_epoch: ProducerEpoch(0) });
        self.use_up(goes_on);
        if version.bumps_epochs()
            && let Some(transaction) = self.transactions.get_mut(slot)
        {
            transaction.last_epoch = Some(current.producer_epoch);
        }
        Ok(goes_on)
    }

    fn write_decision(&self, at: Moment, slot: Slot, decided: Decided, fx: &mut Fx<'_, '_, 'm>) -> Result<(), TxnError> {
        let Some(transaction) = self.transactions.get(slot) else { return Err(TxnError::NotFound) };
        let partitions = AsTheyStand { coordinator: self, topics: &transaction.topics };
        let is_open = transaction.state == State::Ongoing;
        let image = TransactionImage {
            identity: decided.identity,
            previous_producer_id: Some(transaction.identity.producer_id),
            next_producer_id: decided.next_producer_id,
            timeout: transaction.timeout,
            state: State::prepare(decided.outcome),
            partitions: ImagePartitions::Known(&partitions),
            // What ends without having begun began as it ended.
            started: transaction.started.filter(|_| is_open).or(Some(at.wall)),
            updated: not_before(at.wall, transaction.updated),
            version: decided.version,
        };
        let transactional_id = self.texts.str(transaction.id);
        self.record(&TxnRecord::Transaction { transactional_id, image }, fx).map_err(|Full| TxnError::Full)
    }

    /// Aborts an open transaction against its producer, which can write no more.
    /// Source: `TransactionMetadata.prepareFenceProducerEpoch`.
    pub(super) fn fence(&mut self, at: Moment, slot: Slot, why: Fence, fx: &mut Fx<'_, '_, 'm>) -> Result<(), TxnError> {
        let version = self.config.version;
        if version.bumps_epochs() {
            self.decide(at, slot, Outcome::Abort, version, fx)?;
        } else {
            let Some(transaction) = self.transactions.get(slot) else { return Err(TxnError::NotFound) };
            let (identity, next_producer_id) = (bumped(transaction.identity), transaction.next_producer_id);
            let decided = Decided { outcome: Outcome::Abort, version: TransactionVersion::Zero, identity, next_producer_id };
            self.write_decision(at, slot, decided, fx)?;
        }
        // Only the producer itself may ask once more under its epoch, and this was not it.
        if let Some(transaction) = self.transactions.get_mut(slot)
            && why == Fence::Successor
        {
            transaction.last_epoch = None;
        }
        Ok(())
    }

    /// The time of a transaction is up. Source: `TransactionCoordinator.abortTimedOutTransactions`.
    pub(super) fn time_is_up(&mut self, at: Moment, slot: Slot, fx: &mut Fx<'_, '_, 'm>) {
        self.timeouts.clear(slot);
        let is_open = self.transactions.get(slot).is_some_and(|transaction| transaction.state == State::Ongoing);
        if is_open && self.fence(at, slot, Fence::Timeout, fx).is_err() {
            // For want of room or of a producer id: both may be had in a while.
            self.set_timeout(slot, at.now.after(RETRY));
        }
    }

    /// Hears that what a step decided could not be written down, so that nothing of it is so: whose time is up is looked at again.
    pub fn not_written(&mut self, at: Moment) {
        let mut from = 0;
        while let Some(slot) = self.transactions.next_from(from) {
            from = slot.index() + 1;
            let is_open = self.transactions.get(slot).is_some_and(|transaction| transaction.state == State::Ongoing);
            if !is_open {
                self.timeouts.clear(slot);
            } else if !self.timeouts.is_set(slot) {
                self.set_timeout(slot, at.now.after(RETRY));
            }
        }
    }

    /// The markers of a transaction are safe. Source: `TransactionMetadata.prepareComplete`.
    pub(super) fn complete(&self, at: Moment, slot: Slot, fx: &mut Fx<'_, '_, 'm>) {
        let Some(transaction) = self.transactions.get(slot) else { return };
        let Some(outcome) = transaction.state.decided() else { return };
        let next = transaction.next_producer_id.filter(|_| transaction.version.bumps_epochs());
        let identity = next.map_or(transaction.identity, |producer_id| Identity { producer_id, producer_epoch: ProducerEpoch(0) });
        let image = TransactionImage {
            identity,
            previous_producer_id: Some(transaction.identity.producer_id),
            next_producer_id: None,
            timeout: transaction.timeout,
            state: State::complete(outcome),
            partitions: ImagePartitions::NONE,
            started: transaction.started,
            updated: not_before(at.wall, transaction.updated),
            version: transaction.version,
        };
        let transactional_id = self.texts.str(transaction.id);
        let written = self.record(&TxnRecord::Transaction { transactional_id, image }, fx);
        debug_assert!(written.is_ok(), "a step that writes one small record has room for it");
    }
}

/// How long something waits that could not be done for want of room. Unit: ms.
const RETRY: crate::time::Millis = crate::time::Millis(1000);

/// The next incarnation. The last one there is stays: it is a bug that led there, and an abort leads out.
fn bumped(identity: Identity) -> Identity {
    Identity { producer_epoch: ProducerEpoch(identity.producer_epoch.0.saturating_add(1)), ..identity }
}

/// What a producer of version 2 may end. Source: the table above `TransactionCoordinator.endTransaction`.
fn judge(transaction: &Transaction, end: &End<'_>) -> Result<Verdict, TxnError> {
    if transaction.state.decided().is_some() {
        // What was decided before must come to its end first, whoever asks.
        return Err(TxnError::ConcurrentTransactions);
    }
    let (current, asking) = (transaction.identity, end.identity);
    let is_bumped = current.producer_epoch.0.checked_sub(1) == Some(asking.producer_epoch.0);
    let is_rotated = Some(asking.producer_id) == transaction.previous_producer_id
        && asking.producer_epoch == EPOCH_EXHAUSTED
        && current.producer_epoch == ProducerEpoch(0);
    if current.producer_id != asking.producer_id && !is_rotated {
        return Err(TxnError::InvalidProducerIdMapping);
    }
    let is_current = current.producer_epoch == asking.producer_epoch;
    let is_valid = match transaction.state {
        State::Empty | State::Ongoing | State::PrepareCommit | State::PrepareAbort => is_current,
        State::CompleteCommit | State::CompleteAbort => is_bumped || is_rotated || is_current,
    };
    if !is_valid {
        return Err(TxnError::ProducerFenced);
    }
    let asks_again = is_bumped || is_rotated;
    match transaction.state {
        State::Ongoing => Ok(Verdict::Decide),
        State::PrepareCommit | State::PrepareAbort => Err(TxnError::ConcurrentTransactions),
        State::CompleteCommit | State::CompleteAbort if asks_again => {
            if transaction.state.completed() == Some(end.outcome) {
                Ok(Verdict::Done)
            } else {
                Err(TxnError::InvalidState)
            }
        }
        // A producer that does not know whether anything was written aborts, to be sure that nothing late is.
        State::Empty | State::CompleteCommit | State::CompleteAbort => match end.outcome {
            Outcome::Abort => Ok(Verdict::Decide),
            Outcome::Commit => Err(TxnError::InvalidState),
        },
    }
}

/// What a producer with one epoch for all its transactions may end. Source: `TransactionCoordinator.endTransactionWithTV1`.
fn judge_by_shared_epoch(transaction: &Transaction, end: &End<'_>) -> Result<Verdict, TxnError> {
    if transaction.identity.producer_id != end.identity.producer_id {
        return Err(TxnError::InvalidProducerIdMapping);
    }
    if transaction.identity.producer_epoch != end.identity.producer_epoch {
        return Err(TxnError::ProducerFenced);
    }
    let state = transaction.state;
    match state {
        State::Ongoing => Ok(Verdict::Decide),
        State::CompleteCommit | State::CompleteAbort if state.completed() == Some(end.outcome) => Ok(Verdict::Done),
        State::PrepareCommit | State::PrepareAbort => Err(TxnError::ConcurrentTransactions),
        State::Empty | State::CompleteCommit | State::CompleteAbort => Err(TxnError::InvalidState),
    }
}
