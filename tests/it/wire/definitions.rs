//! Our messages against Kafka's own definitions of them, where these are at hand.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use millpond::protocol::api_key::ApiKey;
use millpond_core::wire::schema::{FieldSchema, Kind, Schema, Versions};
use millpond_core::wire::value::Form;
use millpond_core::wire::writer::Writer;
use millpond_tests::catalogue::everything;
use millpond_tests::skip::variable_or_skip;
use serde_json::Value;

/// Structures whose names collide in a file of ours, or that Kafka defines more than once.
const RENAMED: &[(&str, &str)] = &[
    ("LeaderChangeVoter", "Voter"),
    ("SubscriptionTopicPartition", "TopicPartition"),
    ("AssignmentTopicPartition", "TopicPartition"),
    ("TargetTopicPartition", "TopicPartition"),
    ("TargetTopicPartition", "TopicPartitions"),
    ("SharedTopic", "TopicPartitionsInfo"),
    ("UnsharedTopic", "TopicInfo"),
    ("CurrentTopicPartitions", "TopicPartitions"),
    ("EntryResult", "EntryData"),
    ("EntityResult", "EntityData"),
    ("TopicQuorum", "TopicData"),
    ("PartitionQuorum", "PartitionData"),
];

type Definitions = BTreeMap<String, Value>;

fn read_all(folder: &Path, definitions: &mut Definitions) {
    for entry in std::fs::read_dir(folder).expect("a folder of definitions").flatten() {
        let path: PathBuf = entry.path();
        if path.is_dir() {
            read_all(&path, definitions);
        } else if path.extension().is_some_and(|extension| extension == "json") {
            let text = std::fs::read_to_string(&path).expect("a readable definition");
            let text: String = text.lines().map(|line| without_comment(line).to_owned() + "\n").collect();
            let definition: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            definitions.insert(string(&definition, "name").to_owned(), definition);
        }
    }
}

fn without_comment(line: &str) -> &str {
    let mut quoted = false;
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'/' if !quoted && line.get(at..).is_some_and(|rest| rest.starts_with("//")) => return line.get(..at).unwrap_or(line),
            _ => {}
        }
    }
    line
}

fn string<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_else(|| panic!("{key} in {value}"))
}

