//! Tests of the coordinator as a whole: inputs go in, records are believed, as a runtime does it.

use alloc::string::String;
use alloc::vec::Vec;

use crate::bounded::table::HashKey;
use crate::ids::{CallId, Offset, PartitionIndex, ProducerEpoch, ProducerId};
use crate::machine::{Answers, Effects, EncodedRecord, Machine as _, Records, When};
use crate::record::marker::Outcome;
use crate::time::{Instant, Millis, Moment, Timestamp};

use super::answer::{Answer, Identity};
use super::config::TxnConfig;
use super::coordinator::{Coordinator, CoordinatorMemory};
use super::error::TxnError;
use super::input::{AddPartitions, Complete, End, Initialize, Input, TopicPartition};
use super::record::TxnRecord;
use super::state::{State, TransactionVersion};

extern crate std;

struct Host {
    txns: Coordinator<'static>,
    log: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    now: u64,
    /// How many times everything decided next cannot be written down.
    disk_fails: u32,
    next_producer_id: i64,
}

#[derive(Default)]
struct Heard(Vec<(When, Answer)>);

impl Answers<Coordinator<'static>> for Heard {
    fn answer(&mut self, _: CallId, when: When, answer: Answer) {
        self.0.push((when, answer));
    }
}

const CALL: CallId = CallId(1);

fn coordinator(version: TransactionVersion) -> Coordinator<'static> {
    let config = TxnConfig { version, ..TxnConfig::default() };
    Coordinator::new(config, HashKey(1, 2), CoordinatorMemory::grown(20, 100))
}

impl Host {
    fn new(version: TransactionVersion) -> Self {
        Self { txns: coordinator(version), log: Vec::new(), now: 0, disk_fails: 0, next_producer_id: 1000 }
    }

    fn at(&self) -> Moment {
        Moment { now: Instant(self.now), wall: Timestamp(1_000_000 + i64::try_from(self.now).unwrap()) }
    }

    fn turn(&mut self, act: impl FnOnce(&mut Coordinator<'static>, Moment, &mut Effects<'_, 'static, Coordinator<'static>>)) -> Heard {
        if self.txns.wants_producer_id() {
            self.txns.give_producer_id(ProducerId(self.next_producer_id));
            self.next_producer_id += 1;
        }
        let at = self.at();
        let (mut records, mut heard) = (Records::grown(1 << 16, 100), Heard::default());
        act(&mut self.txns, at, &mut Effects { records: &mut records, answers: &mut heard });
        if self.disk_fails > 0 && !records.is_empty() {
            self.disk_fails -= 1;
            self.txns.not_written(at);
            return Heard::default();
        }
        for record in records.iter() {
            self.log.push((record.key.to_vec(), record.value.map(<[u8]>::to_vec)));
            self.txns.replay(&TxnRecord::decode(record).unwrap());
        }
        self.txns.decided_at(Offset(i64::try_from(self.log.len()).unwrap()));
        self.txns.assert_consistent();
        heard
    }

    fn ask(&mut self, input: Input<'_>) -> Option<Answer> {
        let mut heard = self.turn(|txns, at, fx| txns.step(at, input, fx));
        heard.0.pop().map(|(_, answer)| answer)
    }

    fn initialize(&mut self, id: &str, expected: Option<Identity>) -> Result<Identity, TxnError> {
        let initialize = Initialize { call: CALL, transactional_id: id, timeout: Millis(60_000), expected };
        match self.ask(Input::Initialize(initialize)) {
            Some(Answer::Initialized(result)) => result,
            other => panic!("{other:?}"),
        }
    }

    fn add(&mut self, id: &str, identity: Identity, partitions: &[(&str, i32)], version: TransactionVersion) -> Result<(), TxnError> {
        let partitions: Vec<_> =
            partitions.iter().map(|(topic, index)| TopicPartition { topic, partition: PartitionIndex(*index) }).collect();
        let add = AddPartitions { call: CALL, transactional_id: id, identity, partitions: &partitions, version };
        match self.ask(Input::AddPartitions(add)) {
            Some(Answer::PartitionsAdded(result)) => result,
            other => panic!("{other:?}"),
        }
    }

