//! A member of a consumer group, step by step, with a test in the place of its coordinator.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::member::ConsumerMember;
use super::memory::{ConsumerConfig, ConsumerLimits, ConsumerMemory, Identity};
use super::request::{Event, Heard, Reply, Request};
use crate::bounded::Full;
use crate::bounded::bytes::{ByteHeap, Span, Text};
use crate::bounded::list::List;
use crate::ids::{MemberEpoch, PartitionIndex, TopicId};
use crate::member::contact::RequestId;
use crate::member::error::MemberError;
use crate::member::partitions::{Held, Partitions};
use crate::member::standing::{Departure, Standing};
use crate::time::{Instant, Millis};

const LIMITS: ConsumerLimits = ConsumerLimits { topics: 4, partitions: 6, bytes: 400 };
const T: TopicId = TopicId([1; 16]);
const U: TopicId = TopicId([2; 16]);

struct Test {
    member: ConsumerMember<'static>,
    now: u64,
    id: Option<RequestId>,
}

const ONE: Identity<'static> =
    Identity { group_id: "g", member_id: "me", group_instance_id: None, rack_id: Some("r"), assignor: Some("uniform"), seed: 3 };

/// As `t-0 u-1`.
fn shown(held: Partitions<'_>) -> String {
    held.iter().map(|held| format!("{}-{}", held.topic, held.index)).collect::<Vec<_>>().join(" ")
}

impl Test {
    fn of(identity: Identity<'_>) -> Self {
        let member = ConsumerMember::new(identity, ConsumerConfig::default(), ConsumerMemory::grown(LIMITS)).unwrap();
        Self { member, now: 1000, id: None }
    }

    /// One that has subscribed, and knows its coordinator.
    fn new(identity: Identity<'_>) -> Self {
        let mut test = Self::of(identity);
        test.member.subscribe(Instant(1000), &["t"]).unwrap();
        test.find();
        test
    }

    fn find(&mut self) {
        assert_eq!(self.ask(), "find g");
        self.reply(Reply::FindCoordinator(Ok(())));
    }

    /// The next request, in words; empty when there is none. What is not said is not there.
    fn ask(&mut self) -> String {
        let Some(asked) = self.member.poll_request(Instant(self.now)) else { return String::new() };
        self.id = Some(asked.id);
        match asked.request {
            Request::FindCoordinator { group_id } => format!("find {group_id}"),
            Request::TopicNames { topics } => format!("names {}", topics.iter().count()),
            Request::ConsumerGroupHeartbeat(says) => {
                let mut words = Vec::from([format!("epoch {}", says.member_epoch)]);
                words.extend(says.instance_id.map(|id| format!("as {id}")));
                words.extend(says.rack_id.map(|rack| format!("rack {rack}")));
                words.extend(says.rebalance_timeout.map(|timeout| format!("timeout {timeout:?}")));
                words.extend(says.subscribed_topic_names.map(|names| format!("topics {names:?}")));
                words.extend(says.subscribed_topic_regex.map(|pattern| format!("pattern {pattern:?}")));
                words.extend(says.server_assignor.map(ToString::to_string));
                words.extend(says.topic_partitions.map(|held| format!("owns [{}]", shown(held))));
                words.join(" ")
            }
        }
    }

    fn hear(&mut self) -> String {
        match self.member.poll_event() {
            None => String::new(),
            Some(Event::Assigned(held)) => format!("assigned {}", shown(held)),
            Some(Event::Revoked(held)) => format!("revoked {}", shown(held)),
            Some(Event::Lost(held)) => format!("lost {}", shown(held)),
            Some(Event::Refused(error)) => format!("refused {error:?}"),
            Some(Event::Failed(failure)) => format!("failed {failure:?}"),
        }
    }

    fn reply(&mut self, reply: Reply<'_>) {
        let id = self.id.expect("something was asked");
        self.member.on_reply(Instant(self.now), id, reply);
    }

