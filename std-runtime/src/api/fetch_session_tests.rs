use millpond_core::wire::value::{Array, Records};

use super::*;
use crate::protocol::messages::fetch::ForgottenTopic;

const T: TopicId = TopicId([7; 16]);

/// Sessions, and what one client says and hears.
struct World {
    sessions: FetchSessions,
    now: Instant,
    drawn: i32,
}

/// A request for some partitions of one topic, by its id.
fn with_request<R>(session: (i32, i32), partitions: &[i32], forgotten: &[i32], then: impl FnOnce(&FetchRequest<'_>) -> R) -> R {
    let wanted: Vec<FetchPartition> =
        partitions.iter().map(|partition| FetchPartition { partition: *partition, ..Default::default() }).collect();
    let topics = [FetchTopic { topic: "", topic_id: T, partitions: Array::from(&*wanted) }];
    let gone = [ForgottenTopic { topic: "", topic_id: T, partitions: Array::from(forgotten) }];
    let (session_id, session_epoch) = session;
    then(&FetchRequest {
        session_id,
        session_epoch,
        topics: Array::from(&topics),
        forgotten_topics_data: Array::from(&gone),
        ..Default::default()
    })
}

fn told(partition: i32, high_watermark: i64, records: &'static [u8]) -> PartitionData<'static> {
    PartitionData {
        partition_index: partition,
        high_watermark,
        log_start_offset: 0,
        records: Some(Records::Here(records)),
        ..Default::default()
    }
}

impl World {
    fn new(slots: usize) -> Self {
        Self { sessions: FetchSessions::new(slots), now: Instant(1_000_000), drawn: 0 }
    }

    /// Opens a session on some partitions, of which nothing is known but their names.
    fn begin(&mut self, partitions: &[i32]) -> i32 {
        let answers: Vec<PartitionData<'_>> = partitions.iter().map(|partition| told(*partition, 0, &[])).collect();
        match self.whole(FIRST_EPOCH, partitions, &answers) {
            Answered::All(id) => id,
            other => panic!("{other:?}"),
        }
    }

    fn whole(&mut self, epoch: i32, partitions: &[i32], answers: &[PartitionData<'_>]) -> Answered {
        with_request((NO_SESSION, epoch), partitions, &[], |request| {
            assert_eq!(self.sessions.open(self.now, request, true), Ok(Opened::Whole));
            let drawn = &mut self.drawn;
            self.sessions.answer(self.now, request, true, answers, &mut || {
                *drawn += 1;
                *drawn
            })
        })
    }

    fn open(&mut self, session: (i32, i32), partitions: &[i32], forgotten: &[i32]) -> Result<Opened, ErrorCode> {
        with_request(session, partitions, forgotten, |request| self.sessions.open(self.now, request, true))
    }

    /// Which partitions the session reads, in their order.
    fn wanted(&self, id: i32) -> Vec<i32> {
        self.sessions.wanted(id).iter().map(|(_, _, partition)| partition.partition).collect()
    }

    /// What is told of an answer on all partitions of a session.
    fn answer(&mut self, (id, epoch): (i32, i32), answers: &[PartitionData<'_>]) -> Answered {
        let partitions: Vec<i32> = answers.iter().map(|answer| answer.partition_index).collect();
        with_request((id, epoch), &partitions, &[], |request| {
            self.sessions.answer(self.now, request, true, answers, &mut || unreachable!("no session is opened"))
        })
    }

    fn books_are_right(&self) {
        let sum: usize = self.sessions.sessions.values().map(|session| session.places.len()).sum();
        assert_eq!((self.sessions.partitions, self.sessions.by_use.len()), (sum, self.sessions.len()));
        assert!(self.sessions.by_size.len() <= self.sessions.len());
    }
}

#[test]
fn a_session_tells_only_what_is_new() {
    let mut world = World::new(10);
    let id = world.begin(&[0, 1, 2]);
    assert_ne!(id, NO_SESSION);
    assert_eq!(world.open((id, 1), &[], &[]), Ok(Opened::Incremental));
    assert_eq!(world.wanted(id), [0, 1, 2]);
    // The first has records, the second nothing new, the third a high watermark that has moved.
    let answers = [told(0, 5, b"r"), told(1, 0, &[]), told(2, 9, &[])];
    assert_eq!(world.answer((id, 1), &answers), Answered::Some(id, vec![true, false, true]));
    assert_eq!(world.open((id, 2), &[], &[]), Ok(Opened::Incremental));
    assert_eq!(world.wanted(id), [1, 2, 0], "who had records goes behind the others");
    let answers = [told(1, 0, &[]), told(2, 9, &[]), told(0, 5, &[])];
    assert_eq!(world.answer((id, 2), &answers), Answered::Some(id, vec![false, false, false]));
}

#[test]
fn errors_and_diverging_epochs_are_told_each_time() {
    let mut world = World::new(10);
    let id = world.begin(&[0, 1]);
    let refused = PartitionData { error_code: ErrorCode::UNKNOWN_TOPIC_ID.number(), high_watermark: -1, ..told(0, -1, &[]) };
    let mut diverging = told(1, 0, &[]);
    diverging.diverging_epoch.epoch = 3;
    for epoch in 1..3 {
        assert_eq!(world.open((id, epoch), &[], &[]), Ok(Opened::Incremental));
        assert_eq!(world.answer((id, epoch), &[refused, diverging]), Answered::Some(id, vec![true, true]));
    }
    assert_eq!(world.open((id, 3), &[], &[]), Ok(Opened::Incremental));
    assert_eq!(world.answer((id, 3), &[told(0, 0, &[]), told(1, 0, &[])]), Answered::Some(id, vec![true, false]), "it is well again");
}

#[test]
fn requests_come_in_their_order_or_not_at_all() {
    let mut world = World::new(10);
    let id = world.begin(&[0]);
    assert_eq!(world.open((id + 1, 1), &[], &[]), Err(ErrorCode::FETCH_SESSION_ID_NOT_FOUND));
    assert_eq!(world.open((NO_SESSION, 1), &[], &[]), Err(ErrorCode::FETCH_SESSION_ID_NOT_FOUND));
    assert_eq!(world.open((id, 2), &[], &[]), Err(ErrorCode::INVALID_FETCH_SESSION_EPOCH));
    assert_eq!(world.open((id, -7), &[], &[]), Err(ErrorCode::INVALID_FETCH_SESSION_EPOCH));
    assert_eq!(world.open((id, 1), &[], &[]), Ok(Opened::Incremental));
    assert_eq!(world.open((id, 1), &[], &[]), Err(ErrorCode::INVALID_FETCH_SESSION_EPOCH), "once");
    // The second comes while the first still waits for bytes.
    assert_eq!(world.open((id, 2), &[], &[]), Ok(Opened::Incremental));
    assert_eq!(world.answer((id, 1), &[told(0, 0, &[])]), Answered::Refused(id, ErrorCode::INVALID_FETCH_SESSION_EPOCH));
    let by_name = with_request((id, 3), &[], &[], |request| world.sessions.open(world.now, request, false));
    assert_eq!(by_name, Err(ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR));
    assert_eq!((next_epoch(i32::MAX), next_epoch(FIRST_EPOCH), next_epoch(LAST_EPOCH)), (1, 1, LAST_EPOCH));
}

#[test]
fn partitions_join_and_leave_a_session_and_the_last_one_ends_it() {
    let mut world = World::new(10);
    let id = world.begin(&[0, 1]);
    assert_eq!(world.open((id, 1), &[2], &[0]), Ok(Opened::Incremental));
    assert_eq!(world.wanted(id), [1, 2]);
    world.books_are_right();
    assert_eq!(world.open((id, 2), &[], &[1, 2, 9]), Ok(Opened::Ended));
    assert!(world.sessions.is_empty());
    world.books_are_right();
    let id = world.begin(&[0]);
    // A request that stands by itself ends the session that it names, and opens none when it says so.
    let ended = with_request((id, LAST_EPOCH), &[0], &[], |request| world.sessions.open(world.now, request, true));
    assert_eq!((ended, world.sessions.len()), (Ok(Opened::Whole), 0));
    assert_eq!(world.whole(LAST_EPOCH, &[0], &[told(0, 0, &[])]), Answered::All(NO_SESSION));
    // Who was answered after its session had gone hears all, and that there is none.
    assert_eq!(world.answer((id, 1), &[told(0, 0, &[])]), Answered::All(NO_SESSION));
}

#[test]
fn a_full_cache_keeps_what_is_in_use_and_young() {
    let mut world = World::new(2);
    let (small, large) = (world.begin(&[0]), world.begin(&[0, 1, 2]));
    assert_eq!(world.begin(&[0, 1, 2, 3]), NO_SESSION, "both are young");
    // Once they are no longer safe the larger takes the place of the smallest.
    world.now = Instant(world.now.0 + SAFE_FOR.0 + 1);
    assert_eq!(world.open((small, 1), &[], &[]), Ok(Opened::Incremental));
    assert_eq!(world.open((large, 1), &[], &[]), Ok(Opened::Incremental));
    assert_eq!(world.begin(&[0]), NO_SESSION, "not larger than what is there");
    let middle = world.begin(&[0, 1]);
    assert_ne!(middle, NO_SESSION);
    assert_eq!(world.open((small, 2), &[], &[]), Err(ErrorCode::FETCH_SESSION_ID_NOT_FOUND));
    world.books_are_right();
    // One that nobody uses gives way to anybody.
    world.now = Instant(world.now.0 + SAFE_FOR.0);
    assert_eq!(world.open((middle, 1), &[], &[]), Ok(Opened::Incremental));
    world.now = Instant(world.now.0 + 1);
    assert_ne!(world.begin(&[9]), NO_SESSION);
    assert_eq!(world.open((large, 2), &[], &[]), Err(ErrorCode::FETCH_SESSION_ID_NOT_FOUND));
    world.books_are_right();
    assert_eq!(World::new(0).begin(&[0]), NO_SESSION, "none are kept");
}

#[test]
fn all_sessions_together_have_a_bound() {
    let mut world = World::new(10);
    world.sessions.partitions_max = 5;
    let id = world.begin(&[0, 1, 2]);
    assert_eq!(world.begin(&[0, 1, 2]), NO_SESSION);
    assert_ne!(world.begin(&[0, 1]), NO_SESSION);
    assert_eq!(world.open((id, 1), &[3], &[]), Err(ErrorCode::FETCH_SESSION_ID_NOT_FOUND), "it asks for all of it each time");
    assert_eq!(world.sessions.len(), 1);
    world.books_are_right();
}

#[test]
fn one_session_has_a_bound_of_its_own() {
    let mut world = World::new(10);
    let all: Vec<i32> = (0..=i32::try_from(SESSION_PARTITIONS_MAX).expect("a number")).collect();
    assert_eq!(world.begin(&all), NO_SESSION);
    let id = world.begin(all.split_last().expect("some").1);
    assert_ne!(id, NO_SESSION);
    assert_eq!(world.open((id, 1), &[-1], &[]), Err(ErrorCode::FETCH_SESSION_ID_NOT_FOUND));
    assert!(world.sessions.is_empty());
}
