//! The rules of the house that a program can hold.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use millpond::protocol::api_key::ApiKey;

/// The rooms of the core and their floors: a room imports from floors below its own, and from nothing beside it.
const CORE_FLOORS: &[(&str, u8)] = &[
    ("manual", 6),
    ("shard", 5),
    ("catalog", 4),
    ("group", 3),
    ("log", 3),
    ("share", 3),
    ("txn", 3),
    ("envelope", 2),
    ("record", 2),
    ("store", 2),
    ("machine", 2),
    ("member", 2),
    ("bounded", 1),
    ("wire", 1),
    ("crc", 1),
    ("ids", 1),
    ("time", 1),
];

/// Which rooms of a floor may still lean on which others of it: the primitives on the smaller primitives.
const CORE_BESIDE: &[(&str, &str)] = &[("wire", "ids"), ("wire", "bounded"), ("machine", "time"), ("bounded", "time")];

/// The rooms of the runtime, each with those it may import.
const RUNTIME_ROOMS: &[(&str, &[&str])] = &[
    ("bin", &["cli"]),
    ("cli", &["broker", "client", "config", "protocol", "compression", "disk", "clock", "loggers"]),
    ("broker", &["net", "api", "worker", "config", "disk", "clock", "tier"]),
    ("client", &["protocol", "compression", "clock"]),
    ("net", &["api", "worker", "protocol", "disk"]),
    ("api", &["worker", "protocol", "config", "compression", "disk", "loggers"]),
    // The worker hands what core answers to the file of its request, and is handed requests by it: the one pair that knows each other.
    ("worker", &["api", "protocol", "config", "disk", "clock", "compression", "tier"]),
    ("tier", &["config", "disk", "compression"]),
    ("disk", &["config"]),
    ("protocol", &[]),
    ("config", &[]),
    ("clock", &[]),
    ("loggers", &[]),
    ("compression", &[]),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_path_buf()
}

/// All sources below a folder, with their text.
fn sources(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the workspace") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a source");
                found.insert(path, text);
            }
        }
    }
    found
}

/// The room that a file belongs to: the first part of its path below `src`.
fn room_of(path: &Path, src: &Path) -> String {
    let below = path.strip_prefix(src).expect("below src");
    let first = below.components().next().expect("a part").as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_string()
}

/// The rooms that a text names as `crate::room`, outside of comments and of the tests at its foot.
fn imports(text: &str) -> BTreeSet<String> {
    let body = text.split("#[cfg(test)]").next().unwrap_or_default();
    let code = body.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| line.split("crate::").skip(1).map(first_word).collect::<Vec<_>>()).collect()
}

fn first_word(rest: &str) -> String {
    rest.chars().take_while(|character| character.is_ascii_alphanumeric() || *character == '_').collect()
}