    fn told(&mut self, epoch: i32, assigned: Option<&[(TopicId, i32)]>) {
        let all = assigned.unwrap_or_default();
        let show = |see: &mut dyn FnMut(TopicId, PartitionIndex)| all.iter().for_each(|(topic, index)| see(*topic, PartitionIndex(*index)));
        let heard = Heard {
            member_epoch: MemberEpoch(epoch),
            heartbeat_interval: Millis(5_000),
            assignment: if assigned.is_some() { Some(&show) } else { None },
        };
        self.reply(Reply::ConsumerGroupHeartbeat(Ok(heard)));
    }

    fn refuse(&mut self, error: MemberError) {
        self.reply(Reply::ConsumerGroupHeartbeat(Err(error)));
    }

    fn name(&mut self, names: &[(TopicId, &str)]) {
        let id = self.id.expect("something was asked");
        self.member.names_known(Instant(self.now), id, names);
    }

    fn wait(&mut self, span: u64) {
        self.now += span;
    }
}

const ALL: &str = "rack r timeout 300000ms topics [\"t\"] uniform";

/// One that has `t-0` and `t-1` in epoch 2, and has said so.
fn seated(identity: Identity<'_>) -> Test {
    let mut test = Test::new(identity);
    assert!(test.ask().starts_with("epoch 0"));
    test.told(2, Some(&[(T, 0), (T, 1)]));
    assert_eq!(test.ask(), "names 1");
    test.name(&[(T, "t")]);
    assert_eq!(test.hear(), "assigned t-0 t-1");
    assert!(test.ask().ends_with("owns [t-0 t-1]"));
    test.told(2, None);
    assert_eq!((test.hear(), test.ask(), test.member.standing()), (String::new(), String::new(), Standing::Seated));
    test
}

#[test]
fn a_member_says_everything_once_and_then_what_has_changed() {
    let mut test = Test::new(ONE);
    assert_eq!(test.ask(), format!("epoch 0 {ALL} owns []"));
    assert_eq!((test.ask(), test.member.member_epoch()), (String::new(), None));
    test.told(1, Some(&[]));
    assert_eq!(test.ask(), "epoch 1 owns []", "it has taken up nothing");
    test.told(1, None);
    assert_eq!((test.ask(), test.member.poll_timeout()), (String::new(), Some(Instant(6_000))));
    test.wait(5_000);
    assert_eq!(test.ask(), "epoch 1");
    test.told(3, Some(&[(T, 1), (T, 0), (T, 1), (T, -1)]));
    assert_eq!((test.ask(), test.member.standing()), ("names 1".to_string(), Standing::Rebalancing));
    // Somebody else's topic is none of its own; what is missing is asked for again.
    test.name(&[(U, "u")]);
    assert_eq!((test.ask(), test.hear()), (String::new(), String::new()));
    test.wait(1_000);
    assert_eq!(test.ask(), "names 1");
    test.name(&[(T, "t")]);
    assert_eq!(
        (test.hear(), test.hear(), test.ask()),
        ("assigned t-0 t-1".to_string(), String::new(), "epoch 3 owns [t-0 t-1]".to_string())
    );
    assert_eq!(test.member.member_epoch(), Some(MemberEpoch(3)));
    test.told(3, None);
    // A new subscription is said at once.
    test.member.subscribe(Instant(test.now), &["u", "t"]).unwrap();
    assert_eq!(test.ask(), "epoch 3 topics [\"t\", \"u\"]");
    test.told(3, None);
    test.member.subscribe_pattern(Instant(test.now), "t.*").unwrap();
    assert_eq!(test.ask(), "epoch 3 topics [] pattern \"t.*\"");
    test.told(3, None);
    test.member.subscribe(Instant(test.now), &["t"]).unwrap();
    assert_eq!(test.ask(), "epoch 3 topics [\"t\"] pattern \"\"");
    // Nobody knows whether that was heard: everything once more, and that there is no pattern any more.
    test.member.on_lost(Instant(test.now), test.id.unwrap());
    test.wait(120);
    test.find();
    assert_eq!(test.ask(), "epoch 3 rack r timeout 300000ms topics [\"t\"] pattern \"\" uniform owns [t-0 t-1]");
}

