//! The table of keys: Kafka's names, defaults and rules, and where each value goes. Nothing else spells a key's name.
//!
//! A default that differs from Kafka's says why. A key whose doc begins with "No effect yet" is known, checked, kept and shown, so that
//! configurations of Kafka's can be used as they are; what it asks for is not done.

use alloc::string::{String, ToString};
use core::time::Duration;

use millpond_core::group::config::MigrationPolicy;
use millpond_core::ids::BrokerId;
use millpond_core::log::config::{LocalRetention, LogConfig};
use millpond_core::record::codec::Compression;
use millpond_core::record::validate::TimestampType;
use millpond_core::time::Millis;

use super::broker_config::BrokerConfig;
use super::groups::{GroupSettings, ShareReset};
use super::key::{Key, Kind, Parsed, Rule, Setter};

/// Finds a key by its name in a broker's configuration.
#[must_use]
pub fn broker_key(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| !key.name.is_empty() && key.name == name)
}

/// Finds a key by its name among a topic's settings.
#[must_use]
pub fn topic_key(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.topic_name == Some(name))
}

/// Finds a key by its name among a group's settings.
#[must_use]
pub fn group_key(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.group_name == Some(name))
}

const fn key(name: &'static str, kind: Kind, default: Option<&'static str>, rule: Rule, doc: &'static str) -> Key {
    Key { name, topic_name: None, group_name: None, kind, default, rule, dynamic: false, sensitive: false, doc, set: Setter::Kept }
}

