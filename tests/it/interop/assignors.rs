//! Java's own assignors on thousands of groups, beside ours: equal where Java's result is determined, as good where it is not.

use std::fs::{self, File};
use std::process::{Command, Stdio};

use millpond_tests::assignors::answer::{Parts, loads};
use millpond_tests::assignors::scenario::{Scenario, Side};
use millpond_tests::random::Random;
use millpond_tests::toolbox::{run_command, tools_dir, workspace_dir};

use super::java::jars_or_skip;

/// How many groups there are of each side.
const GROUPS: u64 = 3_000;
const CLIENT: &[&str] = &["range", "roundrobin", "sticky", "cooperative-sticky"];
const SERVER: &[&str] = &["server-range", "server-uniform", "server-simple"];

/// A group, the seed that it comes from, and what an assignor of Java's and ours made of it.
struct Answered<'s> {
    seed: u64,
    scenario: &'s Scenario,
    assignor: &'s str,
    java: Result<Parts, String>,
    ours: Parts,
}

impl Answered<'_> {
    fn told(&self) -> String {
        format!("seed {}\n{}ours {:?}\njava {:?}", self.seed, self.scenario.text(&[self.assignor]), self.ours, self.java)
    }

    /// How uneven an answer is: the sum of the squares of loads.
    fn unevenness(parts: &Parts) -> usize {
        loads(parts).iter().map(|load| load * load).sum()
    }
}

/// Asks both for everything, and lets `check` look at each answer.
fn ask_both(test: &str, side: Side, asked: &[&str], mut check: impl FnMut(&Answered<'_>)) {
    let Some(jars) = jars_or_skip(test) else { return };
    let seeds = 1..=GROUPS;
    let scenarios: Vec<Scenario> = seeds.clone().map(|seed| Scenario::random(&mut Random::new(seed), side)).collect();
    let text: String = scenarios.iter().map(|scenario| scenario.text(asked)).collect();
    let file = tools_dir().join(format!("assignors-{side:?}.txt"));
    fs::write(&file, text).expect("the tools' folder can be written");
    let mut java = Command::new("timeout");
    java.args(["300", "java", "-Xshare:auto", "-Dorg.slf4j.simpleLogger.defaultLogLevel=off", "-cp"]).arg(jars.join("*"));
    java.arg(workspace_dir().join("tests/interop/java/Assignors.java")).stdin(Stdio::from(File::open(file).expect("it was just written")));
    let said = run_command(&mut java).unwrap_or_else(|message| panic!("{message}"));
    let mut lines = said.lines();
    for (seed, scenario) in seeds.zip(&scenarios) {
        for assignor in asked {
            let line = lines.next().unwrap_or("Java has said no more");
            let java = scenario.read(line);
            let ours = scenario.ours(assignor).unwrap_or_else(|error| panic!("seed {seed}, {assignor}: {error}"));
            check(&Answered { seed, scenario, assignor, java, ours });
        }
    }
    assert_eq!(lines.next(), None, "Java has said more than it was asked");
}

#[test]
fn leaders_divide_partitions_as_leaders_in_java_do() {
    let (mut equal, mut misled) = (0, 0);
    ask_both("assignors of the client", Side::Client, CLIENT, |answered| {
        let takers = answered.scenario.takers(&answered.ours);
        assert!(takers.is_ok_and(|takers| takers.iter().all(|takers| *takers <= 1)), "{}", answered.told());
        if answered.assignor.contains("sticky") && answered.scenario.misleads_java() {
            misled += 1;
            return;
        }
        assert!(answered.java.as_ref() == Ok(&answered.ours), "{}", answered.told());
        equal += 1;
    });
    println!("{equal} assignments of leaders are Java's, {misled} were not compared");
    // There are but few such groups, or the test says nothing.
    assert!(misled * 10 <= equal, "{misled} of {equal}");
}

#[test]
fn the_broker_divides_partitions_as_well_as_java_does() {
    let (mut equal, mut more_even, mut fewer_moves) = (0, 0, 0);
    let mut simple_moves = (0, 0);
    ask_both("assignors of the broker", Side::Server, SERVER, |answered| {
        let Ok(java) = &answered.java else { panic!("{}", answered.told()) };
        let (ours, scenario) = (&answered.ours, answered.scenario);
        let takers = scenario.takers(ours).unwrap_or_else(|wrong| panic!("{wrong}\n{}", answered.told()));
        let moves = (scenario.moves(ours), scenario.moves(java));
        equal += usize::from(ours == java);
        match answered.assignor {
            "server-range" => assert!(ours == java, "{}", answered.told()),
            "server-uniform" => {
                assert!(takers.iter().all(|takers| *takers <= 1), "{}", answered.told());
                let (even, even_in_java) = (Answered::unevenness(ours), Answered::unevenness(java));
                assert!(even <= even_in_java, "less even: {}", answered.told());
                more_even += usize::from(even < even_in_java);
                // A better balance may take more moves.
                assert!(even < even_in_java || moves.0 <= moves.1, "more moves: {}", answered.told());
                fewer_moves += usize::from(even == even_in_java && moves.0 < moves.1);
            }
            _ => {
                let least = |parts: &Parts| scenario.takers(parts).map(|takers| takers.into_iter().min());
                // Java lets a member go on reading what it no longer subscribes to.
                assert!(least(java).is_err() || least(ours) >= least(java), "fewer readers: {}", answered.told());
                simple_moves = (simple_moves.0 + moves.0, simple_moves.1 + moves.1);
            }
        }
    });
    println!("{equal} targets are Java's; uniform: {more_even} more even, {fewer_moves} with fewer moves; simple: {simple_moves:?} moves");
    assert!(simple_moves.0 <= simple_moves.1, "{simple_moves:?}");
}