#[test]
fn what_goes_is_given_back_before_anything_is_taken_up() {
    let mut test = seated(ONE);
    test.wait(5_000);
    test.ask();
    test.told(2, Some(&[(T, 1), (T, 2)]));
    assert_eq!((test.hear(), test.hear()), ("revoked t-0".to_string(), String::new()));
    // It lives meanwhile, and says nothing of what it owns: it owns all of it.
    test.wait(5_000);
    assert_eq!(test.ask(), "epoch 2");
    test.told(2, None);
    test.member.revoked_done();
    test.member.revoked_done();
    assert_eq!(test.ask(), "epoch 2 owns [t-1 t-2]", "what it has been told to take up counts already");
    assert_eq!(test.hear(), "assigned t-2");
    test.told(3, None);
    assert_eq!((test.ask(), test.hear()), ("epoch 3 owns [t-1 t-2]".to_string(), String::new()));
    // Another target comes before the application was told of the last one: it never hears of that.
    test.told(3, Some(&[(T, 1), (T, 2), (T, 3)]));
    assert_eq!(test.ask(), "");
    test.wait(5_000);
    assert_eq!(test.ask(), "epoch 3");
    test.told(3, Some(&[(T, 1)]));
    assert_eq!((test.hear(), shown(test.member.owned())), ("revoked t-2".to_string(), "t-1 t-2".to_string()));
}

#[test]
fn what_the_coordinator_has_heard_that_a_member_does_not_have_it_does_not_take_up_unasked() {
    let mut test = seated(ONE);
    test.wait(5_000);
    test.ask();
    test.told(3, Some(&[(T, 0), (T, 1), (U, 0)]));
    assert_eq!(test.ask(), "names 1");
    let names = test.id;
    test.wait(5_000);
    assert_eq!(test.ask(), "epoch 3");
    test.member.on_lost(Instant(test.now), test.id.unwrap());
    test.wait(120);
    test.find();
    assert_eq!(test.ask(), format!("epoch 3 {ALL} owns [t-0 t-1]"));
    let heartbeat = test.id;
    test.id = names;
    test.name(&[(U, "u")]);
    assert_eq!(test.hear(), "", "it has just said that it does not have it");
    test.id = heartbeat;
    test.told(3, Some(&[(T, 0), (T, 1), (U, 0)]));
    assert_eq!(test.hear(), "assigned u-0");
}

#[test]
fn whoever_is_fenced_loses_everything_and_joins_anew() {
    for error in [MemberError::FencedMemberEpoch, MemberError::UnknownMemberId] {
        let mut test = seated(ONE);
        test.wait(5_000);
        test.ask();
        test.refuse(error);
        assert_eq!((test.ask(), test.hear()), (String::new(), "lost t-0 t-1".to_string()));
        assert_eq!(test.ask(), format!("epoch 0 {ALL} owns []"));
        // That it is fenced when it joins is tried again, later.
        test.refuse(error);
        assert_eq!(test.ask(), "");
        // While it gives back, or leaves.
        let mut test = seated(ONE);
        test.member.leave(Departure::AsMember);
        assert_eq!(test.hear(), "revoked t-0 t-1");
        test.wait(5_000);
        assert_eq!(test.ask(), "epoch 2");
        test.refuse(error);
        test.member.revoked_done();
        assert_eq!((test.hear(), test.ask(), test.member.standing()), ("lost t-0 t-1".to_string(), String::new(), Standing::Outside));
    }
}

#[test]
fn a_coordinator_that_has_moved_or_is_loading_is_asked_again_and_told_everything() {
    let mut test = seated(ONE);
    test.wait(5_000);
    test.ask();
    test.refuse(MemberError::NotCoordinator);
    assert_eq!(test.ask(), "");
    test.wait(120);
    test.find();
    assert_eq!(test.ask(), format!("epoch 2 {ALL} owns [t-0 t-1]"));
    test.refuse(MemberError::CoordinatorLoadInProgress);
    test.wait(240);
    assert_eq!(test.ask(), format!("epoch 2 {ALL} owns [t-0 t-1]"));
    // A late answer to what was given up means nothing.
    let lost = test.id.unwrap();
    test.member.on_lost(Instant(test.now), lost);
    test.member.on_reply(Instant(test.now), lost, Reply::ConsumerGroupHeartbeat(Err(MemberError::UnknownMemberId)));
    assert_eq!(test.hear(), "");
    test.wait(480);
    test.find();
    test.ask();
    test.told(2, Some(&[(T, 0), (T, 1)]));
    assert_eq!((test.hear(), test.ask()), (String::new(), "epoch 2 owns [t-0 t-1]".to_string()));
    // That a topic may not be read may change.
    test.refuse(MemberError::TopicAuthorizationFailed);
    assert_eq!((test.hear(), test.hear()), ("refused TopicAuthorizationFailed".to_string(), String::new()));
    test.wait(1_000);
    assert!(test.ask().starts_with("epoch 2"));
}

