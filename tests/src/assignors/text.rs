//! A group as Java reads it, and what it answers: the lines of `tests/interop/java/Assignors.java`.

use core::fmt::{self, Write};

use super::answer::Parts;
use super::scenario::{Scenario, Subscriber};

impl Scenario {
    /// The group as text, and what is asked of it.
    #[must_use]
    pub fn text(&self, asked: &[&str]) -> String {
        let mut text = String::new();
        self.write(&mut text, "go", asked).expect("a string grows");
        text
    }

    /// Writes the group, and what is to be done with it: `go` or `bench`.
    ///
    /// # Errors
    /// What the writer says.
    pub fn write(&self, to: &mut impl Write, verb: &str, asked: &[&str]) -> fmt::Result {
        let rack = |rack: &u32| format!("rack-{rack}");
        let dash = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
        for topic in &self.topics {
            let racks = joined(topic.racks.iter().map(|racks| dash(&joined(racks.iter().map(rack), ","))), ";");
            writeln!(to, "topic {} {} {}", topic.name, topic.partition_count, dash(&racks))?;
        }
        for member in &self.members {
            let own = (0..).zip(&self.topics).filter(|(topic, _)| member.topics.contains(topic));
            let topics = joined(own.map(|(_, one)| one.name.clone()), ",");
            let mut owned = String::new();
            for (topic, one) in (0..).zip(&self.topics) {
                let indexes = member.owned.iter().filter(|(other, _)| *other == topic).map(|(_, index)| index.to_string());
                let indexes = joined(indexes, ".");
                if !indexes.is_empty() {
                    let comma = if owned.is_empty() { "" } else { "," };
                    write!(owned, "{comma}{}:{indexes}", one.name)?;
                }
            }
            let (instance, rack) = (member.instance.as_deref().unwrap_or_default(), member.rack.as_ref().map(rack).unwrap_or_default());
            writeln!(
                to,
                "member {} {} {} {} {} {}",
                member.id,
                dash(instance),
                dash(&rack),
                member.generation,
                dash(&topics),
                dash(&owned)
            )?;
        }
        writeln!(to, "{verb} {}", asked.join(" "))
    }

    /// Reads a line of Java's answers for this group.
    ///
    /// # Errors
    /// What Java's assignor threw, or the line itself when it cannot be read.
    pub fn read(&self, line: &str) -> Result<Parts, String> {
        let (_, answers) = line.split_once(' ').ok_or(line)?;
        let answers: Vec<&str> = answers.split(' ').collect();
        if answers.len() != self.members.len() {
            return Err(line.to_owned());
        }
        let one = |(member, answer): (&Subscriber, &&str)| {
            let own = answer.strip_prefix(&*member.id)?.strip_prefix('=')?;
            let mut partitions = Vec::new();
            for topic in own.split(',').filter(|topic| !topic.is_empty()) {
                let (name, indexes) = topic.split_once(':')?;
                let topic = self.topics.iter().position(|topic| topic.name == name)?;
                let first: u32 = self.topics.iter().take(topic).map(|topic| topic.partition_count).sum();
                for index in indexes.split('.') {
                    partitions.push(first + index.parse::<u32>().ok()?);
                }
            }
            partitions.sort_unstable();
            Some(partitions)
        };
        self.members.iter().zip(&answers).map(one).collect::<Option<Parts>>().ok_or_else(|| line.to_owned())
    }
}

fn joined(words: impl Iterator<Item = String>, by: &str) -> String {
    words.collect::<Vec<_>>().join(by)
}
