//! A classic member, step by step, with a test in the place of its coordinator.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::lead::Seat;
use super::member::ClassicMember;
use super::memory::{ClassicConfig, ClassicLimits, ClassicMemory, Identity};
use super::request::{Event, Joined, Metadata, Reply, Request, Synced};
use crate::bounded::Full;
use crate::bounded::bytes::{ByteHeap, Span, Text};
use crate::bounded::list::List;
use crate::ids::GenerationId;
use crate::member::assignor::assignor::Assignor;
use crate::member::assignor::told;
use crate::member::consumer_protocol::{assignment, subscription};
use crate::member::contact::RequestId;
use crate::member::error::{Failure, MemberError};
use crate::member::partitions::{Held, Partitions};
use crate::member::standing::{Departure, Standing};
use crate::time::Instant;
use crate::wire::reader::DecodeError;
use crate::wire::writer::Writer;

const LIMITS: ClassicLimits = ClassicLimits { members: 5, topics: 9, partitions: 9, bytes: 4000 };

pub(super) struct Test {
    pub(super) member: ClassicMember<'static>,
    pub(super) now: u64,
    /// The request that was asked last.
    pub(super) id: Option<RequestId>,
}

fn identity(assignors: &[Assignor]) -> Identity<'_> {
    Identity { group_id: "g", group_instance_id: None, rack_id: None, assignors, seed: 7 }
}

/// As `t-0 t-1`.
fn shown(held: Partitions<'_>) -> String {
    held.iter().map(|held| format!("{}-{}", held.topic, held.index)).collect::<Vec<_>>().join(" ")
}

fn given(held: &[(&str, &[i32])]) -> Vec<u8> {
    let mut writer = Writer::growing();
    writer.put(&[0, 3]);
    writer.put(&u32::try_from(held.len()).unwrap().to_be_bytes());
    for (topic, partitions) in held {
        writer.put(&u16::try_from(topic.len()).unwrap().to_be_bytes());
        writer.put(topic.as_bytes());
        writer.put(&u32::try_from(partitions.len()).unwrap().to_be_bytes());
        partitions.iter().for_each(|partition| writer.put(&partition.to_be_bytes()));
    }
    writer.put(&[0xff; 4]);
    writer.bytes().to_vec()
}

/// What a member says under one of its assignors: topics, what it owns, and in which generation.
fn said(metadata: &[u8]) -> String {
    let read = subscription(metadata).expect("a subscription");
    let topics: Vec<&str> = read.topics.iter().collect();
    let owned: Vec<String> = read
        .owned_partitions
        .iter()
        .flat_map(|topic| topic.partitions.iter().map(move |index| format!("{}-{index}", topic.topic)))
        .collect();
    format!("{} owns [{}] of {}", topics.join(" "), owned.join(" "), read.generation_id)
}

impl Test {
    pub(super) fn new(assignors: &[Assignor]) -> Self {
        Self::of(identity(assignors))
    }

    fn of(identity: Identity<'_>) -> Self {
        let member = ClassicMember::new(identity, ClassicConfig::default(), ClassicMemory::grown(LIMITS)).unwrap();
        let mut test = Self { member, now: 1000, id: None };
        test.member.subscribe(Instant(1000), &["t"]).unwrap();
        test
    }

    /// The next request, in words; empty when there is none.
    pub(super) fn ask(&mut self) -> String {
        let Some(asked) = self.member.poll_request(Instant(self.now)) else { return String::new() };
        self.id = Some(asked.id);
        match asked.request {
            Request::FindCoordinator { group_id } => format!("find {group_id}"),
            Request::JoinGroup(join) => {
                let offers: Vec<String> = join.protocols.iter().map(|(name, metadata)| format!("{name}: {}", said(metadata))).collect();
                format!("join {:?} {}", join.caller.member_id, offers.join(", "))
            }
            Request::Metadata { topics } => format!("metadata {topics:?}"),
            Request::SyncGroup(sync) => format!("sync {} {} {}", sync.generation_id, sync.protocol_name, sync.assignments.iter().count()),
            Request::Heartbeat(heartbeat) => format!("heartbeat {}", heartbeat.generation_id),
            Request::LeaveGroup(leave) => format!("leave {:?} {:?}", leave.caller.member_id, leave.caller.group_instance_id),
        }
    }