#[test]
fn whoever_leaves_gives_back_first_and_says_for_how_long() {
    let fixed = Identity { group_instance_id: Some("one"), ..ONE };
    let cases = [
        (ONE, Departure::AsMember, "epoch -1"),
        (ONE, Departure::ForGood, "epoch -1"),
        (ONE, Departure::Silently, ""),
        (fixed, Departure::AsMember, "epoch -2 as one"),
        (fixed, Departure::ForGood, "epoch -1 as one"),
        (fixed, Departure::Silently, "epoch -2 as one"),
    ];
    for (identity, departure, asks) in cases {
        let mut test = seated(identity);
        test.member.leave(departure);
        assert_eq!((test.hear(), test.ask()), ("revoked t-0 t-1".to_string(), String::new()));
        test.member.revoked_done();
        assert_eq!(test.ask(), asks);
        if !asks.is_empty() {
            test.refuse(MemberError::UnknownMemberId);
        }
        assert_eq!((test.member.standing(), test.hear(), test.member.poll_timeout()), (Standing::Outside, String::new(), None));
        // It may come back.
        test.member.subscribe(Instant(test.now), &["t"]).unwrap();
        assert!(test.ask().starts_with("epoch 0"));
    }
    // One that was never heard of has nothing to say.
    let mut test = Test::new(ONE);
    test.member.leave(Departure::AsMember);
    assert_eq!((test.ask(), test.member.standing()), (String::new(), Standing::Outside));
}

#[test]
fn an_application_that_does_not_poll_is_out_until_it_does() {
    let mut test = seated(ONE);
    test.wait(299_999);
    assert_eq!(test.ask(), "epoch 2");
    test.told(2, None);
    test.wait(1);
    assert_eq!((test.ask(), test.hear()), ("epoch -1".to_string(), "lost t-0 t-1".to_string()));
    test.told(-1, None);
    assert_eq!((test.member.standing(), test.ask()), (Standing::Stale, String::new()));
    test.member.poll(Instant(test.now));
    assert_eq!(test.ask(), format!("epoch 0 {ALL} owns []"));
}

/// What the member does then: at once, and a second later.
fn answer(joins: bool, error: MemberError) -> String {
    let mut test = if joins { Test::new(ONE) } else { seated(ONE) };
    test.wait(if joins { 0 } else { 5_000 });
    test.ask();
    test.refuse(error);
    let told = test.hear();
    let told = if told.is_empty() { told } else { format!("{told}, ") };
    let at_once = test.ask();
    if !at_once.is_empty() {
        return format!("{told}{at_once}");
    }
    test.wait(1_000);
    match test.member.standing() {
        Standing::Outside => format!("{told}{}", test.hear()),
        _ => format!("{told}later {}", test.ask()),
    }
}