impl Key {
    const fn broker(mut self, set: fn(&mut BrokerConfig, &Parsed<'_>)) -> Self {
        self.set = Setter::Broker(set);
        self
    }

    const fn log(mut self, set: fn(&mut LogConfig, &Parsed<'_>)) -> Self {
        self.set = Setter::Log(set);
        self
    }

    /// It can be changed while the broker runs, as Kafka can. Source: `DynamicBrokerConfig`.
    const fn dynamic(mut self) -> Self {
        self.dynamic = true;
        self
    }

    const fn of_groups(mut self, set: fn(&mut GroupSettings, &Parsed<'_>)) -> Self {
        self.set = Setter::Group(set);
        self
    }

    /// Groups have the key too, under this name, where it can be changed at any time.
    const fn group(mut self, name: &'static str) -> Self {
        self.group_name = Some(name);
        self
    }

    /// Topics have the key too, under this name, where it can be changed at any time.
    const fn topic(mut self, name: &'static str) -> Self {
        self.topic_name = Some(name);
        self.dynamic = true;
        self
    }
}

use Kind::{Boolean, Double, Int, List, Long, Short, String as Text};

const MAX_SHORT: i64 = 32_767;
const NO_LIMIT: &str = "9223372036854775807";

/// All keys.
pub const KEYS: &[Key] = &[
    // ---- who and where
    key("broker.id", Int, None, Rule::AtLeast(0), "The number of this broker; the older name of node.id.")
        .broker(|config, value| config.node = BrokerId(int(value))),
    key("node.id", Int, Some("1"), Rule::AtLeast(0), "The number of this broker in its cluster.")
        .broker(|config, value| config.node = BrokerId(int(value))),
    key("process.roles", List, Some("broker,controller"), Rule::ManyOf(&["broker", "controller"]), "No effect yet: one process is both."),
    key("controller.listener.names", List, Some("CONTROLLER"), Rule::Any, "No effect yet: the controller is in the same process."),
    key("controller.quorum.voters", List, Some(""), Rule::Any, "No effect yet: the controller is in the same process."),
    key("controller.quorum.bootstrap.servers", List, Some(""), Rule::Any, "No effect yet: the controller is in the same process."),
    key(
        "listeners",
        List,
        Some("PLAINTEXT://127.0.0.1:9092"),
        Rule::Any,
        "Where connections are accepted, as PLAINTEXT://HOST:PORT. Kafka listens on every address; here a broker without configuration \
         is reached from its own machine only.",
    )
    .broker(|config, value| config.listen = host_and_port(value).unwrap_or_default()),
    key("advertised.listeners", List, None, Rule::Any, "What clients are told to connect to, where that differs from listeners.")
        .broker(|config, value| config.advertised = host_and_port(value)),
    key("listener.security.protocol.map", List, Some("PLAINTEXT:PLAINTEXT"), Rule::Any, "No effect yet: listeners are PLAINTEXT."),
    key("authorizer.class.name", Text, Some(""), Rule::Any, "Must be empty: there is no authorizer yet."),
    key("inter.broker.listener.name", Text, None, Rule::Any, "No effect yet: there is one broker."),
    key("broker.rack", Text, None, Rule::Any, "Where this broker stands, for clients that read from nearby.")
        .broker(|config, value| config.rack = Some(value.text().to_string())),
    key(
        "log.dir",
        Text,
        Some("./millpond-data"),
        Rule::Any,
        "Where the data is kept. Kafka's default lies under /tmp, which a reboot empties.",
    )
    .broker(|config, value| config.data_dir = value.text().to_string()),
    key("log.dirs", List, None, Rule::Any, "Where the data is kept; one directory.")
        .broker(|config, value| config.data_dir = value.list().first().copied().unwrap_or_default().to_string()),
    // ---- topics
    key("num.partitions", Int, Some("1"), Rule::AtLeast(1), "How many partitions a topic gets that does not say.")
        .broker(|config, value| config.partition_count = int(value)),
    key("default.replication.factor", Int, Some("1"), Rule::Between(1, MAX_SHORT), "On how many brokers a partition is that does not say.")
        .broker(|config, value| config.replication_factor = i16::try_from(value.int()).unwrap_or(1)),
    key("auto.create.topics.enable", Boolean, Some("true"), Rule::Any, "Whether a topic comes into being when a client asks for it.")
        .broker(|config, value| config.auto_create_topics = value.bool()),
    key("delete.topic.enable", Boolean, Some("true"), Rule::Any, "Whether topics can be deleted.")
        .broker(|config, value| config.delete_topics = value.bool()),
    // ---- logs
    key(
        "log.segment.bytes",
        Int,
        Some("1073741824"),
        Rule::AtLeast(1 << 20),
        "Bytes. The active segment rolls when it would outgrow this.",
    )
    .log(|log, value| log.segment_bytes = unsigned(value))
    .topic("segment.bytes"),
    key("log.roll.hours", Int, Some("168"), Rule::AtLeast(1), "Hours. The active segment rolls when its records span more time than this.")
        .log(|log, value| log.segment_ms = millis(value, 3_600_000)),
    key("log.roll.ms", Long, None, Rule::AtLeast(1), "Milliseconds. The active segment rolls when its records span more time than this.")
        .log(|log, value| log.segment_ms = millis(value, 1))
        .topic("segment.ms"),
    key("log.roll.jitter.hours", Int, Some("0"), Rule::AtLeast(0), "No effect yet: rolls are not spread in time."),
    key("log.roll.jitter.ms", Long, None, Rule::AtLeast(0), "No effect yet: rolls are not spread in time.").topic("segment.jitter.ms"),
    key(
        "log.index.size.max.bytes",
        Int,
        Some("10485760"),
        Rule::AtLeast(4),
        "Bytes. The active segment rolls when its index reaches this.",
    )
    .log(|log, value| log.index_bytes_max = unsigned(value))
    .topic("segment.index.bytes"),
    key("log.index.interval.bytes", Int, Some("4096"), Rule::AtLeast(0), "Bytes of records between two entries of an index.")
        .log(|log, value| log.index_interval_bytes = unsigned(value))
        .topic("index.interval.bytes"),
    key("log.retention.hours", Int, Some("168"), Rule::Any, "Hours. How long records are kept; -1 for ever.")
        .log(|log, value| log.retention_ms = span(value, 3_600_000)),
    key("log.retention.minutes", Int, None, Rule::Any, "Minutes. How long records are kept; -1 for ever.")
        .log(|log, value| log.retention_ms = span(value, 60_000)),
    key("log.retention.ms", Long, None, Rule::AtLeast(-1), "Milliseconds. How long records are kept; -1 for ever.")
        .log(|log, value| log.retention_ms = span(value, 1))
        .topic("retention.ms"),
    key("log.retention.bytes", Long, Some("-1"), Rule::AtLeast(-1), "Bytes. How much of a partition is kept; -1 without limit.")
        .log(|log, value| log.retention_bytes = u64::try_from(value.int()).ok())
        .topic("retention.bytes"),
    key(
        "log.retention.check.interval.ms",
        Long,
        Some("300000"),
        Rule::AtLeast(1),
        "Milliseconds between two looks for what may be deleted.",
    )
    .broker(|config, value| config.retention_check_interval = millis(value, 1)),
    key("log.cleanup.policy", List, Some("delete"), Rule::ManyOf(&["delete", "compact"]), "What becomes of old records.")
        .log(|log, value| {
            log.delete = value.list().contains(&"delete");
            log.compact = value.list().contains(&"compact");
        })
        .topic("cleanup.policy"),
    key(
        "log.cleaner.enable",
        Boolean,
        Some("true"),
        Rule::Any,
        "Whether topics whose cleanup.policy has compact in it are compacted, those of the broker itself among them.",
    )
    .broker(|config, value| config.cleaner.enable = value.bool()),
    key(
        "log.cleaner.backoff.ms",
        Long,
        Some("15000"),
        Rule::AtLeast(0),
        "Milliseconds after something was written to a compacted topic within which it is looked for what is to be compacted.",
    )
    .broker(|config, value| config.cleaner.backoff = millis(value, 1))
    .dynamic(),
    key(
        "log.cleaner.dedupe.buffer.size",
        Long,
        Some("134217728"),
        Rule::Any,
        "Bytes of memory for the keys of one compaction, 24 a key; taken as they are needed, and given back. With more keys than that a log \
         is compacted in several passes.",
    )
    .broker(|config, value| config.cleaner.key_map_bytes = usize::try_from(value.int()).unwrap_or(0))
    .dynamic(),
    key(
        "log.cleaner.io.max.bytes.per.second",
        Double,
        Some("1.7976931348623157E308"),
        Rule::Any,
        "Bytes that compaction reads and writes in a second. Without a limit it still works a seventh of the time only, while requests are served.",
    )
    .broker(|config, value| config.cleaner.io_bytes_per_second = value.double())
    .dynamic(),
    key("log.cleaner.threads", Int, Some("1"), Rule::AtLeast(0), "No effect yet: one log is compacted at a time.")
    .dynamic(),
    key("log.cleaner.io.buffer.size", Int, Some("524288"), Rule::AtLeast(0), "No effect yet: logs are read in pieces of 128 KiB.")
    .dynamic(),
    key("log.cleaner.io.buffer.load.factor", Double, Some("0.9"), Rule::Any, "No effect yet: seven eighths of the memory are filled.")
    .dynamic(),
    key(
        "log.cleaner.min.cleanable.ratio",
        Double,
        Some("0.5"),
        Rule::Fraction(0.0, 1.0),
        "How much of a log must have been written since it was last compacted before it is compacted again, as a fraction of its bytes.",
    )
    .log(|log, value| log.min_dirty_millionths = millionths(value.double()))
    .topic("min.cleanable.dirty.ratio"),
    key(
        "log.cleaner.min.compaction.lag.ms",
        Long,
        Some("0"),
        Rule::AtLeast(0),
        "Milliseconds. How long every record stays, superseded or not.",
    )
    .log(|log, value| log.min_compaction_lag = millis(value, 1))
    .topic("min.compaction.lag.ms"),
    key(
        "log.cleaner.max.compaction.lag.ms",
        Long,
        Some(NO_LIMIT),
        Rule::AtLeast(1),
        "Milliseconds. How old a record becomes before its log is compacted, however little of it is dirty.",
    )
    .log(|log, value| log.max_compaction_lag = limit(value))
    .topic("max.compaction.lag.ms"),
    key(
        "log.cleaner.delete.retention.ms",
        Long,
        Some("86400000"),
        Rule::AtLeast(0),
        "Milliseconds. How long the deletion of a key can still be seen after its log was compacted.",
    )
    .log(|log, value| log.delete_retention = millis(value, 1))
    .topic("delete.retention.ms"),
    key(
        "log.segment.delete.delay.ms",
        Long,
        Some("60000"),
        Rule::AtLeast(0),
        "No effect yet: files are deleted at once; who still reads one keeps it.",
    )
    .topic("file.delete.delay.ms"),
    key(
        "log.flush.interval.messages",
        Long,
        Some(NO_LIMIT),
        Rule::AtLeast(1),
        "No effect yet: what acks=all acknowledges is flushed in any case.",
    )
    .topic("flush.messages"),
    key("log.flush.scheduler.interval.ms", Long, Some(NO_LIMIT), Rule::Any, "No effect yet: what acks=all acknowledges is flushed at once."),
    key("log.flush.interval.ms", Long, None, Rule::AtLeast(0), "No effect yet: what acks=all acknowledges is flushed in any case.")
        .topic("flush.ms"),
    key(
        "log.flush.offset.checkpoint.interval.ms",
        Int,
        Some("60000"),
        Rule::AtLeast(0),
        "Milliseconds after a flush within which it is written down how far the logs are durable: what lies behind is read through after a crash.",
    )
    .broker(|config, value| config.recovery_point_checkpoint_interval = millis(value, 1)),
    key(
        "log.flush.start.offset.checkpoint.interval.ms",
        Int,
        Some("60000"),
        Rule::AtLeast(0),
        "Milliseconds after records were deleted within which it is written down where the logs begin.",
    )
    .broker(|config, value| config.log_start_checkpoint_interval = millis(value, 1)),
    key("log.preallocate", Boolean, Some("false"), Rule::Any, "No effect yet: segments grow as they are written.").topic("preallocate"),
    key("message.max.bytes", Int, Some("1048588"), Rule::AtLeast(0), "Bytes. The largest batch of records.")
        .log(|log, value| log.max_message_bytes = unsigned(value))
        .topic("max.message.bytes"),
    key(
        "log.message.timestamp.type",
        Text,
        Some("CreateTime"),
        Rule::OneOf(&["CreateTime", "LogAppendTime"]),
        "Whose time a record keeps.",
    )
    .log(|log, value| {
        log.timestamp_type = if value.text() == "LogAppendTime" { TimestampType::LogAppendTime } else { TimestampType::CreateTime };
    })
    .topic("message.timestamp.type"),
    key(
        "log.message.timestamp.before.max.ms",
        Long,
        Some(NO_LIMIT),
        Rule::AtLeast(0),
        "Milliseconds. How far a record may lie in the past.",
    )
    .log(|log, value| log.timestamp_before_max = limit(value))
    .topic("message.timestamp.before.max.ms"),
    key(
        "log.message.timestamp.after.max.ms",
        Long,
        Some("3600000"),
        Rule::AtLeast(0),
        "Milliseconds. How far a record may lie in the future.",
    )
    .log(|log, value| log.timestamp_after_max = limit(value))
    .topic("message.timestamp.after.max.ms"),
    key(
        "compression.type",
        Text,
        Some("producer"),
        Rule::OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]),
        "How batches are kept; as the producer chose, or always this way.",
    )
    .log(|log, value| {
        log.compression = match value.text() {
            "uncompressed" => Some(Compression::None),
            "gzip" => Some(Compression::Gzip),
            "snappy" => Some(Compression::Snappy),
            "lz4" => Some(Compression::Lz4),
            "zstd" => Some(Compression::Zstd),
            _ => None,
        };
    })
    .topic("compression.type"),
    key("compression.gzip.level", Int, Some("-1"), Rule::Between(-1, 9), "No effect yet: the library's default level.")
        .topic("compression.gzip.level"),
    key("compression.lz4.level", Int, Some("9"), Rule::Between(1, 17), "No effect yet: the library's default level.")
        .topic("compression.lz4.level"),
    key("compression.zstd.level", Int, Some("3"), Rule::Between(-131_072, 22), "No effect yet: the library's default level.")
        .topic("compression.zstd.level"),
    key("min.insync.replicas", Int, Some("1"), Rule::AtLeast(1), "No effect yet: there is one replica.").topic("min.insync.replicas"),
    key("unclean.leader.election.enable", Boolean, Some("false"), Rule::Any, "No effect yet: there is one replica.")
        .topic("unclean.leader.election.enable"),
    Key {
        name: "",
        topic_name: Some("leader.replication.throttled.replicas"),
        dynamic: true,
        ..key("", List, Some(""), Rule::Any, "No effect yet: there is one replica.")
    },
    Key {
        name: "",
        topic_name: Some("follower.replication.throttled.replicas"),
        dynamic: true,
        ..key("", List, Some(""), Rule::Any, "No effect yet: there is one replica.")
    },
    key(
        "write.caching",
        Boolean,
        Some("false"),
        Rule::Any,
        "Whether records count as safe, and are shown to consumers, before they are on the disk. Not a key of Kafka's, which always \
         does so and trusts in replicas: a single disk is all there is here.",
    )
    .log(|log, value| log.write_caching = value.bool())
    .topic("write.caching"),
    key(
        "validate.compressed.records",
        Boolean,
        Some("true"),
        Rule::Any,
        "Whether compressed batches are opened and their records checked when they are produced. Not a key of Kafka's, which always does.",
    )
    .log(|log, value| log.look_inside_compressed = value.bool())
    .topic("validate.compressed.records"),
    key(
        "producer.id.expiration.ms",
        Int,
        Some("86400000"),
        Rule::AtLeast(1),
        "Milliseconds. How long an idempotent producer is remembered.",
    )
    .log(|log, value| log.producer_expiration_ms = millis(value, 1))
    .dynamic(),
    // ---- groups
    key("group.min.session.timeout.ms", Int, Some("6000"), Rule::AtLeast(0), "Milliseconds. The shortest session a member may ask for.")
        .broker(|config, value| config.groups.group.session_timeout_min = millis(value, 1)),
    key("group.max.session.timeout.ms", Int, Some("1800000"), Rule::AtLeast(0), "Milliseconds. The longest session a member may ask for.")
        .broker(|config, value| config.groups.group.session_timeout_max = millis(value, 1)),
    key(
        "group.initial.rebalance.delay.ms",
        Int,
        Some("3000"),
        Rule::AtLeast(0),
        "Milliseconds. How long a new group waits for more members before its first assignment.",
    )
    .broker(|config, value| config.groups.group.initial_rebalance_delay = millis(value, 1)),
    key("group.max.size", Int, Some("2147483647"), Rule::AtLeast(1), "Members of one group.")
        .broker(|config, value| config.groups.group.size_max = usize::try_from(value.int()).unwrap_or(usize::MAX)),
    key(
        "group.consumer.session.timeout.ms",
        Int,
        Some("45000"),
        Rule::AtLeast(1),
        "Milliseconds. How long a member of a consumer group may be silent.",
    )
    .of_groups(|groups, value| groups.group.consumer_session_timeout = millis(value, 1))
    .group("consumer.session.timeout.ms"),
    key(
        "group.consumer.heartbeat.interval.ms",
        Int,
        Some("5000"),
        Rule::AtLeast(1),
        "Milliseconds. How often a member of a consumer group is to say that it lives.",
    )
    .of_groups(|groups, value| groups.group.consumer_heartbeat_interval = millis(value, 1))
    .group("consumer.heartbeat.interval.ms"),
    key("group.consumer.max.size", Int, Some("2147483647"), Rule::AtLeast(1), "Members of one consumer group.")
        .broker(|config, value| config.groups.group.consumer_size_max = usize::try_from(value.int()).unwrap_or(usize::MAX)),
    key(
        "group.consumer.assignment.interval.ms",
        Int,
        Some("1000"),
        Rule::AtLeast(0),
        "Milliseconds. How long a target of a consumer group stays before the next one is made.",
    )
    .of_groups(|groups, value| groups.group.consumer_assignment_interval = millis(value, 1))
    .group("consumer.assignment.interval.ms"),
    key(
        "group.consumer.regex.refresh.interval.ms",
        Int,
        Some("600000"),
        Rule::AtLeast(10_000),
        "Milliseconds. How often it is looked again which topics a pattern matches, even if no topic has come.",
    )
    .broker(|config, value| config.groups.group.consumer_pattern_interval = millis(value, 1)),
    key("group.consumer.min.session.timeout.ms", Int, Some("45000"), Rule::AtLeast(1), "Milliseconds. The least that consumer.session.timeout.ms of a group may be."),
    key("group.consumer.max.session.timeout.ms", Int, Some("60000"), Rule::AtLeast(1), "Milliseconds. The most that consumer.session.timeout.ms of a group may be."),
    key("group.consumer.min.heartbeat.interval.ms", Int, Some("5000"), Rule::AtLeast(1), "Milliseconds. The least that consumer.heartbeat.interval.ms of a group may be."),
    key("group.consumer.max.heartbeat.interval.ms", Int, Some("15000"), Rule::AtLeast(1), "Milliseconds. The most that consumer.heartbeat.interval.ms of a group may be."),
    key("group.consumer.min.assignment.interval.ms", Int, Some("0"), Rule::AtLeast(0), "Milliseconds. The least that consumer.assignment.interval.ms of a group may be."),
    key("group.consumer.max.assignment.interval.ms", Int, Some("15000"), Rule::AtLeast(0), "Milliseconds. The most that consumer.assignment.interval.ms of a group may be."),
    key(
        "group.share.session.timeout.ms",
        Int,
        Some("45000"),
        Rule::AtLeast(1),
        "Milliseconds. How long a member of a share group may be silent.",
    )
    .of_groups(|groups, value| groups.group.share_session_timeout = millis(value, 1))
    .group("share.session.timeout.ms"),
    key("group.share.min.session.timeout.ms", Int, Some("45000"), Rule::AtLeast(1), "Milliseconds. The least that share.session.timeout.ms of a group may be."),
    key("group.share.max.session.timeout.ms", Int, Some("60000"), Rule::AtLeast(1), "Milliseconds. The most that share.session.timeout.ms of a group may be."),
    key(
        "group.share.heartbeat.interval.ms",
        Int,
        Some("5000"),
        Rule::AtLeast(1),
        "Milliseconds. How often a member of a share group is to say that it lives.",
    )
    .of_groups(|groups, value| groups.group.share_heartbeat_interval = millis(value, 1))
    .group("share.heartbeat.interval.ms"),
    key("group.share.min.heartbeat.interval.ms", Int, Some("5000"), Rule::AtLeast(1), "Milliseconds. The least that share.heartbeat.interval.ms of a group may be."),
    key("group.share.max.heartbeat.interval.ms", Int, Some("15000"), Rule::AtLeast(1), "Milliseconds. The most that share.heartbeat.interval.ms of a group may be."),
    key(
        "group.share.assignment.interval.ms",
        Int,
        Some("1000"),
        Rule::AtLeast(0),
        "Milliseconds. How long a target of a share group stays before the next one is made.",
    )
    .of_groups(|groups, value| groups.group.share_assignment_interval = millis(value, 1))
    .group("share.assignment.interval.ms"),
    key("group.share.min.assignment.interval.ms", Int, Some("0"), Rule::AtLeast(0), "Milliseconds. The least that share.assignment.interval.ms of a group may be."),
    key("group.share.max.assignment.interval.ms", Int, Some("15000"), Rule::AtLeast(0), "Milliseconds. The most that share.assignment.interval.ms of a group may be."),
    key("group.streams.session.timeout.ms", Int, Some("45000"), Rule::AtLeast(1), "No effect yet: there are no streams groups.")
        .group("streams.session.timeout.ms"),
    key("group.streams.min.session.timeout.ms", Int, Some("45000"), Rule::AtLeast(1), "Milliseconds. The least that streams.session.timeout.ms of a group may be."),
    key("group.streams.max.session.timeout.ms", Int, Some("60000"), Rule::AtLeast(1), "Milliseconds. The most that streams.session.timeout.ms of a group may be."),
    key("group.streams.heartbeat.interval.ms", Int, Some("5000"), Rule::AtLeast(1), "No effect yet: there are no streams groups.")
        .group("streams.heartbeat.interval.ms"),
    key("group.streams.min.heartbeat.interval.ms", Int, Some("5000"), Rule::AtLeast(1), "Milliseconds. The least that streams.heartbeat.interval.ms of a group may be."),
    key("group.streams.max.heartbeat.interval.ms", Int, Some("15000"), Rule::AtLeast(1), "Milliseconds. The most that streams.heartbeat.interval.ms of a group may be."),
    key("group.streams.assignment.interval.ms", Int, Some("1000"), Rule::AtLeast(0), "No effect yet: there are no streams groups.")
        .group("streams.assignment.interval.ms"),
    key("group.streams.min.assignment.interval.ms", Int, Some("0"), Rule::AtLeast(0), "Milliseconds. The least that streams.assignment.interval.ms of a group may be."),
    key("group.streams.max.assignment.interval.ms", Int, Some("15000"), Rule::AtLeast(0), "Milliseconds. The most that streams.assignment.interval.ms of a group may be."),
    key(
        "group.share.record.lock.duration.ms",
        Int,
        Some("30000"),
        Rule::AtLeast(1000),
        "Milliseconds. For how long a member of a share group acquires records.",
    )
    .of_groups(|groups, value| groups.share.record_lock = millis(value, 1))
    .group("share.record.lock.duration.ms"),
    key("group.share.min.record.lock.duration.ms", Int, Some("15000"), Rule::AtLeast(1), "Milliseconds. The least that share.record.lock.duration.ms of a group may be."),
    key("group.share.max.record.lock.duration.ms", Int, Some("60000"), Rule::AtLeast(1), "Milliseconds. The most that share.record.lock.duration.ms of a group may be."),
    key(
        "group.share.delivery.count.limit",
        Int,
        Some("5"),
        Rule::AtLeast(2),
        "How often a record is delivered to a share group before it is archived.",
    )
    .of_groups(|groups, value| groups.share.delivery_count_max = u16::try_from(value.int()).unwrap_or(u16::MAX))
    .group("share.delivery.count.limit"),
    key("group.share.min.delivery.count.limit", Int, Some("2"), Rule::AtLeast(1), "The least that share.delivery.count.limit of a group may be."),
    key("group.share.max.delivery.count.limit", Int, Some("10"), Rule::AtLeast(1), "The most that share.delivery.count.limit of a group may be."),
    key(
        "group.share.partition.max.record.locks",
        Int,
        Some("2000"),
        Rule::AtLeast(100),
        "How many records of a partition a share group may have in flight, from the first that is not done with.",
    )
    .of_groups(|groups, value| groups.share.record_locks_max = u32::try_from(value.int()).unwrap_or(u32::MAX))
    .group("share.partition.max.record.locks"),
    key("group.share.min.partition.max.record.locks", Int, Some("100"), Rule::AtLeast(1), "The least that share.partition.max.record.locks of a group may be."),
    key("group.share.max.partition.max.record.locks", Int, Some("4000"), Rule::AtLeast(1), "The most that share.partition.max.record.locks of a group may be."),
    key("group.streams.num.standby.replicas", Int, Some("0"), Rule::AtLeast(0), "No effect yet: there are no streams groups.")
        .group("streams.num.standby.replicas"),
    key("group.streams.max.standby.replicas", Int, Some("2"), Rule::AtLeast(0), "The most that streams.num.standby.replicas of a group may be."),
    key("group.streams.initial.rebalance.delay.ms", Int, Some("3000"), Rule::AtLeast(0), "No effect yet: there are no streams groups.")
        .group("streams.initial.rebalance.delay.ms"),
    key("", Text, Some("latest"), Rule::Any, "Where a share group begins in a partition that is new to it: earliest, latest, or by_duration:PnDTnHnMn.nS, so long before it looks.")
        .of_groups(|groups, value| {
            if let Some(reset) = ShareReset::parse(value.text()) {
                groups.share_reset = reset;
            }
        })
        .group("share.auto.offset.reset"),
    key("", Text, Some("read_uncommitted"), Rule::OneOf(&["read_committed", "read_uncommitted"]), "Whether a share group is delivered records of transactions only once they are committed.")
        .of_groups(|groups, value| groups.is_share_committed_only = value.text() == "read_committed")
        .group("share.isolation.level"),
    key("", Boolean, Some("true"), Rule::Any, "Whether members of a share group may renew the locks of what they have acquired.")
        .of_groups(|groups, value| groups.share.may_renew = value.bool())
        .group("share.renew.acknowledge.enable"),
    key("group.share.max.size", Int, Some("200"), Rule::Between(1, 1000), "Members of one share group.")
        .broker(|config, value| config.groups.group.share_size_max = usize::try_from(value.int()).unwrap_or(usize::MAX)),
    key("group.share.max.share.sessions", Int, Some("2000"), Rule::AtLeast(1), "Share sessions that are open at the same time.")
        .broker(|config, value| config.share_sessions_max = usize::try_from(value.int()).unwrap_or(2000)),
    key(
        "share.coordinator.state.topic.num.partitions",
        Int,
        Some("50"),
        Rule::AtLeast(1),
        "Over how many partitions the states of shared partitions are spread; not to be changed later.",
    )
    .broker(|config, value| config.share.state_partition_count = int(value)),
    key(
        "share.coordinator.state.topic.segment.bytes",
        Int,
        Some("104857600"),
        Rule::AtLeast(1),
        "Bytes. The segments of those states roll when they would outgrow this; kept with the topic when it is created.",
    ),
    key(
        "share.coordinator.snapshot.update.records.per.snapshot",
        Int,
        Some("500"),
        Rule::Between(0, 500),
        "How many changes of a shared partition are written down before its whole state is again.",
    )
    .broker(|config, value| config.share.updates_per_snapshot = u32::try_from(value.int()).unwrap_or(500)),
    key(
        "group.consumer.migration.policy",
        Text,
        Some("bidirectional"),
        Rule::OneOf(&["bidirectional", "upgrade", "downgrade", "disabled"]),
        "Whether groups go from the classic protocol to the consumer protocol (upgrade), and back, while they have members.",
    )
    .broker(|config, value| {
        config.groups.group.consumer_migration = match value.text() {
            "upgrade" => MigrationPolicy::Upgrade,
            "downgrade" => MigrationPolicy::Downgrade,
            "disabled" => MigrationPolicy::Disabled,
            _ => MigrationPolicy::Bidirectional,
        }
    }),
    key("offset.metadata.max.bytes", Int, Some("4096"), Rule::AtLeast(0), "Characters of metadata in one committed offset.")
        .broker(|config, value| config.groups.group.offset_metadata_max = usize::try_from(value.int()).unwrap_or(0)),
    key("offsets.retention.minutes", Int, Some("10080"), Rule::AtLeast(1), "Minutes. How long committed offsets outlive their use.")
        .broker(|config, value| config.groups.group.offsets_retention = millis(value, 60_000)),
    key(
        "offsets.retention.check.interval.ms",
        Long,
        Some("600000"),
        Rule::AtLeast(1),
        "Milliseconds between two looks for expired offsets.",
    )
    .broker(|config, value| config.groups.group.offsets_retention_check_interval = millis(value, 1)),
    key(
        "offsets.topic.num.partitions",
        Int,
        Some("50"),
        Rule::AtLeast(1),
        "Over how many partitions groups are spread; not to be changed later.",
    )
    .broker(|config, value| config.groups.group.offsets_partition_count = int(value)),
    key(
        "offsets.topic.replication.factor",
        Short,
        Some("1"),
        Rule::AtLeast(1),
        "On how many brokers offsets are kept. Kafka's 3 asks for more brokers than there are.",
    ),
    key("offsets.topic.segment.bytes", Int, Some("104857600"), Rule::AtLeast(1), "Bytes. The segments of committed offsets roll when they would outgrow this; kept with the topic when it is created."),
    key("offsets.commit.timeout.ms", Int, Some("5000"), Rule::AtLeast(1), "No effect yet: a commit is answered when it is on the disk."),
    // ---- transactions
    key(
        "transaction.state.log.replication.factor",
        Short,
        Some("1"),
        Rule::AtLeast(1),
        "On how many brokers transactions are kept. Kafka's 3 asks for more brokers than there are.",
    ),
    key("transaction.state.log.min.isr", Int, Some("1"), Rule::AtLeast(1), "No effect: there is one broker."),
    key(
        "transaction.state.log.num.partitions",
        Int,
        Some("50"),
        Rule::AtLeast(1),
        "Over how many partitions transactional ids are spread; not to be changed later.",
    )
    .broker(|config, value| config.txn.partition_count = int(value)),
    key("transaction.state.log.segment.bytes", Int, Some("104857600"), Rule::AtLeast(1), "The segment.bytes of `__transaction_state`."),
    key("transactional.id.expiration.ms", Int, Some("604800000"), Rule::AtLeast(1), "How long an id is remembered that nobody uses.")
        .broker(|config, value| config.txn.expiration = millis(value, 1)),
    key("transaction.max.timeout.ms", Int, Some("900000"), Rule::AtLeast(1), "The longest that a producer may let a transaction be open.")
        .broker(|config, value| config.txn.timeout_max = millis(value, 1)),
    key(
        "transaction.remove.expired.transaction.cleanup.interval.ms",
        Int,
        Some("3600000"),
        Rule::AtLeast(1),
        "How often unused transactional ids are looked for.",
    )
    .broker(|config, value| config.txn.expiration_check_interval = millis(value, 1)),
    key(
        "transaction.abort.timed.out.transaction.cleanup.interval.ms",
        Int,
        Some("10000"),
        Rule::AtLeast(1),
        "No effect: a transaction is aborted when its time is up, not at the next look.",
    ),
    key(
        "transaction.partition.verification.enable",
        Boolean,
        Some("true"),
        Rule::Any,
        "Whether a batch is refused whose partition has not joined its transaction.",
    )
    .broker(|config, value| config.txn_verify_partitions = value.bool())
    .dynamic(),
    key(
        "add.partitions.to.txn.retry.backoff.max.ms",
        Int,
        Some("100"),
        Rule::AtLeast(0),
        "How long a request waits for the end of the transaction before.",
    )
    .broker(|config, value| config.txn_retry_backoff_max = millis(value, 1)),
    key(
        "add.partitions.to.txn.retry.backoff.ms",
        Int,
        Some("20"),
        Rule::AtLeast(1),
        "No effect: a request that waits for the end of a transaction goes on as soon as that has come.",
    ),
    // ---- tiered storage
    key(
        "remote.log.storage.system.enable",
        Boolean,
        Some("false"),
        Rule::Any,
        "Whether topics may keep their closed segments in the object store that rsm.config.url names.",
    )
    .broker(|config, value| config.remote.enable = value.bool()),
    key(
        "rsm.config.url",
        Text,
        None,
        Rule::Any,
        "The object store, as file:///DIRECTORY, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or azure://CONTAINER/PREFIX. Other keys that begin with rsm.config. are handed to that store, and are never shown.",
    )
    .broker(|config, value| config.remote.url = value.text().to_string()),
    key("rsm.config.chunk.size", Int, Some("4194304"), Rule::Between(65_536, 1 << 27), "Bytes of the pieces in which segments are read from the object store.")
        .broker(|config, value| config.remote.chunk_bytes = unsigned(value)),
    key(
        "rsm.config.fetch.chunk.cache.size",
        Long,
        Some("67108864"),
        Rule::AtLeast(0),
        "Bytes of memory for pieces that were read from the object store, of records and of indexes.",
    )
    .broker(|config, value| config.remote.cache_bytes = size(value)),
    key(
        "rsm.config.fetch.chunk.cache.prefetch.max.size",
        Int,
        Some("8388608"),
        Rule::AtLeast(0),
        "Bytes that are read from the object store ahead of a consumer.",
    )
    .broker(|config, value| config.remote.read_ahead_bytes = unsigned(value)),
    key(
        "rsm.config.request.timeout.ms",
        Int,
        Some("60000"),
        Rule::AtLeast(1),
        "Milliseconds after which a request to the object store counts as failed.",
    )
    .broker(|config, value| config.remote.request_timeout = Duration::from_millis(u64::from(unsigned(value)))),
    key("remote.log.manager.task.interval.ms", Long, Some("30000"), Rule::AtLeast(1), "Milliseconds between two looks for what is to be copied to the object store or deleted there.")
        .broker(|config, value| config.remote.task_interval = millis(value, 1)),
    key("remote.log.manager.task.retry.backoff.ms", Long, Some("500"), Rule::AtLeast(1), "Milliseconds after the object store has failed before it is tried again; twice as long after each further time.")
        .broker(|config, value| config.remote.retry_backoff = millis(value, 1)),
    key("remote.log.manager.task.retry.backoff.max.ms", Long, Some("30000"), Rule::AtLeast(1), "The longest of these. Milliseconds.")
        .broker(|config, value| config.remote.retry_backoff_max = millis(value, 1)),
    key("remote.log.manager.task.retry.jitter", Double, Some("0.2"), Rule::Fraction(0.0, 0.5), "By what fraction these are longer or shorter by chance.")
        .broker(|config, value| config.remote.retry_jitter = value.double()),
    key(
        "remote.log.manager.copier.thread.pool.size",
        Int,
        Some("2"),
        Rule::AtLeast(1),
        "Partitions whose segments are copied at one time; each takes 8 MiB of memory meanwhile. Kafka's 10 would be as much as all the rest of the broker.",
    )
    .broker(|config, value| config.remote.copiers = usize::try_from(value.int()).unwrap_or(1)),
    key("remote.log.manager.copy.max.bytes.per.second", Long, Some(NO_LIMIT), Rule::AtLeast(1), "Bytes that are copied to the object store in a second.")
        .broker(|config, value| config.remote.copy_bytes_per_second = size(value)),
    key("remote.log.manager.fetch.max.bytes.per.second", Long, Some(NO_LIMIT), Rule::AtLeast(1), "Bytes that are read from the object store for consumers in a second.")
        .broker(|config, value| config.remote.fetch_bytes_per_second = size(value)),
    key("remote.log.reader.threads", Int, Some("10"), Rule::AtLeast(1), "Partitions that are read from the object store at one time.")
        .broker(|config, value| config.remote.readers = usize::try_from(value.int()).unwrap_or(1)),
    key("remote.log.reader.max.pending.tasks", Int, Some("100"), Rule::AtLeast(1), "Partitions that wait for that at the most; further ones are told to come again.")
        .broker(|config, value| config.remote.pending_reads_max = usize::try_from(value.int()).unwrap_or(1)),
    key("remote.fetch.max.wait.ms", Int, Some("500"), Rule::AtLeast(1), "Milliseconds that a fetch waits for the object store before it is answered without; what was on its way is kept for the next.")
        .broker(|config, value| config.remote.fetch_wait_max = millis(value, 1))
    .dynamic(),
    key("remote.list.offsets.request.timeout.ms", Long, Some("30000"), Rule::AtLeast(1), "Milliseconds that a search for an offset waits for the object store.")
        .broker(|config, value| config.remote.find_wait_max = millis(value, 1))
    .dynamic(),
    key("log.local.retention.ms", Long, Some("-2"), Rule::AtLeast(-2), "Milliseconds. How long records of a tiered topic stay on the disk, once they are in the object store; -2 as long as they are kept at all, -1 for ever.")
        .log(|log, value| log.local_retention_ms = local(value, |_| millis(value, 1)))
        .topic("local.retention.ms"),
    key("log.local.retention.bytes", Long, Some("-2"), Rule::AtLeast(-2), "Bytes. How much of a partition of a tiered topic stays on the disk, once it is in the object store; -2 as much as is kept at all, -1 without limit.")
        .log(|log, value| log.local_retention_bytes = local(value, size))
        .topic("local.retention.bytes"),
    Key {
        name: "",
        topic_name: Some("remote.storage.enable"),
        dynamic: true,
        ..key("", Boolean, Some("false"), Rule::Any, "Whether closed segments of the topic are kept in the object store.")
    }
    .log(|log, value| log.remote_storage = value.bool()),
    Key {
        name: "",
        topic_name: Some("remote.log.copy.disable"),
        dynamic: true,
        ..key("", Boolean, Some("false"), Rule::Any, "Whether no more segments are copied to the object store; what is there can still be read.")
    }
    .log(|log, value| log.remote_copy_disabled = value.bool()),
    Key {
        name: "",
        topic_name: Some("remote.log.delete.on.disable"),
        dynamic: true,
        ..key("", Boolean, Some("false"), Rule::Any, "Whether what is in the object store is deleted when remote.storage.enable is set to false.")
    }
    .log(|log, value| log.remote_delete_on_disable = value.bool()),
    key("remote.log.storage.manager.class.name", Text, None, Rule::Any, "No effect: rsm.config.url names the object store."),
    key("remote.log.storage.manager.class.path", Text, None, Rule::Any, "No effect: rsm.config.url names the object store."),
    key("remote.log.storage.manager.impl.prefix", Text, Some("rsm.config."), Rule::OneOf(&["rsm.config."]), "No effect: the prefix of the object store's settings is Kafka's default."),
    key("remote.log.metadata.manager.class.name", Text, None, Rule::Any, "No effect: what lies in the object store is told by manifests there."),
    key("remote.log.metadata.manager.class.path", Text, None, Rule::Any, "No effect: what lies in the object store is told by manifests there."),
    key("remote.log.metadata.manager.impl.prefix", Text, Some("rlmm.config."), Rule::Any, "No effect: what lies in the object store is told by manifests there."),
    key("remote.log.metadata.manager.listener.name", Text, None, Rule::Any, "No effect: what lies in the object store is told by manifests there."),
    key("remote.log.metadata.custom.metadata.max.bytes", Int, Some("128"), Rule::AtLeast(0), "No effect: there is none."),
    key("remote.log.index.file.cache.total.size.bytes", Long, Some("1073741824"), Rule::AtLeast(1), "No effect: indexes share the memory of rsm.config.fetch.chunk.cache.size.")
    .dynamic(),
    key("remote.log.index.file.cache.ttl.ms", Long, Some("900000"), Rule::AtLeast(0), "No effect: indexes share the memory of rsm.config.fetch.chunk.cache.size."),
    key("remote.log.manager.thread.pool.size", Int, Some("2"), Rule::AtLeast(1), "No effect: one task looks for what there is to do."),
    key("remote.log.manager.expiration.thread.pool.size", Int, Some("10"), Rule::AtLeast(1), "No effect: who copies deletes too.")
    .dynamic(),
    key("remote.log.manager.follower.thread.pool.size", Int, Some("2"), Rule::AtLeast(1), "No effect: there are no followers.")
    .dynamic(),
    key("remote.log.manager.copy.quota.window.num", Int, Some("11"), Rule::AtLeast(1), "No effect: the rate is kept at every moment."),
    key("remote.log.manager.copy.quota.window.size.seconds", Int, Some("1"), Rule::AtLeast(1), "No effect: the rate is kept at every moment."),
    key("remote.log.manager.fetch.quota.window.num", Int, Some("11"), Rule::AtLeast(1), "No effect: the rate is kept at every moment."),
    key("remote.log.manager.fetch.quota.window.size.seconds", Int, Some("1"), Rule::AtLeast(1), "No effect: the rate is kept at every moment."),
    // ---- connections
    key("socket.request.max.bytes", Int, Some("104857600"), Rule::AtLeast(1), "Bytes of the largest request.")
        .broker(|config, value| config.request_bytes_max = usize::try_from(value.int()).unwrap_or(0)),
    key(
        "connections.max.idle.ms",
        Long,
        Some("600000"),
        Rule::Any,
        "Milliseconds after which an idle connection is closed; negative never.",
    )
    .broker(|config, value| config.connection_idle_max = u64::try_from(value.int()).ok().map(Duration::from_millis)),
    key("max.connections", Int, Some("2147483647"), Rule::AtLeast(0), "Connections at one time.")
        .broker(|config, value| config.connections_max = usize::try_from(value.int()).unwrap_or(usize::MAX))
    .dynamic(),
    key("fetch.max.bytes", Int, Some("57671680"), Rule::AtLeast(1024), "Bytes of records in one answer to a fetch.")
        .broker(|config, value| config.fetch_bytes_max = unsigned(value)),
    key(
        "max.incremental.fetch.session.cache.slots",
        Int,
        Some("1000"),
        Rule::AtLeast(0),
        "Consumers whose partitions are remembered, so that they need not name all of them each time.",
    )
    .broker(|config, value| config.fetch_sessions_max = usize::try_from(value.int()).unwrap_or(0)),
    key("socket.send.buffer.bytes", Int, Some("102400"), Rule::AtLeast(-1), "No effect yet: the system's choice."),
    key("socket.receive.buffer.bytes", Int, Some("102400"), Rule::AtLeast(-1), "No effect yet: the system's choice."),
    key("num.replica.fetchers", Int, Some("1"), Rule::AtLeast(1), "No effect: there are no followers.").dynamic(),
    key("background.threads", Int, Some("10"), Rule::AtLeast(1), "No effect yet: one thread for each processor.").dynamic(),
    key("leader.replication.throttled.rate", Long, Some(NO_LIMIT), Rule::AtLeast(0), "No effect: there are no followers.").dynamic(),
    key("follower.replication.throttled.rate", Long, Some(NO_LIMIT), Rule::AtLeast(0), "No effect: there are no followers.").dynamic(),
    key(
        "replica.alter.log.dirs.io.max.bytes.per.second",
        Long,
        Some(NO_LIMIT),
        Rule::AtLeast(0),
        "No effect: there is one directory.",
    )
    .dynamic(),
    key("num.network.threads", Int, Some("3"), Rule::AtLeast(1), "No effect yet: one thread for each processor.")
    .dynamic(),
    key("num.io.threads", Int, Some("8"), Rule::AtLeast(1), "No effect yet: one thread for each processor.")
    .dynamic(),
    key("queued.max.requests", Int, Some("500"), Rule::AtLeast(1), "No effect yet: each connection has a bound of its own."),
    key("num.recovery.threads.per.data.dir", Int, Some("2"), Rule::AtLeast(1), "No effect yet: logs are opened when they are first used.")
    .dynamic(),
];

/// A number of bytes.
fn size(value: &Parsed<'_>) -> u64 {
    u64::try_from(value.int()).unwrap_or(0)
}

/// How much stays on the disk: -2 as much as is kept at all, -1 all of it.
fn local<T>(value: &Parsed<'_>, limit: impl Fn(&Parsed<'_>) -> T) -> LocalRetention<T> {
    match value.int() {
        -2 => LocalRetention::Total,
        -1 => LocalRetention::Unlimited,
        _ => LocalRetention::AtMost(limit(value)),
    }
}