fn fields(value: &Value) -> &[Value] {
    value.get("fields").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn versions(text: &str) -> Option<Versions> {
    let number = |text: &str| text.trim().parse::<i16>().expect("a version");
    Some(match text {
        "none" => return None,
        _ if text.ends_with('+') => Versions::new(number(text.trim_end_matches('+')), i16::MAX),
        _ => match text.split_once('-') {
            Some((first, last)) => Versions::new(number(first), number(last)),
            None => Versions::new(number(text), number(text)),
        },
    })
}

/// `GroupInstanceId` is `group_instance_id`; `KRaft` is one word.
fn snake(name: &str) -> String {
    let name = name.replace("KRaft", "Kraft");
    let letters: Vec<char> = name.chars().collect();
    let mut out = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| letters.get(at));
        let after = letters.get(at + 1);
        let begins = letter.is_ascii_uppercase()
            && before.is_some_and(|before| !before.is_ascii_uppercase() || after.is_some_and(char::is_ascii_lowercase));
        if begins {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

/// Compares one message.
struct Comparison<'d> {
    message: &'d Value,
    valid: Versions,
    flexible_from: i16,
    /// How many fields were compared.
    count: usize,
}

impl Comparison<'_> {
    /// The fields of a structure, which stand where it is used or at the end of the message.
    fn fields_of<'s>(&'s self, field: &'s Value, name: &str) -> &'s [Value] {
        match fields(field) {
            [] => {
                let common = self.message.get("commonStructs").and_then(Value::as_array).expect("a structure");
                fields(common.iter().find(|common| string(common, "name") == name).expect("a structure of that name"))
            }
            fields => fields,
        }
    }

    fn structure(&mut self, path: &str, ours: &Schema, theirs: &[Value]) {
        // Kafka keeps the fields of versions that it has forgotten in the definition.
        let is_alive = |field: &&Value| {
            let have = versions(string(field, "versions")).expect("versions of a field");
            (self.valid.first..=self.valid.last).any(|version| have.contains(version))
        };
        let theirs: Vec<&Value> = theirs.iter().filter(is_alive).collect();
        let ordered = |tagged: bool| theirs.iter().copied().filter(move |field| field.get("tag").is_some() == tagged);
        let mut tagged: Vec<&Value> = ordered(true).collect();
        // We write tagged fields down in the order of their tags, which is the order of the wire.
        tagged.sort_by_key(|field| field.get("tag").and_then(Value::as_i64));
        let names = |fields: Vec<&Value>| -> Vec<String> { fields.into_iter().map(|field| snake(string(field, "name"))).collect() };
        let our_names = |tagged: bool| -> Vec<String> {
            let fields = ours.fields.iter().filter(|field| field.tag.is_some() == tagged);
            fields.map(|field| field.name.to_owned()).collect()
        };
        assert_eq!(our_names(false), names(ordered(false).collect()), "{path}");
        assert_eq!(our_names(true), names(tagged), "{path}");
        for field in theirs {
            let name = snake(string(field, "name"));
            let ours = ours.fields.iter().find(|field| field.name == name).expect("compared above");
            self.field(&format!("{path}.{name}"), ours, field);
        }
    }

    fn field(&mut self, path: &str, ours: &FieldSchema, theirs: &Value) {
        self.count += 1;
        let have = versions(string(theirs, "versions")).expect("versions of a field");
        assert_eq!(ours.versions, have, "{path}: versions");
        let nullable = theirs.get("nullableVersions").and_then(Value::as_str).and_then(versions);
        assert_eq!(ours.nullable, nullable, "{path}: nullable versions");
        let tag = theirs.get("tag").and_then(Value::as_u64).and_then(|tag| u32::try_from(tag).ok());
        assert_eq!(ours.tag, tag, "{path}: tag");
        if let Some(tagged) = theirs.get("taggedVersions").and_then(Value::as_str).and_then(versions) {
            assert_eq!(tagged, have, "{path}: a field is tagged in all its versions");
        }
        self.kind(path, &ours.kind, string(theirs, "type"), theirs);
        for version in (self.valid.first..=self.valid.last).filter(|version| have.contains(*version)) {
            let mut written = Writer::growing();
            let form = Form { version, flexible: version >= self.flexible_from, nullable: false };
            (ours.absent)(&mut written, form);
            let mut expected = Vec::new();
            self.default(theirs, version, &mut expected);
            assert_eq!(written.bytes(), expected, "{path}: default in v{version}");
        }
    }

    fn kind(&mut self, path: &str, ours: &Kind, theirs: &str, field: &Value) {
        let same = match (ours, theirs) {
            (Kind::Array(element), _) if theirs.starts_with("[]") => {
                return self.kind(path, element, theirs.trim_start_matches("[]"), field);
            }
            (Kind::Struct(schema), _) => {
                let is_renamed = RENAMED.iter().any(|(our, their)| *our == schema.name && *their == theirs);
                assert!(is_renamed || schema.name == theirs, "{path}: {} is not {theirs}", schema.name);
                let fields = self.fields_of(field, theirs).to_vec();
                return self.structure(path, schema, &fields);
            }
            (Kind::Bool, "bool") | (Kind::Int8, "int8") | (Kind::Int16, "int16") | (Kind::Uint16, "uint16") => true,
            (Kind::Int32, "int32") | (Kind::Int64, "int64") | (Kind::Float64, "float64") | (Kind::Uuid, "uuid") => true,
            (Kind::String, "string") | (Kind::Bytes, "bytes") | (Kind::Records, "records") => true,
            _ => false,
        };
        assert!(same, "{path}: {ours:?} is not {theirs}");
    }

    /// What stands for an absent field, as bytes.
    fn default(&self, field: &Value, version: i16, bytes: &mut Vec<u8>) {
        let nullable = field.get("nullableVersions").and_then(Value::as_str).and_then(versions);
        let nullable_here = nullable.is_some_and(|versions| versions.contains(version));
        let flexible = version >= self.flexible_from;
        let default = match field.get("default") {
            None => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(other) => Some(other.to_string()),
        };
        // A nullable field without a default is empty in Kafka's classes and null in ours; no tagged field is like that.
        assert!(default.is_some() || nullable.is_none() || field.get("tag").is_none());
        let null = nullable.is_some() && default.as_deref().is_none_or(|default| default == "null");
        let text = default.filter(|default| default != "null").unwrap_or_default();
        let integer = || match text.strip_prefix("0x") {
            Some(digits) => i64::from_str_radix(digits, 16).expect("a number"),
            None if text.is_empty() => 0,
            None => text.parse().expect("a number"),
        };
        let name = string(field, "type");
        let length_size = if name == "string" { 2 } else { 4 };
        match name {
            "bool" => bytes.push(u8::from(text.eq_ignore_ascii_case("true"))),
            "int8" => bytes.extend_from_slice(integer().to_be_bytes().get(7..).unwrap_or_default()),
            "int16" | "uint16" => bytes.extend_from_slice(integer().to_be_bytes().get(6..).unwrap_or_default()),
            "int32" => bytes.extend_from_slice(integer().to_be_bytes().get(4..).unwrap_or_default()),
            "int64" => bytes.extend_from_slice(&integer().to_be_bytes()),
            "float64" => bytes.extend_from_slice(&[0; 8]),
            "uuid" => bytes.extend_from_slice(&[0; 16]),
            _ if name == "string" || name == "bytes" || name == "records" || name.starts_with("[]") => {
                assert!(text.is_empty(), "no definition has another default here");
                match (null && nullable_here, flexible) {
                    (true, true) => bytes.push(0),
                    (true, false) => bytes.extend_from_slice([0xff; 4].get(..length_size).unwrap_or_default()),
                    (false, true) => bytes.push(1),
                    (false, false) => bytes.extend_from_slice([0; 4].get(..length_size).unwrap_or_default()),
                }
            }
            _ if null && nullable_here => bytes.push(0xff),
            structure => {
                for field in self.fields_of(field, structure) {
                    let have = versions(string(field, "versions")).expect("versions of a field");
                    if field.get("tag").is_none() && have.contains(version) {
                        self.default(field, version, bytes);
                    }
                }
                if flexible {
                    bytes.push(0);
                }
            }
        }
    }
}