    /// The next event, in words; empty when there is none.
    pub(super) fn hear(&mut self) -> String {
        match self.member.poll_event() {
            None => String::new(),
            Some(Event::Assigned(held)) => format!("assigned {}", shown(held)),
            Some(Event::Revoked(held)) => format!("revoked {}", shown(held)),
            Some(Event::Lost(held)) => format!("lost {}", shown(held)),
            Some(Event::Failed(failure)) => format!("failed {failure:?}"),
        }
    }

    pub(super) fn reply(&mut self, reply: Reply<'_>) {
        let id = self.id.expect("something was asked");
        self.member.on_reply(Instant(self.now), id, reply);
    }

    pub(super) fn find(&mut self) {
        assert_eq!(self.ask(), "find g");
        self.reply(Reply::FindCoordinator(Ok(())));
    }

    /// Asks for a seat. Answers what it tells the leader with that.
    fn joins_with(&mut self) -> Vec<u8> {
        let asked = self.member.poll_request(Instant(1000)).unwrap();
        self.id = Some(asked.id);
        let Request::JoinGroup(join) = asked.request else { panic!("{asked:?}") };
        join.protocols.iter().next().unwrap().1.to_vec()
    }

    /// Has a seat; the leader, among others of whom it is told what they say.
    pub(super) fn joined(&mut self, generation: i32, protocol: &str, members: &[(&str, &[u8])], skips: bool) {
        let show = |see: &mut dyn FnMut(told::Joined<'_>)| {
            members.iter().for_each(|(member_id, metadata)| see(told::Joined { member_id, instance_id: None, metadata }));
        };
        let joined = Joined {
            generation_id: GenerationId(generation),
            protocol_type: Some("consumer"),
            protocol_name: protocol,
            leader: if members.is_empty() { "other" } else { "me" },
            member_id: "me",
            members: &show,
            skip_assignment: skips,
        };
        self.reply(Reply::JoinGroup(Ok(joined)));
    }

    pub(super) fn synced(&mut self, held: &[(&str, &[i32])]) {
        let assignment = given(held);
        self.reply(Reply::SyncGroup(Ok(Synced { protocol_type: None, protocol_name: None, assignment: &assignment })));
    }

    /// Comes into a generation as a follower who is given something.
    fn seat(&mut self, generation: i32, held: &[(&str, &[i32])]) {
        let protocol = self.member.assignors[0].name();
        assert!(self.ask().starts_with("join"), "it joins");
        self.joined(generation, protocol, &[], false);
        assert_eq!(self.ask(), format!("sync {generation} {protocol} 0"));
        self.synced(held);
    }

    fn refuse(&mut self, error: MemberError) {
        self.reply(Reply::Heartbeat(Err(error)));
    }

    pub(super) fn wait(&mut self, span: u64) {
        self.now += span;
    }
}

/// One that has `t-0` and `t-1` in generation 1, and was told.
pub(super) fn seated(assignor: Assignor) -> Test {
    let mut test = Test::new(&[assignor]);
    test.find();
    test.seat(1, &[("t", &[0, 1])]);
    assert_eq!(test.hear(), "assigned t-0 t-1");
    test
}

#[test]
fn kip394_a_member_joins_with_the_id_that_it_is_given() {
    let mut test = Test::new(&[Assignor::Range, Assignor::RoundRobin]);
    assert_eq!(test.member.standing(), Standing::Rebalancing);
    test.find();
    assert_eq!(test.ask(), "join \"\" range: t owns [] of -1, roundrobin: t owns [] of -1");
    assert_eq!(test.ask(), "", "one request at a time");
    test.reply(Reply::MemberIdRequired { member_id: "me" });
    assert!(test.ask().starts_with("join \"me\""));
    // The same once more helps nobody: not at once.
    test.reply(Reply::MemberIdRequired { member_id: "me" });
    assert_eq!(test.ask(), "");
    test.now = test.member.poll_timeout().unwrap().0;
    assert!(test.ask().starts_with("join \"me\""));
}