#[test]
fn arrows_in_the_core_run_down() {
    let src = root().join("core/src");
    let floors: BTreeMap<&str, u8> = CORE_FLOORS.iter().copied().collect();
    let mut wrong = Vec::new();
    for (path, text) in sources(&src) {
        let room = room_of(&path, &src);
        if room == "lib" || path.to_string_lossy().contains("_tests") {
            continue;
        }
        let floor = floors.get(room.as_str()).unwrap_or_else(|| panic!("{room} has no floor yet: give it one above"));
        for other in imports(&text) {
            let Some(below) = floors.get(other.as_str()) else { continue };
            let beside = CORE_BESIDE.contains(&(room.as_str(), other.as_str()));
            if other != room && below >= floor && !beside {
                wrong.push(format!("{}: floor {floor} imports {other}, floor {below}", path.display()));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn the_rooms_of_the_runtime_know_only_those_they_may() {
    let src = root().join("std-runtime/src");
    let rooms: BTreeMap<&str, &[&str]> = RUNTIME_ROOMS.iter().copied().collect();
    let mut wrong = Vec::new();
    for (path, text) in sources(&src) {
        let room = room_of(&path, &src);
        if room == "lib" {
            continue;
        }
        let may = rooms.get(room.as_str()).unwrap_or_else(|| panic!("{room} has no row yet: give it one above"));
        for other in imports(&text) {
            if other != room && rooms.contains_key(other.as_str()) && !may.contains(&other.as_str()) {
                wrong.push(format!("{}: {room} imports {other}", path.display()));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn every_file_is_reached_by_a_mod() {
    for package in ["core", "std-runtime", "tests"] {
        let src = root().join(package).join("src");
        let all = sources(&src);
        let text: String = all.values().cloned().collect::<Vec<_>>().join("\n");
        for path in all.keys() {
            let stem = path.file_stem().expect("a name").to_string_lossy();
            let name = path.file_name().expect("a name").to_string_lossy();
            let parent = path.parent().and_then(Path::file_name).expect("a folder").to_string_lossy();
            let reached = match &*stem {
                "lib" => true,
                "mod" => text.contains(&format!("mod {parent};")) || text.contains(&format!("{parent}/mod.rs")),
                _ if parent == "bin" => true,
                _ => {
                    text.contains(&format!("mod {stem};")) || text.contains(&format!("\"{name}\"")) || text.contains(&format!("/{name}\""))
                }
            };
            assert!(reached, "{} is in no tree of modules", path.display());
        }
    }
}

#[test]
fn numbers_of_files_are_those_of_their_keys() {
    for folder in ["protocol/messages", "api"] {
        let src = root().join("std-runtime/src").join(folder);
        let mut served = BTreeSet::new();
        for path in sources(&src).keys() {
            let stem = path.file_stem().expect("a name").to_string_lossy().into_owned();
            let Some((number, name)) = stem.split_once('_').filter(|(number, _)| number.bytes().all(|byte| byte.is_ascii_digit())) else {
                continue;
            };
            let number: i16 = number.parse().expect("a key");
            let key = ApiKey::from_i16(number).unwrap_or_else(|| panic!("{stem}: no API has key {number}"));
            let snake: String = format!("{key:?}")
                .chars()
                .flat_map(
                    |character| if character.is_ascii_uppercase() { vec!['_', character.to_ascii_lowercase()] } else { vec![character] },
                )
                .collect();
            // Key 33 and its successor 44 mean the same and share a file.
            let names_it = snake.trim_start_matches('_') == name || snake.ends_with(name);
            assert!(names_it, "{folder}/{stem}.rs is not named for {key:?}");
            served.insert(number);
        }
        if folder == "api" {
            let advertised = ApiKey::ALL.iter().filter(|key| key.api().advertised.is_some()).map(|key| key.number());
            let missing: Vec<i16> =
                advertised.filter(|number| !served.contains(number) && *number != ApiKey::AlterConfigs.number()).collect();
            assert_eq!(missing, Vec::<i16>::new(), "advertised, and no file says what it means");
        }
    }
}

#[test]
fn front_doors_hold_no_logic() {
    for package in ["core", "std-runtime"] {
        for (path, text) in sources(&root().join(package).join("src")) {
            if path.file_name().is_some_and(|name| name == "mod.rs") && !path.to_string_lossy().contains("_tests") {
                let logic = text.lines().find(|line| line.trim_start().starts_with("fn ") || line.contains("impl "));
                // The front doors of the command line list its commands, as clap wants them.
                let lists_commands = path.components().any(|part| part.as_os_str() == "cli");
                assert!(logic.is_none() || lists_commands, "{}: {logic:?}", path.display());
            }
        }
    }
}

#[test]
fn tests_named_in_docs_exist() {
    let mut all = String::new();
    for folder in ["core/src", "std-runtime/src", "tests"] {
        all.extend(sources(&root().join(folder)).into_values());
    }
    for line in all.lines().filter(|line| line.trim_start().starts_with("///") && line.contains("Held by: ")) {
        let named = line.split("Held by: ").nth(1).unwrap_or_default();
        let name = named.trim_matches(|character: char| !character.is_ascii_alphanumeric() && character != '_');
        assert!(all.contains(&format!("fn {name}(")), "no test is called {name}");
    }
}

#[test]
fn sources_hold_no_lists_of_what_is_to_be_done() {
    let words = ["TO", "DO"].concat();
    for folder in ["core", "std-runtime", "benches"] {
        for (path, text) in sources(&root().join(folder).join("src")) {
            assert!(!text.contains(&words), "{}: an issue, or nothing", path.display());
        }
    }
}