    fn end(&mut self, id: &str, identity: Identity, outcome: Outcome, version: TransactionVersion) -> Result<Identity, TxnError> {
        match self.ask(Input::End(End { call: CALL, transactional_id: id, identity, outcome, version })) {
            Some(Answer::Ended(result)) => result,
            other => panic!("{other:?}"),
        }
    }

    fn complete_all(&mut self) {
        while let Some(transaction) = self.txns.ending(None) {
            self.ask(Input::Complete(Complete { transaction }));
        }
    }

    fn state(&self, id: &str) -> State {
        self.txns.transaction(id).unwrap().state()
    }

    /// The same coordinator, loaded from what was written down.
    fn reload(&mut self) {
        let mut txns = coordinator(self.txns.config().version);
        for (key, value) in &self.log {
            txns.replay(&TxnRecord::decode(EncodedRecord { key, value: value.as_deref() }).unwrap());
        }
        txns.loaded(self.at());
        txns.assert_consistent();
        assert_eq!(seen(&txns), seen(&self.txns));
        self.txns = txns;
    }
}

/// Everything that is not soft.
fn seen(txns: &Coordinator<'_>) -> Vec<String> {
    let mut all: Vec<String> = txns
        .views()
        .map(|view| {
            let topics: Vec<(&str, Vec<i32>)> =
                view.topics().map(|(name, partitions)| (name, partitions.map(|index| index.0).collect())).collect();
            let (id, state) = (view.transactional_id(), view.state());
            std::format!("{id} {:?} {state:?} {:?} {:?} {topics:?}", view.identity(), view.timeout(), view.started())
        })
        .collect();
    all.sort();
    all
}

const TWO: TransactionVersion = TransactionVersion::Two;
const ZERO: TransactionVersion = TransactionVersion::Zero;

/// Brings a transaction into a state, and answers who its producer is then.
fn brought_to(state: State, version: TransactionVersion) -> (Host, Identity) {
    let mut host = Host::new(version);
    let first = host.initialize("t", None).unwrap();
    let end = match state {
        State::Empty => return (host, first),
        State::Ongoing => None,
        State::PrepareCommit | State::CompleteCommit => Some(Outcome::Commit),
        State::PrepareAbort | State::CompleteAbort => Some(Outcome::Abort),
    };
    host.add("t", first, &[("orders", 0)], version).unwrap();
    let Some(outcome) = end else { return (host, first) };
    let next = host.end("t", first, outcome, version).unwrap();
    if state.decided().is_none() {
        host.complete_all();
    }
    assert_eq!(host.state("t"), state);
    (host, next)
}