#[test]
fn a_leader_asks_how_many_partitions_there_are_and_divides_them() {
    let mut other = Test::new(&[Assignor::Range]);
    other.member.subscribe(Instant(1000), &["u", "t"]).unwrap();
    other.find();
    let metadata = other.joins_with();

    let mut test = Test::new(&[Assignor::Range]);
    test.find();
    let mine = test.joins_with();
    // The third says nothing that can be read, and gets nothing.
    test.joined(1, "range", &[("me", &mine), ("odd", b"?"), ("other", &metadata)], false);
    assert_eq!(test.ask(), "metadata [\"t\", \"u\"]");
    let metadata_id = test.id.unwrap();
    // It lives while it waits for that, and asks again when nobody answers.
    test.wait(3_000);
    assert_eq!(test.ask(), "heartbeat 1");
    test.reply(Reply::Heartbeat(Ok(())));
    test.member.on_lost(Instant(test.now), metadata_id);
    assert_eq!(test.ask(), "", "not at once");
    test.wait(1_000);
    assert_eq!(test.ask(), "metadata [\"t\", \"u\"]");
    let counts = Metadata { partition_counts: &[3, 1], racks: None };
    test.member.assign_grown(Instant(test.now), metadata_id, &counts);
    assert_eq!(test.member.standing(), Standing::Rebalancing, "nobody waits for that any more");
    test.member.assign::<3, 2, 4, 40>(Instant(test.now), test.id.unwrap(), &counts);

    let asked = test.member.poll_request(Instant(test.now)).unwrap();
    let Request::SyncGroup(sync) = asked.request else { panic!("{asked:?}") };
    let gets = |bytes: &[u8]| {
        let each = assignment(bytes).unwrap().assigned_partitions;
        each.iter()
            .flat_map(|topic| topic.partitions.iter().map(move |index| format!("{}-{index}", topic.topic)))
            .collect::<Vec<_>>()
            .join(" ")
    };
    let all: Vec<(String, String)> = sync.assignments.iter().map(|(id, bytes)| (id.to_string(), gets(bytes))).collect();
    let expected = [("me", "t-0 t-1"), ("odd", ""), ("other", "t-2 u-0")];
    assert_eq!(all, expected.map(|(id, held)| (id.to_string(), held.to_string())));
    test.id = Some(asked.id);
    test.synced(&[("t", &[0, 1])]);
    assert_eq!((test.hear(), test.member.standing()), ("assigned t-0 t-1".to_string(), Standing::Seated));
    assert_eq!(test.member.watched().collect::<Vec<_>>(), ["t", "u"]);
    assert!(test.member.seats.is_empty() && test.member.given.is_empty(), "what it knew of the others is of no use any more");

    // Topics that grow call the group together; what is known, or of no concern, does not.
    test.member.topics_changed(&[("t", 3), ("u", 1), ("v", 9)]);
    assert_eq!((test.hear(), test.member.standing()), (String::new(), Standing::Seated));
    test.member.topics_changed(&[("u", 2)]);
    assert_eq!(test.hear(), "revoked t-0 t-1");
}

#[test]
fn kip814_a_leader_that_is_to_leave_the_assignment_brings_none_and_watches_topics() {
    let mut test = Test::new(&[Assignor::Range]);
    test.find();
    let mine = test.joins_with();
    test.joined(4, "range", &[("me", &mine)], true);
    assert_eq!(test.ask(), "metadata [\"t\"]");
    test.member.assign::<0, 0, 0, 0>(Instant(test.now), test.id.unwrap(), &Metadata { partition_counts: &[2], racks: None });
    assert_eq!(test.ask(), "sync 4 range 0");
    test.synced(&[("t", &[0])]);
    assert_eq!(test.hear(), "assigned t-0");
    test.member.topics_changed(&[("t", 3)]);
    assert_eq!(test.hear(), "revoked t-0");
}

