//! What a classic member makes of refusals: the whole table of who refuses and why; refused commits; and ways out that are crossed.

use alloc::format;
use alloc::string::{String, ToString};

use super::member_tests::{Test, seated};
use super::request::Reply;
use crate::ids::GenerationId;
use crate::member::assignor::assignor::Assignor;
use crate::member::error::MemberError;
use crate::member::standing::{Departure, Standing};
use crate::time::Instant;

const ERRORS: [MemberError; 22] = [
    MemberError::CoordinatorLoadInProgress,
    MemberError::CoordinatorNotAvailable,
    MemberError::NotCoordinator,
    MemberError::RebalanceInProgress,
    MemberError::UnknownMemberId,
    MemberError::IllegalGeneration,
    MemberError::FencedInstanceId,
    MemberError::FencedMemberEpoch,
    MemberError::UnreleasedInstanceId,
    MemberError::InconsistentGroupProtocol,
    MemberError::InvalidSessionTimeout,
    MemberError::InvalidGroupId,
    MemberError::GroupIdNotFound,
    MemberError::GroupMaxSizeReached,
    MemberError::GroupAuthorizationFailed,
    MemberError::TopicAuthorizationFailed,
    MemberError::UnsupportedAssignor,
    MemberError::UnsupportedVersion,
    MemberError::InvalidRequest,
    MemberError::InvalidRegularExpression,
    MemberError::Retriable,
    MemberError::Unexpected,
];

/// A request, as far as a refusal goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asks {
    Join,
    Sync,
    Heartbeat,
    Leave,
}

/// A cooperative member that has asked, and holds `t-0 t-1` of generation 1 meanwhile.
fn asking(asks: Asks) -> Test {
    let mut test = seated(Assignor::CooperativeSticky);
    if asks == Asks::Leave {
        test.member.leave(Departure::AsMember);
        test.hear();
        test.member.revoked_done();
        test.ask();
        return test;
    }
    test.wait(3_000);
    test.ask();
    if asks == Asks::Heartbeat {
        return test;
    }
    test.reply(Reply::Heartbeat(Err(MemberError::RebalanceInProgress)));
    test.ask();
    if asks == Asks::Sync {
        test.joined(2, "cooperative-sticky", &[], false);
        test.ask();
    }
    test
}

/// What the member does then: at once, and a second later.
fn answer(asks: Asks, error: MemberError) -> String {
    let mut test = asking(asks);
    test.reply(match asks {
        Asks::Join => Reply::JoinGroup(Err(error)),
        Asks::Sync => Reply::SyncGroup(Err(error)),
        Asks::Heartbeat => Reply::Heartbeat(Err(error)),
        Asks::Leave => Reply::LeaveGroup(Err(error)),
    });
    let told = test.hear();
    let told = if told.is_empty() { told } else { format!("{told}, ") };
    let at_once = test.ask();
    if !at_once.is_empty() {
        return format!("{told}{at_once}");
    }
    test.wait(1_000);
    test.member.poll(Instant(test.now));
    match test.member.standing() {
        Standing::Outside => format!("{told}{}", if asks == Asks::Leave { "out".to_string() } else { test.hear() }),
        _ => format!("{told}later {}", test.ask()),
    }
}

/// Source: `AbstractCoordinator`, the handlers of the responses.
fn expected(asks: Asks, error: MemberError) -> String {
    let join = |member: &str, owns: &str| format!("join {member:?} cooperative-sticky: t owns {owns}");
    let again = match asks {
        Asks::Join => join("me", "[t-0 t-1] of 1"),
        Asks::Sync => "sync 2 cooperative-sticky 0".to_string(),
        Asks::Heartbeat => "heartbeat 1".to_string(),
        // Whoever leaves has left, whatever is said to that.
        Asks::Leave => return "out".to_string(),
    };
    // Who is refused while it joins does not come back at once.
    let pause = if asks == Asks::Join { "later " } else { "" };
    match error {
        MemberError::NotCoordinator | MemberError::CoordinatorNotAvailable => "later find g".to_string(),
        MemberError::CoordinatorLoadInProgress | MemberError::Retriable => format!("later {again}"),
        MemberError::RebalanceInProgress => match asks {
            Asks::Join => format!("later {again}"),
            Asks::Sync => join("me", "[t-0 t-1] of 2"),
            Asks::Heartbeat | Asks::Leave => join("me", "[t-0 t-1] of 1"),
        },
        MemberError::UnknownMemberId => format!("lost t-0 t-1, {pause}{}", join("", "[] of -1")),
        MemberError::IllegalGeneration => format!("lost t-0 t-1, {pause}{}", join("me", "[] of -1")),
        error => format!("lost t-0 t-1, failed Refused({error:?})"),
    }
}