#[test]
fn each_state_answers_each_request_as_the_table_says() {
    use State::{CompleteAbort, CompleteCommit, Empty, Ongoing, PrepareAbort, PrepareCommit};
    use TxnError::{ConcurrentTransactions as Concurrent, InvalidState};
    type Row = (State, Result<State, TxnError>, Result<State, TxnError>, [Result<State, TxnError>; 2], [Result<State, TxnError>; 2]);
    let rows: [Row; 6] = [
        (Empty, Ok(Empty), Ok(Ongoing), [Err(InvalidState), Err(InvalidState)], [Ok(PrepareAbort), Err(InvalidState)]),
        (Ongoing, Err(Concurrent), Ok(Ongoing), [Ok(PrepareCommit), Ok(PrepareCommit)], [Ok(PrepareAbort), Ok(PrepareAbort)]),
        (PrepareCommit, Err(Concurrent), Err(Concurrent), [Err(Concurrent); 2], [Err(Concurrent); 2]),
        (PrepareAbort, Err(Concurrent), Err(Concurrent), [Err(Concurrent); 2], [Err(Concurrent); 2]),
        (CompleteCommit, Ok(Empty), Ok(Ongoing), [Err(InvalidState), Ok(CompleteCommit)], [Ok(PrepareAbort), Err(InvalidState)]),
        (CompleteAbort, Ok(Empty), Ok(Ongoing), [Err(InvalidState), Err(InvalidState)], [Ok(PrepareAbort), Ok(CompleteAbort)]),
    ];
    for (state, initialize, add, commit, abort) in rows {
        let (mut host, _) = brought_to(state, TWO);
        assert_eq!(host.initialize("t", None).map(|_| host.state("t")), initialize, "{state:?}: initialize");
        if state == Ongoing {
            assert_eq!(host.state("t"), PrepareAbort, "who comes after aborts what is open");
        }
        for (number, version) in [TWO, ZERO].into_iter().enumerate() {
            let (mut host, identity) = brought_to(state, version);
            assert_eq!(host.add("t", identity, &[("orders", 1)], version).map(|()| host.state("t")), add, "{state:?}: add");
            for (outcome, expected) in [(Outcome::Commit, commit), (Outcome::Abort, abort)] {
                let (mut host, identity) = brought_to(state, version);
                let ended = host.end("t", identity, outcome, version).map(|_| host.state("t"));
                assert_eq!(ended, expected[number], "{state:?}: {outcome:?} under {version:?}");
            }
        }
    }
    // Who did not hear the answer asks once more, under the epoch before.
    for (state, commit, abort) in [
        (PrepareCommit, Err(Concurrent), Err(Concurrent)),
        (PrepareAbort, Err(Concurrent), Err(Concurrent)),
        (CompleteCommit, Ok(CompleteCommit), Err(InvalidState)),
        (CompleteAbort, Err(InvalidState), Ok(CompleteAbort)),
    ] {
        for (outcome, expected) in [(Outcome::Commit, commit), (Outcome::Abort, abort)] {
            let (mut host, identity) = brought_to(state, TWO);
            let before = Identity { producer_epoch: ProducerEpoch(identity.producer_epoch.0 - 1), ..identity };
            let ended = host.end("t", before, outcome, TWO);
            assert_eq!(ended.map(|_| host.state("t")), expected, "{state:?}: {outcome:?} once more");
            assert!(ended.is_err() || ended == Ok(identity), "the answer is the same as before");
        }
    }
}

#[test]
fn whoever_is_not_the_producer_is_told_so() {
    for version in [ZERO, TWO] {
        let (mut host, identity) = brought_to(State::Ongoing, version);
        let stranger = Identity { producer_id: ProducerId(1), ..identity };
        let newer = Identity { producer_epoch: ProducerEpoch(7), ..identity };
        for (who, expected) in [(stranger, TxnError::InvalidProducerIdMapping), (newer, TxnError::ProducerFenced)] {
            assert_eq!(host.add("t", who, &[("orders", 9)], version), Err(expected));
            assert_eq!(host.end("t", who, Outcome::Commit, version), Err(expected));
            assert_eq!(host.txns.verify("t", who, "orders", PartitionIndex(0)), Err(expected));
        }
        assert_eq!(host.add("nobody", identity, &[("orders", 9)], version), Err(TxnError::InvalidProducerIdMapping));
        assert_eq!(host.end("nobody", identity, Outcome::Abort, version), Err(TxnError::InvalidProducerIdMapping));
        assert_eq!(host.add("", identity, &[], version), Err(TxnError::InvalidTransactionalId));
        assert_eq!(host.txns.verify("t", identity, "orders", PartitionIndex(0)), Ok(()));
        assert_eq!(host.txns.verify("t", identity, "orders", PartitionIndex(1)), Err(TxnError::NotInTransaction));
    }
}