#[test]
fn an_eager_member_gives_everything_back_and_lives_while_it_does() {
    let mut test = seated(Assignor::Sticky);
    test.wait(2_999);
    assert_eq!(test.ask(), "");
    test.wait(1);
    assert_eq!(test.ask(), "heartbeat 1");
    test.refuse(MemberError::RebalanceInProgress);
    assert_eq!((test.hear(), test.hear(), test.ask()), ("revoked t-0 t-1".to_string(), String::new(), String::new()));
    assert_eq!(test.member.standing(), Standing::Rebalancing);
    test.wait(3_000);
    assert_eq!(test.ask(), "heartbeat 1");
    test.refuse(MemberError::RebalanceInProgress);
    // It can commit in its generation meanwhile.
    assert_eq!((test.member.generation_id(), test.member.member_id()), (Some(GenerationId(1)), "me"));
    test.member.revoked_done();
    let asked = test.member.poll_request(Instant(test.now)).unwrap();
    let Request::JoinGroup(join) = asked.request else { panic!("{asked:?}") };
    let (_, metadata) = join.protocols.iter().next().unwrap();
    assert_eq!(said(metadata), "t owns [] of 1");
    // What it had is told to the sticky assignor in words of its own.
    let data = subscription(metadata).unwrap().user_data.unwrap();
    let data = crate::member::assignor::user_data::StickyUserData::read(data).unwrap();
    assert_eq!((data.previous_assignment.iter().next().unwrap().partitions.iter().count(), data.generation), (2, 1));
}

#[test]
fn kip429_a_cooperative_member_gives_back_what_it_did_not_get_again_and_joins_once_more() {
    let mut test = seated(Assignor::CooperativeSticky);
    test.wait(3_000);
    assert_eq!(test.ask(), "heartbeat 1");
    test.refuse(MemberError::RebalanceInProgress);
    assert_eq!(test.hear(), "", "it keeps what it has");
    assert_eq!(test.ask(), "join \"me\" cooperative-sticky: t owns [t-0 t-1] of 1");
    test.joined(2, "cooperative-sticky", &[], false);
    assert_eq!(test.ask(), "sync 2 cooperative-sticky 0");
    test.synced(&[("t", &[2, 1])]);
    assert_eq!((test.hear(), test.hear()), ("revoked t-0".to_string(), String::new()));
    test.member.revoked_done();
    assert_eq!(shown(test.member.owned()), "t-1");
    assert_eq!(
        (test.hear(), test.ask()),
        ("assigned t-2".to_string(), "join \"me\" cooperative-sticky: t owns [t-1 t-2] of 2".to_string())
    );
    test.joined(3, "cooperative-sticky", &[], false);
    assert_eq!(test.ask(), "sync 3 cooperative-sticky 0");
    // The group has gone on: its claims are those of the generation that it was in.
    test.reply(Reply::SyncGroup(Err(MemberError::RebalanceInProgress)));
    assert_eq!(test.ask(), "join \"me\" cooperative-sticky: t owns [t-1 t-2] of 3");
    test.joined(4, "cooperative-sticky", &[], false);
    assert_eq!(test.ask(), "sync 4 cooperative-sticky 0");
    test.synced(&[("t", &[1, 2])]);
    assert_eq!((test.hear(), test.ask(), test.member.standing()), (String::new(), String::new(), Standing::Seated));
    // What it does not subscribe to any more is given back before it joins.
    test.member.subscribe(Instant(test.now), &["u"]).unwrap();
    assert_eq!((test.hear(), test.ask()), ("revoked t-1 t-2".to_string(), String::new()));
    test.member.revoked_done();
    assert_eq!(test.ask(), "join \"me\" cooperative-sticky: u owns [] of 4");
}

#[test]
fn whoever_the_group_does_not_know_loses_everything_and_begins_anew() {
    for (error, id) in [(MemberError::UnknownMemberId, ""), (MemberError::IllegalGeneration, "me")] {
        let mut test = seated(Assignor::CooperativeSticky);
        test.wait(3_000);
        assert_eq!(test.ask(), "heartbeat 1");
        test.refuse(error);
        assert_eq!(test.ask(), "", "the application is told first");
        assert_eq!(test.hear(), "lost t-0 t-1");
        assert_eq!((test.member.generation_id(), shown(test.member.owned())), (None, String::new()));
        assert_eq!(test.ask(), format!("join {id:?} cooperative-sticky: t owns [] of -1"));
        // That it is unknown when it joins is tried again, later.
        test.reply(Reply::JoinGroup(Err(error)));
        assert_eq!(test.ask(), "");
        // While it gives back: what it was asked for is lost, and saying that it is done changes nothing.
        let mut test = seated(Assignor::Range);
        test.wait(3_000);
        test.ask();
        test.refuse(MemberError::RebalanceInProgress);
        assert_eq!(test.hear(), "revoked t-0 t-1");
        test.wait(3_000);
        assert_eq!(test.ask(), "heartbeat 1");
        test.refuse(error);
        test.member.revoked_done();
        assert_eq!((test.ask(), test.hear()), (String::new(), "lost t-0 t-1".to_string()));
    }
}