fn int(value: &Parsed<'_>) -> i32 {
    i32::try_from(value.int()).unwrap_or(i32::MAX)
}

fn unsigned(value: &Parsed<'_>) -> u32 {
    u32::try_from(value.int()).unwrap_or(0)
}

fn millis(value: &Parsed<'_>, unit_ms: i64) -> Millis {
    Millis::from_signed(value.int().saturating_mul(unit_ms))
}

/// A fraction between 0 and 1 in millionths.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the rule of the key has bounded it")]
const fn millionths(fraction: f64) -> u32 {
    (fraction * 1_000_000.0) as u32
}

/// A span that a negative value makes endless.
fn span(value: &Parsed<'_>, unit_ms: i64) -> Option<Millis> {
    if value.int() < 0 { None } else { Some(millis(value, unit_ms)) }
}

/// A span that the largest number makes endless.
fn limit(value: &Parsed<'_>) -> Option<Millis> {
    if value.int() == i64::MAX { None } else { Some(millis(value, 1)) }
}

/// Keys that say one thing in several units, first the one that counts. Source: `DynamicBrokerConfig.brokerConfigSynonyms`.
const SAME: [&[&str]; 4] = [
    &["log.retention.ms", "log.retention.minutes", "log.retention.hours"],
    &["log.roll.ms", "log.roll.hours"],
    &["log.roll.jitter.ms", "log.roll.jitter.hours"],
    &["log.flush.interval.ms", "log.flush.scheduler.interval.ms"],
];