#[test]
fn a_producer_that_goes_on_after_an_error_is_known_again_and_a_fenced_one_is_not() {
    let (mut host, first) = brought_to(State::Empty, TWO);
    let second = host.initialize("t", Some(first)).unwrap();
    assert_eq!(second.producer_epoch, ProducerEpoch(1));
    // It did not hear that: it asks once more and is the same.
    assert_eq!(host.initialize("t", Some(first)), Ok(second));
    // Another takes over: neither is let back in.
    let other = host.initialize("t", None).unwrap();
    assert_eq!(other.producer_epoch, ProducerEpoch(2));
    assert_eq!(host.initialize("t", Some(first)), Err(TxnError::ProducerFenced));
    assert_eq!(host.initialize("t", Some(second)), Err(TxnError::ProducerFenced));
    assert_eq!(host.initialize("t", Some(Identity { producer_id: ProducerId(5), ..other })), Err(TxnError::ProducerFenced));
}

#[test]
fn a_producer_id_whose_epochs_are_used_up_is_followed_by_another() {
    for by_transactions in [true, false] {
        let mut host = Host::new(TWO);
        let mut current = host.initialize("t", None).unwrap();
        let first = current;
        for _ in 0..i32::from(i16::MAX) - 1 {
            assert_eq!(current.producer_id, first.producer_id);
            let before = current;
            current = if by_transactions {
                host.end("t", current, Outcome::Abort, TWO).unwrap()
            } else {
                host.initialize("t", Some(current)).unwrap()
            };
            if by_transactions {
                host.complete_all();
                assert_eq!(host.end("t", before, Outcome::Abort, TWO), Ok(current), "asked once more");
            }
            host.log.clear();
        }
        assert_eq!(current.producer_epoch, ProducerEpoch(i16::MAX - 1));
        let last = current;
        let next = if by_transactions {
            let next = host.end("t", current, Outcome::Abort, TWO).unwrap();
            let decision = host.txns.decision(host.txns.ending(None).unwrap()).unwrap();
            assert_eq!(decision.identity, Identity { producer_epoch: ProducerEpoch(i16::MAX), ..current }, "the marker ends the old one");
            host.complete_all();
            assert_eq!(host.end("t", last, Outcome::Abort, TWO), Ok(next), "asked once more");
            next
        } else {
            host.initialize("t", Some(current)).unwrap()
        };
        assert_ne!(next.producer_id, first.producer_id);
        assert_eq!(next.producer_epoch, ProducerEpoch(0));
        assert_eq!(host.txns.transaction("t").unwrap().identity(), next);
    }
}

#[test]
fn a_transaction_that_takes_too_long_is_aborted_also_across_a_restart() {
    for version in [ZERO, TWO] {
        let (mut host, identity) = brought_to(State::Ongoing, version);
        host.now = 59_000;
        host.reload();
        assert_eq!(host.txns.poll_timeout(), Some(Instant(60_000)));
        host.disk_fails = 1;
        host.now = 60_000;
        host.turn(|txns, at, fx| assert!(txns.handle_timeout(at, fx)));
        assert_eq!(host.state("t"), State::Ongoing, "what was not written down was not decided");
        host.now = 61_000;
        host.turn(|txns, at, fx| assert!(txns.handle_timeout(at, fx)));
        assert_eq!(host.state("t"), State::PrepareAbort);
        let fenced = Identity { producer_epoch: ProducerEpoch(identity.producer_epoch.0 + 1), ..identity };
        assert_eq!(host.txns.transaction("t").unwrap().identity(), fenced);
        host.complete_all();
        assert_eq!(host.add("t", identity, &[("orders", 0)], version), Err(TxnError::ProducerFenced));
    }
}

#[test]
fn an_id_that_nobody_uses_is_forgotten_and_an_open_transaction_is_not() {
    let (mut host, _) = brought_to(State::CompleteCommit, TWO);
    let other = host.initialize("open", None).unwrap();
    host.now += 8 * 24 * 3_600_000;
    host.add("open", other, &[("orders", 3)], TWO).unwrap();
    for _ in 0..3 {
        host.turn(|txns, at, fx| assert!(txns.handle_timeout(at, fx)));
    }
    assert!(host.txns.transaction("t").is_none());
    assert_eq!(host.state("open"), State::Ongoing);
    host.reload();
}