#[test]
fn a_session_without_an_answer_ends() {
    let mut test = seated(Assignor::Range);
    // Heard for the last time in the heartbeat of 4 000.
    test.wait(3_000);
    test.ask();
    test.wait(500);
    test.reply(Reply::Heartbeat(Ok(())));
    test.wait(2_500);
    assert_eq!(test.ask(), "heartbeat 1");
    let late = test.id.unwrap();
    test.now = 4_000 + 44_999;
    test.member.poll(Instant(test.now));
    assert_eq!((test.ask(), test.hear()), (String::new(), String::new()));
    assert_eq!(test.member.poll_timeout(), Some(Instant(49_000)));
    test.wait(1);
    assert_eq!((test.ask(), test.hear(), test.ask()), (String::new(), "lost t-0 t-1".to_string(), "find g".to_string()));
    test.member.on_reply(Instant(test.now), late, Reply::Heartbeat(Ok(())));
    test.reply(Reply::FindCoordinator(Ok(())));
    assert_eq!(test.ask(), "join \"me\" range: t owns [] of -1");
}

#[test]
fn an_application_that_does_not_poll_is_out_until_it_does() {
    let mut test = seated(Assignor::Range);
    test.wait(299_000);
    // The session has its own end: it is heard.
    test.member.heard = Instant(test.now);
    assert_eq!(test.ask(), "heartbeat 1");
    test.reply(Reply::Heartbeat(Ok(())));
    test.wait(1_000);
    assert_eq!(test.ask(), "leave \"me\" None");
    assert_eq!((test.hear(), test.member.standing()), ("lost t-0 t-1".to_string(), Standing::Leaving));
    test.member.on_lost(Instant(test.now), test.id.unwrap());
    assert_eq!((test.ask(), test.member.standing(), test.member.poll_timeout()), (String::new(), Standing::Stale, None));
    test.member.poll(Instant(test.now));
    test.wait(1_000);
    test.find();
    assert_eq!(test.ask(), "join \"\" range: t owns [] of -1");
}

#[test]
fn whoever_leaves_gives_back_first() {
    let mut test = seated(Assignor::CooperativeSticky);
    test.member.leave(Departure::AsMember);
    assert_eq!((test.hear(), test.ask(), test.member.standing()), ("revoked t-0 t-1".to_string(), String::new(), Standing::Leaving));
    test.wait(3_000);
    assert_eq!(test.ask(), "heartbeat 1");
    test.reply(Reply::Heartbeat(Ok(())));
    // It thinks better of it meanwhile: then it comes back.
    test.member.subscribe(Instant(test.now), &["u"]).unwrap();
    test.member.revoked_done();
    assert_eq!(test.ask(), "leave \"me\" None");
    test.reply(Reply::LeaveGroup(Ok(())));
    assert_eq!(test.ask(), "join \"\" cooperative-sticky: u owns [] of -1");
    // It does not wait until everybody has come together.
    test.member.leave(Departure::AsMember);
    assert_eq!((test.ask(), test.member.standing(), test.member.poll_timeout()), (String::new(), Standing::Outside, None));
    let mut test = seated(Assignor::CooperativeSticky);
    test.member.leave(Departure::Silently);
    assert_eq!(test.hear(), "revoked t-0 t-1");
    test.member.revoked_done();
    assert_eq!((test.ask(), test.member.standing()), (String::new(), Standing::Outside));
}