fn definitions(test: &str) -> Option<Definitions> {
    let folder = variable_or_skip(test, "MILLPOND_KAFKA_DEFINITIONS", "a folder with the JSON files of Kafka 4.3's messages and records")?;
    let mut definitions = Definitions::new();
    read_all(Path::new(&folder), &mut definitions);
    Some(definitions)
}

#[test]
fn messages_are_as_kafka_defines_them() {
    let Some(definitions) = definitions("wire::definitions") else {
        return;
    };
    let mut count = 0;
    for entry in everything() {
        let message = definitions.get(entry.name).unwrap_or_else(|| panic!("a definition of {}", entry.name));
        assert_eq!(versions(string(message, "validVersions")), Some(entry.versions), "{}: versions", entry.name);
        let flexible = versions(string(message, "flexibleVersions")).map_or(i16::MAX, |versions| versions.first);
        assert_eq!(entry.flexible_from, flexible, "{}: flexible versions", entry.name);
        if let Some(key) = message.get("apiKey").and_then(Value::as_i64) {
            assert_eq!(i64::from(entry.key), key, "{}: key", entry.name);
        }
        let mut comparison = Comparison { message, valid: entry.versions, flexible_from: entry.flexible_from, count: 0 };
        // Kafka says field by field that the client id of a header is never compact; the form of its default tells.
        if entry.name != "RequestHeader" {
            comparison.structure(entry.name, entry.schema, fields(message));
        }
        count += comparison.count;
    }
    assert!(count > 700, "{count}");
}

#[test]
fn advertised_versions_are_the_stable_ones_of_kafka() {
    let Some(definitions) = definitions("wire::definitions") else {
        return;
    };
    for api in ApiKey::ALL.iter().map(|key| key.api()) {
        let Some(advertised) = api.advertised else { continue };
        let request = definitions.get(&format!("{}Request", api.name)).expect("a definition of the request");
        let mut stable = versions(string(request, "validVersions")).expect("versions of a request");
        if request.get("latestVersionUnstable").and_then(Value::as_bool) == Some(true) {
            stable.last -= 1;
        }
        if api.key == ApiKey::Produce {
            // KAFKA-18659: advertised from 0, served from 3.
            stable.first = 0;
        }
        assert_eq!(advertised, stable, "{}", api.name);
    }
}

#[test]
fn names_change_their_case_only() {
    assert_eq!(snake("GroupInstanceId"), "group_instance_id");
    assert_eq!(snake("V3AndBelowTopics"), "v3_and_below_topics");
    assert_eq!(snake("KRaftVersionFeature"), "kraft_version_feature");
    assert_eq!(without_comment("\"a//b\", // c"), "\"a//b\", ");
}