/// The keys that say what this one says, itself among them, first the one that counts.
pub fn synonyms(name: &'static str) -> impl Iterator<Item = &'static str> {
    let same = SAME.iter().find(|names| names.contains(&name)).copied().unwrap_or_default();
    same.iter().copied().chain(same.is_empty().then_some(name))
}

/// A value of a broker's key, in the unit that the key of topics has.
#[must_use]
pub fn as_topics_have_it(name: &str, value: &str) -> String {
    let unit_ms = if name.ends_with(".hours") {
        3_600_000
    } else if name.ends_with(".minutes") {
        60_000
    } else {
        1
    };
    match value.parse::<i64>() {
        Ok(number) if unit_ms > 1 && number >= 0 => number.saturating_mul(unit_ms).to_string(),
        Ok(_) | Err(_) => value.to_string(),
    }
}

/// The listeners of a list that are not a controller's.
pub(super) fn listeners(list: &str) -> impl Iterator<Item = &str> {
    let each = list.split(',').map(str::trim).filter(|listener| !listener.is_empty());
    each.filter(|listener| !listener.to_ascii_uppercase().starts_with("CONTROLLER"))
}

/// The security protocol of a listener: its name, unless `map` says otherwise. Source: KIP-103.
pub(super) fn protocol<'a>(listener: &'a str, map: &'a str) -> &'a str {
    let name = listener.split_once("://").map_or("PLAINTEXT", |(name, _)| name);
    let mut entries = map.split(',').filter_map(|entry| entry.trim().split_once(':'));
    entries.find(|(of, _)| of.eq_ignore_ascii_case(name)).map_or(name, |(_, protocol)| protocol)
}

/// The HOST:PORT of the first listener that is not a controller's.
fn host_and_port(value: &Parsed<'_>) -> Option<String> {
    let each = value.list().join(",");
    let listener = listeners(&each).next()?;
    let address = listener.split_once("://").map_or(listener, |(_, address)| address);
    // Kafka's way of saying "every address" leaves the host out.
    Some(if address.starts_with(':') { alloc::format!("0.0.0.0{address}") } else { address.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_defaults_obey_their_rules() {
        let mut names = BTreeSet::new();
        let mut topic_names = BTreeSet::new();
        let mut group_names = BTreeSet::new();
        for key in KEYS {
            assert!(key.name.is_empty() || names.insert(key.name), "{} twice", key.name);
            assert!(key.topic_name.is_none_or(|name| topic_names.insert(name)), "{:?} twice", key.topic_name);
            assert!(key.group_name.is_none_or(|name| group_names.insert(name)), "{:?} twice", key.group_name);
            if let Some(default) = key.default.filter(|default| !default.is_empty()) {
                assert!(key.parse(default).is_ok(), "{}", key.shown_name());
            }
            assert!(key.doc.ends_with('.'), "{}", key.shown_name());
        }
    }

    #[test]
    fn a_bad_value_names_key_value_and_rule() {
        let error = BrokerConfig::from_entries([("log.segment.bytes", "12")]).expect_err("too small");
        assert_eq!(error.to_string(), "Invalid value 12 for configuration log.segment.bytes: it must be at least 1048576");
        let error = BrokerConfig::from_entries([("auto.create.topics.enable", "yes")]).expect_err("no boolean");
        assert_eq!(error.to_string(), "Invalid value yes for configuration auto.create.topics.enable: it must be true or false");
    }

    #[test]
    fn the_finer_of_two_keys_wins_whatever_their_order() {
        let entries = [("log.retention.ms", "5"), ("log.retention.hours", "1"), ("no.such.key", "x")];
        let (config, warnings) = BrokerConfig::from_entries(entries).expect("valid");
        assert_eq!(config.log.retention_ms, Some(Millis(5)));
        assert_eq!(warnings.len(), 1);
        let (config, _) = BrokerConfig::from_entries([("listeners", "CONTROLLER://:9093,PLAINTEXT://:9092")]).expect("valid");
        assert_eq!(config.listen, "0.0.0.0:9092");
        let map = ("listener.security.protocol.map", "CONTROLLER:PLAINTEXT,INSIDE:PLAINTEXT,OUTSIDE:SASL_SSL");
        let (config, _) = BrokerConfig::from_entries([("listeners", "INSIDE://h:1"), map]).expect("valid");
        assert_eq!(config.listen, "h:1");
    }

    #[test]
    fn what_cannot_be_protected_is_not_served() {
        let map = ("listener.security.protocol.map", "CONTROLLER:PLAINTEXT,INSIDE:PLAINTEXT,OUTSIDE:SASL_SSL");
        for entries in [
            [("listeners", "SSL://h:1"), map],
            [("listeners", "SASL_PLAINTEXT://h:1"), map],
            [("listeners", "OUTSIDE://h:1"), map],
            [("listeners", "INSIDE://h:1,OUTSIDE://h:2"), map],
            [("listeners", "INSIDE://h:1,PLAINTEXT://h:2"), map],
            [("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer"), map],
            [("log.dirs", "a,b"), map],
        ] {
            let refused = BrokerConfig::from_entries(entries).expect_err("refused").to_string();
            assert!(refused.contains(entries[0].0) && refused.contains(entries[0].1), "{refused}");
        }
    }
}