#[test]
fn kip345_a_static_member_leaves_only_when_it_is_told_to() {
    let one = Identity { group_instance_id: Some("one"), ..identity(&[Assignor::Range]) };
    for (departure, asks) in [(Departure::AsMember, ""), (Departure::ForGood, "leave \"me\" Some(\"one\")"), (Departure::Silently, "")] {
        let mut test = Test::of(one);
        test.find();
        test.seat(1, &[("t", &[0])]);
        assert_eq!(test.hear(), "assigned t-0");
        test.member.leave(departure);
        assert_eq!(test.hear(), "revoked t-0");
        test.member.revoked_done();
        assert_eq!(test.ask(), asks);
    }
    // Somebody else has its name: it is over.
    let mut test = Test::of(one);
    test.find();
    test.seat(1, &[("t", &[0])]);
    assert_eq!(test.hear(), "assigned t-0");
    test.wait(3_000);
    assert_eq!(test.ask(), "heartbeat 1");
    test.refuse(MemberError::FencedInstanceId);
    assert_eq!((test.hear(), test.hear()), ("lost t-0".to_string(), "failed Refused(FencedInstanceId)".to_string()));
    assert_eq!((test.ask(), test.hear(), test.member.poll_timeout()), (String::new(), String::new(), None));
    // It comes back with another subscription, and is given what it had: the others have to know.
    test.member.subscribe(Instant(test.now), &["u"]).unwrap();
    test.seat(1, &[("t", &[0])]);
    assert_eq!((test.hear(), test.ask()), (String::new(), "join \"me\" range: u owns [] of 1".to_string()));
}

#[test]
fn a_coordinator_that_has_moved_is_found_again() {
    let mut test = seated(Assignor::Range);
    test.wait(3_000);
    assert_eq!(test.ask(), "heartbeat 1");
    test.refuse(MemberError::NotCoordinator);
    assert_eq!(test.ask(), "");
    test.wait(120);
    test.find();
    assert_eq!(test.ask(), "heartbeat 1");
    test.refuse(MemberError::CoordinatorLoadInProgress);
    test.wait(240);
    assert_eq!(test.ask(), "heartbeat 1");
    let lost = test.id.unwrap();
    test.member.on_lost(Instant(test.now), lost);
    test.wait(480);
    assert_eq!(test.ask(), "find g");
    // Twice said, or late: nothing happens.
    test.member.on_lost(Instant(test.now), lost);
    test.member.on_reply(Instant(test.now), lost, Reply::Heartbeat(Err(MemberError::UnknownMemberId)));
    test.reply(Reply::FindCoordinator(Err(MemberError::CoordinatorNotAvailable)));
    test.wait(960);
    test.find();
    assert_eq!((test.ask(), test.hear()), ("heartbeat 1".to_string(), String::new()));
}

#[test]
fn a_question_for_the_assignment_is_repeated_when_its_answer_is_lost() {
    let mut test = Test::new(&[Assignor::Range]);
    test.find();
    test.ask();
    test.joined(5, "range", &[], false);
    assert_eq!(test.ask(), "sync 5 range 0");
    test.member.on_lost(Instant(test.now), test.id.unwrap());
    test.wait(200);
    test.find();
    assert_eq!(test.ask(), "sync 5 range 0");
    test.synced(&[("t", &[1, 1, -4])]);
    assert_eq!(test.hear(), "assigned t-1");
}

#[test]
fn what_a_peer_says_is_checked() {
    let refusals: [fn(&mut Test); 3] = [
        |test| test.joined(1, "roundrobin", &[], false),
        |test| test.joined(1, "mine", &[], false),
        |test| test.reply(Reply::JoinGroup(Err(MemberError::InconsistentGroupProtocol))),
    ];
    for refuse in refusals {
        let mut test = Test::new(&[Assignor::Range]);
        test.find();
        test.ask();
        refuse(&mut test);
        assert_eq!((test.hear(), test.ask()), ("failed Refused(InconsistentGroupProtocol)".to_string(), String::new()));
    }
    // What cannot be read, or is too much: it leaves, and says why.
    let many: Vec<i32> = (0..10).collect();
    let cases =
        [(given(&[("t", &[0])])[..9].to_vec(), Failure::Assignment(DecodeError::Truncated)), (given(&[("t", &many)]), Failure::Full)];
    for (bytes, failure) in cases {
        let mut test = Test::new(&[Assignor::Range]);
        test.find();
        test.ask();
        test.joined(1, "range", &[], false);
        test.ask();
        test.reply(Reply::SyncGroup(Ok(Synced { protocol_type: None, protocol_name: None, assignment: &bytes })));
        assert_eq!(test.ask(), "leave \"me\" None");
        test.reply(Reply::LeaveGroup(Ok(())));
        assert_eq!((test.hear(), test.member.standing()), (format!("failed {failure:?}"), Standing::Outside));
    }
    // A leader of more than it can hold.
    let mut test = Test::new(&[Assignor::Range]);
    test.find();
    test.ask();
    test.joined(1, "range", &[("me", &[0; 6]), ("b", &[0; 6]), ("c", &[]), ("d", &[]), ("e", &[]), ("f", &[])], false);
    assert_eq!(test.ask(), "leave \"me\" None");
}