/// Source: `AbstractHeartbeatRequestManager.onErrorResponse`, `ConsumerHeartbeatRequestManager.handleSpecificExceptionInResponse`.
#[test]
fn every_refusal_has_its_meaning() {
    use MemberError as E;
    let joining = format!("epoch 0 {ALL} owns []");
    for joins in [true, false] {
        let all = if joins { joining.clone() } else { format!("epoch 2 {ALL} owns [t-0 t-1]") };
        for error in [E::NotCoordinator, E::CoordinatorNotAvailable] {
            assert_eq!(answer(joins, error), "later find g", "{error:?}");
        }
        for error in [E::CoordinatorLoadInProgress, E::Retriable] {
            assert_eq!(answer(joins, error), format!("later {all}"), "{error:?}");
        }
        assert_eq!(answer(joins, E::TopicAuthorizationFailed), format!("refused TopicAuthorizationFailed, later {all}"));
        for error in [E::FencedMemberEpoch, E::UnknownMemberId] {
            let begins_anew = if joins { format!("later {joining}") } else { format!("lost t-0 t-1, {joining}") };
            assert_eq!(answer(joins, error), begins_anew, "{error:?}");
        }
        let fatal = [
            E::RebalanceInProgress,
            E::IllegalGeneration,
            E::FencedInstanceId,
            E::UnreleasedInstanceId,
            E::InconsistentGroupProtocol,
            E::InvalidSessionTimeout,
            E::InvalidGroupId,
            E::GroupIdNotFound,
            E::GroupMaxSizeReached,
            E::GroupAuthorizationFailed,
            E::UnsupportedAssignor,
            E::UnsupportedVersion,
            E::InvalidRequest,
            E::InvalidRegularExpression,
            E::Unexpected,
        ];
        for error in fatal {
            let failed = format!("failed Refused({error:?})");
            let told = if joins { format!("{failed}, ") } else { format!("lost t-0 t-1, {failed}") };
            assert_eq!(answer(joins, error), told);
        }
    }
}

#[test]
fn a_static_member_takes_back_what_an_earlier_life_of_it_may_have_said() {
    let mut test = Test::new(Identity { group_instance_id: Some("one"), ..ONE });
    let all = "rack r timeout 300000ms topics [\"t\"] pattern \"\" uniform owns []";
    assert_eq!(test.ask(), format!("epoch 0 as one {all}"));
}

#[test]
fn whoever_leaves_does_not_wait_for_an_answer_first() {
    let mut test = seated(ONE);
    test.wait(5_000);
    assert_eq!(test.ask(), "epoch 2");
    let late = test.id.unwrap();
    test.member.leave(Departure::AsMember);
    assert_eq!(test.hear(), "revoked t-0 t-1");
    test.member.revoked_done();
    assert_eq!(test.ask(), "epoch -1");
    test.member.on_reply(Instant(test.now), late, Reply::ConsumerGroupHeartbeat(Err(MemberError::Unexpected)));
    assert_eq!((test.hear(), test.member.standing()), (String::new(), Standing::Leaving));
    test.told(-1, None);
    assert_eq!(test.member.standing(), Standing::Outside);
}

#[test]
fn whoever_leaves_takes_up_nothing_any_more() {
    let mut test = seated(ONE);
    test.member.leave(Departure::AsMember);
    assert_eq!(test.hear(), "revoked t-0 t-1");
    test.wait(5_000);
    assert_eq!(test.ask(), "epoch 2");
    // Not even what would be too much.
    test.told(3, Some(&[0, 1, 2, 3, 4, 5, 6].map(|index| (T, index))));
    assert_eq!((test.ask(), test.hear(), test.member.standing()), (String::new(), String::new(), Standing::Leaving));
    test.member.revoked_done();
    assert_eq!(test.ask(), "epoch -1");
    test.told(-1, None);
    assert_eq!((test.hear(), test.member.standing()), (String::new(), Standing::Outside));
}

#[test]
fn an_answer_for_somebody_who_leaves_means_nothing_to_whoever_stays() {
    let mut test = seated(ONE);
    test.wait(5_000);
    assert_eq!(test.ask(), "epoch 2");
    test.told(-1, Some(&[]));
    assert_eq!((test.ask(), test.hear(), test.member.member_epoch()), (String::new(), String::new(), Some(MemberEpoch(2))));
    test.wait(5_000);
    assert_eq!(test.ask(), format!("epoch 2 {ALL} owns [t-0 t-1]"));
}

#[test]
fn who_subscribes_on_the_way_out_has_its_patience_from_then_on() {
    let mut test = seated(ONE);
    test.member.leave(Departure::AsMember);
    assert_eq!(test.hear(), "revoked t-0 t-1");
    test.wait(400_000);
    test.member.subscribe(Instant(test.now), &["t"]).unwrap();
    test.member.revoked_done();
    assert_eq!(test.ask(), "epoch -1");
    test.told(-1, None);
    assert_eq!(test.ask(), format!("epoch 0 {ALL} owns []"));
}