#[test]
fn timeouts_and_memory_have_bounds() {
    let mut host = Host::new(TWO);
    let ask = |host: &mut Host, timeout| {
        let initialize = Initialize { call: CALL, transactional_id: "t", timeout: Millis(timeout), expected: None };
        host.ask(Input::Initialize(initialize))
    };
    for timeout in [0, 900_001] {
        assert!(matches!(ask(&mut host, timeout), Some(Answer::Initialized(Err(TxnError::InvalidTimeout { .. })))));
    }
    let mut refused = 0;
    for number in 0..30 {
        match host.initialize(&std::format!("id-{number}"), None) {
            Ok(identity) => {
                let many: Vec<(&str, i32)> = (0..9).map(|index| ("orders", index)).collect();
                match host.add(&std::format!("id-{number}"), identity, &many, TWO) {
                    Ok(()) | Err(TxnError::Full) => {}
                    Err(other) => panic!("{other}"),
                }
            }
            Err(error) => {
                assert_eq!(error, TxnError::Full);
                refused += 1;
            }
        }
    }
    assert_eq!(refused, 10);
    host.reload();
}

#[test]
fn days_of_producers_that_crash_repeat_themselves_and_race_leave_the_coordinator_in_order() {
    let mut ended = 0;
    for seed in 0..300u64 {
        let version = if seed % 3 == 0 { ZERO } else { TWO };
        let mut host = Host::new(version);
        let mut state = seed;
        let mut roll = move |sides: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % sides
        };
        let ids = ["a", "b", "c"];
        // Two producers for each id: now and then one takes it from the other.
        let mut producers: Vec<(usize, Option<Identity>)> = (0..6).map(|number| (number / 2, None)).collect();
        for _ in 0..300 {
            host.now += roll(3000);
            let who = usize::try_from(roll(3) * 2 + u64::from(roll(12) == 0)).unwrap();
            let (id, known) = (ids[producers[who].0], producers[who].1);
            if roll(40) == 0 {
                host.disk_fails = 1;
                // An answer may not come; then the test cannot tell what was asked, and the producer begins anew.
                let _ = host.ask(Input::Initialize(Initialize { call: CALL, transactional_id: id, timeout: Millis(9000), expected: None }));
                host.disk_fails = 0;
                continue;
            }
            match (roll(14), known) {
                (_, None) | (0, _) => producers[who].1 = host.initialize(id, known.filter(|_| roll(2) == 0)).ok(),
                (1..=5, Some(identity)) => {
                    let partitions = [("orders", i32::try_from(roll(4)).unwrap()), ("payments", i32::try_from(roll(2)).unwrap())];
                    if host.add(id, identity, &partitions, version) == Err(TxnError::ProducerFenced) {
                        producers[who].1 = None;
                    }
                }
                (6..=8, Some(identity)) => {
                    let outcome = if roll(2) == 0 { Outcome::Commit } else { Outcome::Abort };
                    match host.end(id, identity, outcome, version) {
                        Ok(next) => {
                            ended += 1;
                            // One in three does not hear it.
                            if roll(3) > 0 {
                                producers[who].1 = Some(next);
                            }
                        }
                        Err(TxnError::ProducerFenced | TxnError::InvalidProducerIdMapping) => producers[who].1 = None,
                        Err(_) => {}
                    }
                }
                (9, _) => host.complete_all(),
                (10, _) => host.reload(),
                (12 | 13, _) => host.complete_all(),
                (_, _) => {
                    host.turn(|txns, at, fx| {
                        txns.handle_timeout(at, fx);
                    });
                }
            }
        }
    }
    assert!(ended > 4000, "transactions come to an end: {ended}");
}