#[test]
fn every_refusal_of_every_request_has_its_meaning() {
    for asks in [Asks::Join, Asks::Sync, Asks::Heartbeat, Asks::Leave] {
        for error in ERRORS {
            assert_eq!(answer(asks, error), expected(asks, error), "{asks:?} refused with {error:?}");
        }
    }
}

#[test]
fn who_is_not_told_where_the_coordinator_is_asks_again_or_gives_up() {
    for error in ERRORS {
        let mut test = Test::new(&[Assignor::Range]);
        assert_eq!(test.ask(), "find g");
        test.reply(Reply::FindCoordinator(Err(error)));
        match error {
            MemberError::CoordinatorLoadInProgress
            | MemberError::CoordinatorNotAvailable
            | MemberError::NotCoordinator
            | MemberError::RebalanceInProgress
            | MemberError::Retriable => {
                assert_eq!((test.ask(), test.hear()), (String::new(), String::new()), "{error:?}");
                test.wait(1_000);
                assert_eq!(test.ask(), "find g", "{error:?}");
            }
            // Nobody refuses so who knows of no member.
            MemberError::UnknownMemberId | MemberError::IllegalGeneration => {}
            error => assert_eq!((test.ask(), test.hear()), (String::new(), format!("failed Refused({error:?})"))),
        }
    }
}

#[test]
fn a_refused_commit_tells_of_the_seat() {
    for error in ERRORS {
        let mut test = seated(Assignor::CooperativeSticky);
        // Of another time.
        test.member.commit_refused(GenerationId(0), error);
        assert_eq!((test.hear(), test.ask(), test.member.standing()), (String::new(), String::new(), Standing::Seated));
        // A heartbeat is under way: what is answered to it means nothing to whoever has begun anew.
        test.wait(3_000);
        assert_eq!(test.ask(), "heartbeat 1");
        test.member.commit_refused(GenerationId(1), error);
        let told = match error {
            MemberError::UnknownMemberId => ("lost t-0 t-1", "join \"\" cooperative-sticky: t owns [] of -1"),
            MemberError::IllegalGeneration => ("lost t-0 t-1", "join \"me\" cooperative-sticky: t owns [] of -1"),
            _ => ("", ""),
        };
        assert_eq!((&*test.hear(), &*test.ask()), told, "{error:?}");
        if told.0.is_empty() {
            test.reply(Reply::Heartbeat(Ok(())));
            let asks = if error == MemberError::RebalanceInProgress { "join \"me\" cooperative-sticky: t owns [t-0 t-1] of 1" } else { "" };
            assert_eq!(test.ask(), asks, "{error:?}");
        }
        if matches!(error, MemberError::NotCoordinator | MemberError::CoordinatorNotAvailable) {
            test.wait(3_000);
            assert_eq!(test.ask(), "find g");
        }
    }
    // While the group comes together anyway that is no news.
    let mut test = asking(Asks::Sync);
    test.member.commit_refused(GenerationId(2), MemberError::RebalanceInProgress);
    test.synced(&[("t", &[0, 1])]);
    assert_eq!((test.hear(), test.ask(), test.member.standing()), (String::new(), String::new(), Standing::Seated));
    // Whoever has no seat commits in no generation.
    let mut test = Test::new(&[Assignor::Range]);
    test.member.commit_refused(GenerationId(-1), MemberError::UnknownMemberId);
    assert_eq!((test.hear(), test.ask()), (String::new(), "find g".to_string()));
}

#[test]
fn kip568_whoever_is_seated_may_call_the_group_together() {
    let mut test = seated(Assignor::Range);
    test.member.rejoin("somebody wants to");
    assert_eq!((test.hear(), test.ask()), ("revoked t-0 t-1".to_string(), String::new()));
    test.member.revoked_done();
    assert_eq!(test.ask(), "join \"me\" range: t owns [] of 1");
    // It comes together anyway.
    test.member.rejoin("somebody wants to");
    test.joined(2, "range", &[], false);
    test.member.rejoin("somebody wants to");
    assert_eq!(test.ask(), "sync 2 range 0");
    test.synced(&[("t", &[1])]);
    assert_eq!((test.hear(), test.ask(), test.member.standing()), ("assigned t-1".to_string(), String::new(), Standing::Seated));
}