#[test]
fn what_does_not_fit_leaves_everything_as_it_was() {
    let mut test = seated(Assignor::Range);
    let many: Vec<String> = (0..10).map(|number| format!("topic{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(test.member.subscribe(Instant(test.now), &many), Err(Full));
    assert_eq!((test.member.standing(), test.hear()), (Standing::Seated, String::new()));
    // The same once more is no news.
    test.member.subscribe(Instant(test.now), &["t", "t"]).unwrap();
    assert_eq!((test.member.standing(), test.hear()), (Standing::Seated, String::new()));
}

#[test]
fn a_member_lives_in_lent_memory() {
    let (mut bytes, mut spans, mut free) =
        (heapless::Vec::<u8, 400>::new(), heapless::Vec::<Span, 16>::new(), heapless::Vec::<u32, 16>::new());
    let (mut names, mut topics) = (heapless::Vec::<Text, 4>::new(), heapless::Vec::<Text, 2>::new());
    let (mut watched, mut counts) = (heapless::Vec::<Text, 2>::new(), heapless::Vec::<u32, 2>::new());
    let mut seats = heapless::Vec::<Seat, 2>::new();
    let mut sets = [(); 4].map(|()| heapless::Vec::<Held<Text>, 4>::new());
    let (mut metadata, mut given) = (heapless::Vec::<u8, 200>::new(), heapless::Vec::<u8, 100>::new());
    let [owned, target, moving, previous] = &mut sets;
    let memory = ClassicMemory {
        texts: ByteHeap::lent(List::lent(&mut bytes), List::lent(&mut spans), List::lent(&mut free)),
        names: List::lent(&mut names),
        topics: List::lent(&mut topics),
        watched: List::lent(&mut watched),
        counts: List::lent(&mut counts),
        seats: List::lent(&mut seats),
        owned: List::lent(owned),
        target: List::lent(target),
        moving: List::lent(moving),
        previous: List::lent(previous),
        metadata: List::lent(&mut metadata),
        given: List::lent(&mut given),
    };
    let mut member = ClassicMember::new(identity(&[Assignor::Sticky]), ClassicConfig::default(), memory).unwrap();
    member.subscribe(Instant(0), &["t", "u"]).unwrap();
    let id = member.poll_request(Instant(0)).unwrap().id;
    member.on_reply(Instant(0), id, Reply::FindCoordinator(Ok(())));
    for generation in 1..50 {
        let asked = member.poll_request(Instant(0)).unwrap();
        let Request::JoinGroup(join) = asked.request else { panic!("{asked:?}") };
        let (id, metadata) = (asked.id, join.protocols.iter().next().unwrap().1.to_vec());
        let show = |see: &mut dyn FnMut(told::Joined<'_>)| see(told::Joined { member_id: "me", instance_id: None, metadata: &metadata });
        let joined = Joined {
            generation_id: GenerationId(generation),
            protocol_type: None,
            protocol_name: "sticky",
            leader: "me",
            member_id: "me",
            members: &show,
            skip_assignment: false,
        };
        member.on_reply(Instant(0), id, Reply::JoinGroup(Ok(joined)));
        let id = member.poll_request(Instant(0)).unwrap().id;
        member.assign::<2, 2, 4, 60>(Instant(0), id, &Metadata { partition_counts: &[3, 1], racks: None });
        let asked = member.poll_request(Instant(0)).unwrap();
        let Request::SyncGroup(sync) = asked.request else { panic!("{asked:?}") };
        let (id, assignment) = (asked.id, sync.assignments.iter().next().unwrap().1.to_vec());
        let synced = Synced { protocol_type: None, protocol_name: Some("sticky"), assignment: &assignment };
        member.on_reply(Instant(0), id, Reply::SyncGroup(Ok(synced)));
        let Some(Event::Assigned(held)) = member.poll_event() else { panic!("{member:?}") };
        assert_eq!(shown(held), "t-0 t-1 t-2 u-0");
        member.topics_changed(&[("u", 2)]);
        assert!(matches!(member.poll_event(), Some(Event::Revoked(_))));
        member.revoked_done();
    }
}