#[test]
fn what_will_not_pass_ends_the_membership() {
    let errors = [
        MemberError::UnreleasedInstanceId,
        MemberError::FencedInstanceId,
        MemberError::UnsupportedAssignor,
        MemberError::UnsupportedVersion,
        MemberError::GroupMaxSizeReached,
        MemberError::InvalidRegularExpression,
        MemberError::GroupIdNotFound,
        MemberError::Unexpected,
    ];
    for error in errors {
        let mut test = seated(ONE);
        test.wait(5_000);
        test.ask();
        test.refuse(error);
        assert_eq!((test.hear(), test.hear()), ("lost t-0 t-1".to_string(), format!("failed Refused({error:?})")));
        assert_eq!((test.hear(), test.ask(), test.member.poll_timeout()), (String::new(), String::new(), None));
        assert_eq!(test.member.standing(), Standing::Outside);
    }
    // More than it can hold: it leaves, and says why.
    let mut test = seated(ONE);
    test.wait(5_000);
    test.ask();
    test.told(3, Some(&[0, 1, 2, 3, 4, 5, 6].map(|index| (T, index))));
    assert_eq!((test.ask(), test.hear()), ("epoch -1".to_string(), "lost t-0 t-1".to_string()));
    test.told(-1, None);
    assert_eq!(test.hear(), "failed Full");
    let many = ["a", "b", "c", "d", "e"];
    assert_eq!(test.member.subscribe(Instant(test.now), &many), Err(Full));
}

#[test]
fn a_member_lives_in_lent_memory() {
    let (mut bytes, mut spans, mut free) =
        (heapless::Vec::<u8, 60>::new(), heapless::Vec::<Span, 8>::new(), heapless::Vec::<u32, 8>::new());
    let (mut names, mut topics) = (heapless::Vec::<Text, 2>::new(), heapless::Vec::<Text, 2>::new());
    let mut ids = heapless::Vec::<(TopicId, Text), 2>::new();
    let [owned, target, moving] = &mut [(); 3].map(|()| heapless::Vec::<Held<TopicId>, 3>::new());
    let memory = ConsumerMemory {
        texts: ByteHeap::lent(List::lent(&mut bytes), List::lent(&mut spans), List::lent(&mut free)),
        names: List::lent(&mut names),
        ids: List::lent(&mut ids),
        topics: List::lent(&mut topics),
        owned: List::lent(owned),
        target: List::lent(target),
        moving: List::lent(moving),
    };
    let mut member = ConsumerMember::new(ONE, ConsumerConfig::default(), memory).unwrap();
    member.subscribe(Instant(0), &["t", "u"]).unwrap();
    let id = member.poll_request(Instant(0)).unwrap().id;
    member.on_reply(Instant(0), id, Reply::FindCoordinator(Ok(())));
    for epoch in 1..50 {
        let asked = member.poll_request(Instant(0)).unwrap();
        let (id, topic) = (asked.id, if epoch % 2 == 0 { T } else { U });
        let show = |see: &mut dyn FnMut(TopicId, PartitionIndex)| (0..3).for_each(|index| see(topic, PartitionIndex(index)));
        let heard = Heard { member_epoch: MemberEpoch(epoch), heartbeat_interval: Millis(1), assignment: Some(&show) };
        member.on_reply(Instant(0), id, Reply::ConsumerGroupHeartbeat(Ok(heard)));
        if epoch > 1 {
            assert!(matches!(member.poll_event(), Some(Event::Revoked(_))), "{member:?}");
            member.revoked_done();
        }
        while let Some(asked) = member.poll_request(Instant(0)) {
            let (id, asks_names) = (asked.id, matches!(asked.request, Request::TopicNames { .. }));
            if asks_names {
                member.names_known(Instant(0), id, &[(topic, if topic == T { "t" } else { "u" })]);
            } else {
                let heard = Heard { member_epoch: MemberEpoch(epoch), heartbeat_interval: Millis(1), assignment: None };
                member.on_reply(Instant(0), id, Reply::ConsumerGroupHeartbeat(Ok(heard)));
            }
        }
        let Some(Event::Assigned(held)) = member.poll_event() else { panic!("{member:?}") };
        assert_eq!((held.len(), held.iter().all(|held| held.topic_id == topic)), (3, true));
    }
}