#[test]
fn who_subscribes_on_the_way_out_has_its_patience_from_then_on() {
    let mut test = seated(Assignor::Range);
    test.member.leave(Departure::AsMember);
    assert_eq!(test.hear(), "revoked t-0 t-1");
    test.wait(400_000);
    test.member.subscribe(Instant(test.now), &["t"]).unwrap();
    test.member.revoked_done();
    assert_eq!((test.member.standing(), test.member.poll_timeout().is_some()), (Standing::Leaving, true));
    assert_eq!(test.ask(), "leave \"me\" None");
    test.reply(Reply::LeaveGroup(Ok(())));
    assert_eq!(test.ask(), "join \"\" range: t owns [] of -1");
}

#[test]
fn who_was_on_the_way_out_for_too_long_does_not_come_back_before_the_application_polls() {
    let mut test = seated(Assignor::Range);
    test.member.leave(Departure::AsMember);
    assert_eq!(test.hear(), "revoked t-0 t-1");
    test.member.subscribe(Instant(test.now), &["t"]).unwrap();
    // Nothing is heard of the group, nor of the application.
    test.wait(300_000);
    assert_eq!((test.ask(), test.member.standing()), (String::new(), Standing::Stale));
    assert_eq!((test.hear(), test.member.poll_timeout()), ("lost t-0 t-1".to_string(), None));
    test.member.poll(Instant(test.now));
    assert_eq!((test.ask(), test.member.standing()), ("find g".to_string(), Standing::Rebalancing));
}

#[test]
fn while_the_group_waits_for_its_members_no_session_ends() {
    for asks in [Asks::Join, Asks::Sync] {
        let mut test = asking(asks);
        test.wait(100_000);
        test.member.poll(Instant(test.now));
        assert_eq!((test.ask(), test.hear(), test.member.standing()), (String::new(), String::new(), Standing::Rebalancing), "{asks:?}");
        // From the answer on it counts.
        if asks == Asks::Join {
            test.joined(2, "cooperative-sticky", &[], false);
            assert_eq!(test.ask(), "sync 2 cooperative-sticky 0");
            test.wait(100_000);
        }
        test.synced(&[("t", &[0, 1])]);
        test.wait(3_000);
        test.member.poll(Instant(test.now));
        assert_eq!((test.ask(), test.hear()), ("heartbeat 2".to_string(), String::new()), "{asks:?}");
    }
}

#[test]
fn what_a_repeated_join_says_need_not_be_said_once_more() {
    let mut test = Test::new(&[Assignor::Range]);
    test.find();
    assert_eq!(test.ask(), "join \"\" range: t owns [] of -1");
    test.member.subscribe(Instant(test.now), &["u"]).unwrap();
    test.member.on_lost(Instant(test.now), test.id.unwrap());
    test.wait(200);
    test.find();
    assert_eq!(test.ask(), "join \"\" range: u owns [] of -1");
    test.joined(1, "range", &[], false);
    assert_eq!(test.ask(), "sync 1 range 0");
    test.synced(&[("u", &[0])]);
    assert_eq!((test.hear(), test.ask(), test.member.standing()), ("assigned u-0".to_string(), String::new(), Standing::Seated));
    // What it says while its join is under way, it says with the next one.
    let mut test = Test::new(&[Assignor::Range]);
    test.find();
    test.ask();
    test.member.subscribe(Instant(test.now), &["t", "u"]).unwrap();
    test.joined(1, "range", &[], false);
    test.ask();
    test.synced(&[("t", &[0])]);
    assert_eq!((test.hear(), test.hear()), ("assigned t-0".to_string(), "revoked t-0".to_string()));
    test.member.revoked_done();
    assert_eq!(test.ask(), "join \"me\" range: t u owns [] of 1");
}

#[test]
fn whoever_leaves_does_not_wait_until_the_group_has_come_together() {
    for asks in [Asks::Join, Asks::Sync, Asks::Heartbeat] {
        let mut test = asking(asks);
        let late = test.id.unwrap();
        test.member.leave(Departure::AsMember);
        assert_eq!(test.hear(), "revoked t-0 t-1");
        test.member.revoked_done();
        assert_eq!(test.ask(), "leave \"me\" None", "{asks:?}");
        // What comes of the other request means nothing any more.
        test.member.on_reply(Instant(test.now), late, Reply::Heartbeat(Ok(())));
        test.reply(Reply::LeaveGroup(Ok(())));
        assert_eq!((test.ask(), test.hear(), test.member.standing()), (String::new(), String::new(), Standing::Outside));
    }
}
