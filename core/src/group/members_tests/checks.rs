//! What must hold at any time, and what in the end.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::group::modern::target::ServerAssignor;
use crate::member::assignor::assignor::Assignor;
use crate::member::standing::Standing;

use super::Kind;
use super::client::{Client, PATIENCE};
use super::day::{Day, TOPICS};

impl Day {
    /// Nobody reads what another reads. Who is out does not count.
    pub(super) fn check_exclusive(&self) -> Result<(), String> {
        let reading = || self.clients.iter().enumerate().filter_map(|(at, client)| Some((at, client.as_ref()?)));
        // Mostly nobody does, and it need not be asked who is out.
        let all = reading().fold(0, |all, (_, client)| all | client.marks);
        let sum: u32 = reading().map(|(_, client)| client.marks.count_ones()).sum();
        if all.count_ones() == sum {
            return Ok(());
        }
        let mut read: BTreeMap<&(String, i32), usize> = BTreeMap::new();
        for (at, client) in reading().filter(|(_, client)| self.server.counts(client)) {
            for held in &client.reads {
                if let Some(other) = read.insert(held, at) {
                    return Err(alloc::format!("at {}: {held:?} is read by {other} and {at}", self.now));
                }
            }
        }
        Ok(())
    }

    /// Whoever does not poll is out, or on the way.
    pub(super) fn check_patience(&self) -> Result<(), String> {
        for client in self.clients.iter().flatten().filter(|client| self.now > client.last_poll + PATIENCE.0) {
            match client.standing() {
                Standing::Seated | Standing::Rebalancing => {
                    return Err(alloc::format!("at {}: who does not poll is still a member: {client:?}", self.now));
                }
                Standing::Outside | Standing::Stale | Standing::Leaving => {}
            }
        }
        Ok(())
    }

    /// What a client wants to read.
    fn wants(&self, client: &Client, topic: &str) -> bool {
        if client.by_pattern {
            client.subscription.iter().any(|start| topic.starts_with(start.as_str()))
        } else {
            client.subscription.contains(topic)
        }
    }

    /// All is read, by those who want to, once each, and in balance.
    pub(super) fn check_rest(&self) -> Result<(), String> {
        let clients: Vec<(usize, &Client)> = self
            .clients
            .iter()
            .enumerate()
            .filter_map(|(at, client)| Some((at, client.as_ref()?)))
            .filter(|(_, client)| !client.leaves)
            .collect();
        for (at, client) in &clients {
            if client.standing() != Standing::Seated {
                return Err(alloc::format!("client {at} is not seated: {client:?}"));
            }
            if let Some((topic, _)) = client.reads.iter().find(|(topic, _)| !self.wants(client, topic)) {
                return Err(alloc::format!("client {at} reads {topic}"));
            }
        }
        let mut missing = Vec::new();
        for (topic, count) in &self.server.topics.topics {
            if clients.iter().any(|(_, client)| self.wants(client, topic)) {
                let all = (0..i32::try_from(*count).unwrap()).map(|index| (topic.clone(), index));
                missing.extend(all.filter(|held| !clients.iter().any(|(_, client)| client.reads.contains(held))));
            }
        }
        if !missing.is_empty() {
            return Err(alloc::format!("nobody reads {missing:?}"));
        }
        self.check_balance(&clients)
    }

    fn check_balance(&self, clients: &[(usize, &Client)]) -> Result<(), String> {
        let are_alike =
            clients.iter().all(|(_, client)| TOPICS.iter().all(|topic| self.wants(client, topic) == self.wants(clients[0].1, topic)));
        let spread = |sizes: Vec<usize>| sizes.iter().max().unwrap_or(&0) - sizes.iter().min().unwrap_or(&0);
        let by_topic = match self.kind {
            _ if self.server.is_modern() => matches!(self.kind, Kind::Modern(ServerAssignor::Range)),
            Kind::Classic(assignor) | Kind::Mixed(assignor) => assignor == Assignor::Range,
            Kind::Modern(assignor) => assignor == ServerAssignor::Range,
        };
        // Whoever offers several may find that another one is preferred.
        let is_known = self.server.is_modern() || clients.iter().all(|(_, client)| client.offers_one);
        if !is_known {
            return Ok(());
        }
        if by_topic {
            for topic in TOPICS {
                let those = clients.iter().filter(|(_, client)| self.wants(client, topic));
                let sizes = those.map(|(_, client)| client.reads.iter().filter(|(it, _)| it == topic).count()).collect();
                if spread(sizes) > 1 {
                    return Err(alloc::format!("{topic} is not balanced"));
                }
            }
        } else if are_alike && spread(clients.iter().map(|(_, client)| client.reads.len()).collect()) > 1 {
            return Err("the group is not balanced".to_string());
        }
        Ok(())
    }
}
