//! The table of states: what each state answers to each request of a member that is known, and which state comes of it.
//! The table itself stands in the documentation of `millpond_core::group::classic::state`.

use millpond_tests::trace::{grown_memory, play};

/// How a group gets into each state. Its members are m1, which leads, and m2, both of generation 1.
const STATES: [(&str, &str); 4] =
    [("Empty", "a: leave g m1 m2\n"), ("PreparingRebalance", "c: join g direct\n"), ("CompletingRebalance", ""), ("Stable", "")];

const BEFORE: &str = "t=0 a: join g direct\nb: join g direct\nt=6s\n";
const ASSIGNED: &str = "b: sync g member=m2 generation=1\na: sync g member=m1 generation=1 assign=m1:x,m2:y\n";

/// What is asked, and for each state what is answered and which state follows.
type Row = (&'static str, [(&'static str, &'static str); 4]);

const EMPTY: &str = "Empty";
const PREPARING: &str = "PreparingRebalance";
const COMPLETING: &str = "CompletingRebalance";
const STABLE: &str = "Stable";
const UNKNOWN: (&str, &str) = ("UNKNOWN_MEMBER_ID", EMPTY);

const TABLE: [Row; 17] = [
    ("join g direct", [("parked", PREPARING), ("parked", PREPARING), ("parked", PREPARING), ("parked", PREPARING)]),
    (
        "join g",
        [
            ("MEMBER_ID_REQUIRED", EMPTY),
            ("MEMBER_ID_REQUIRED", PREPARING),
            ("MEMBER_ID_REQUIRED", COMPLETING),
            ("MEMBER_ID_REQUIRED", STABLE),
        ],
    ),
    ("join g instance=i", [("parked", PREPARING), ("parked", PREPARING), ("parked", PREPARING), ("parked", PREPARING)]),
    ("join g member=m1", [UNKNOWN, ("parked", PREPARING), ("joined", COMPLETING), ("parked", PREPARING)]),
    ("join g member=m1 protocols=range(u)", [UNKNOWN, ("parked", PREPARING), ("parked", PREPARING), ("parked", PREPARING)]),
    ("join g member=m2", [UNKNOWN, ("parked", PREPARING), ("joined", COMPLETING), ("joined", STABLE)]),
    ("join g member=m2 protocols=range(u)", [UNKNOWN, ("parked", PREPARING), ("parked", PREPARING), ("parked", PREPARING)]),
    (
        "join g member=m2 protocols=other",
        [
            UNKNOWN,
            ("INCONSISTENT_GROUP_PROTOCOL", PREPARING),
            ("INCONSISTENT_GROUP_PROTOCOL", COMPLETING),
            ("INCONSISTENT_GROUP_PROTOCOL", STABLE),
        ],
    ),
    ("sync g member=m1 generation=1 assign=m1:x", [UNKNOWN, ("REBALANCE_IN_PROGRESS", PREPARING), ("synced", STABLE), ("synced", STABLE)]),
    ("sync g member=m2 generation=1", [UNKNOWN, ("REBALANCE_IN_PROGRESS", PREPARING), ("parked", COMPLETING), ("synced", STABLE)]),
    (
        "sync g member=m2 generation=0",
        [UNKNOWN, ("ILLEGAL_GENERATION", PREPARING), ("ILLEGAL_GENERATION", COMPLETING), ("ILLEGAL_GENERATION", STABLE)],
    ),
    ("heartbeat g member=m2 generation=1", [UNKNOWN, ("REBALANCE_IN_PROGRESS", PREPARING), ("NONE", COMPLETING), ("NONE", STABLE)]),
    (
        "heartbeat g member=m2 generation=2",
        [UNKNOWN, ("ILLEGAL_GENERATION", PREPARING), ("ILLEGAL_GENERATION", COMPLETING), ("ILLEGAL_GENERATION", STABLE)],
    ),
    ("leave g m1", [UNKNOWN, ("NONE", PREPARING), ("NONE", PREPARING), ("NONE", PREPARING)]),
    ("commit g member=m2 generation=1 t-0=1", [UNKNOWN, ("NONE", PREPARING), ("REBALANCE_IN_PROGRESS", COMPLETING), ("NONE", STABLE)]),
    (
        "commit g t-0=1",
        [("NONE", EMPTY), ("UNKNOWN_MEMBER_ID", PREPARING), ("UNKNOWN_MEMBER_ID", COMPLETING), ("UNKNOWN_MEMBER_ID", STABLE)],
    ),
    ("delete-group g", [("NONE", "Dead"), ("NON_EMPTY_GROUP", PREPARING), ("NON_EMPTY_GROUP", COMPLETING), ("NON_EMPTY_GROUP", STABLE)]),
];

#[test]
fn each_state_answers_each_request_as_the_table_says() {
    let mut differences = String::new();
    for (asked, answers) in TABLE {
        for ((state, arrive), (answer, next)) in STATES.into_iter().zip(answers) {
            let assigned = if state == COMPLETING { "" } else { ASSIGNED };
            let script = format!("{BEFORE}{assigned}{arrive}describe g\nx: {asked}\ndescribe g\n");
            let played = play(&script, grown_memory);
            let (arrived, after) = played.split_once("x: ").expect("the question is asked");
            assert!(arrived.lines().any(|line| line.starts_with(&format!("   group {state} "))), "the way to {state}:\n{played}");
            let found = after
                .lines()
                .find_map(|line| line.strip_prefix("   reply x: ").or_else(|| line.strip_prefix("   ").filter(|line| *line == "parked x")));
            let found = found.and_then(|line| line.split_whitespace().next()).unwrap_or("silence");
            let group = after.lines().find_map(|line| line.strip_prefix("   group ")).and_then(|line| line.split_whitespace().next());
            if (found, group) != (answer, Some(next)) {
                differences += &format!("{state}, {asked}: {found} and {group:?}, not {answer} and {next}\n");
            }
        }
    }
    assert!(differences.is_empty(), "{differences}");
}
