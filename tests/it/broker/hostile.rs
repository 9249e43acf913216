//! Peers that mean harm: the broker answers or hangs up, never panics, and nobody else notices.

use core::net::SocketAddr;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::io::{Read, Write};
use std::net::TcpStream;

use millpond::broker::Broker;
use millpond::config::broker_config::BrokerConfig;
use millpond::protocol::api_key::ApiKey;
use millpond::protocol::frame::{self, Decoded};
use millpond::protocol::header::{RequestFrame, encode_request};
use millpond_core::wire::writer::Writer;
use millpond_tests::any_message::AnyMessage;
use millpond_tests::catalogue::apis;
use millpond_tests::random::Random;

/// The name of the broker's threads: a panic in one of them is a failure, though the runtime would swallow it.
const THREAD: &str = "hostile-broker";
/// The largest request that the broker under test takes. Unit: bytes.
const REQUEST_BYTES_MAX: i32 = 1 << 20;

static PANICS: AtomicUsize = AtomicUsize::new(0);

/// Runs `attack` against a broker, and checks that the broker has come to no harm.
fn withstands(name: &str, attack: impl FnOnce(SocketAddr)) {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().name() == Some(THREAD) {
            PANICS.fetch_add(1, Ordering::SeqCst);
        }
        before(panic);
    }));
    let directory = std::env::temp_dir().join(format!("millpond-hostile-{name}-{}", std::process::id()));
    let path = directory.to_str().expect("a path in UTF-8");
    let limit = REQUEST_BYTES_MAX.to_string();
    let settings = [("listeners", "PLAINTEXT://127.0.0.1:0"), ("log.dirs", path), ("socket.request.max.bytes", limit.as_str())];
    let (config, warnings) = BrokerConfig::from_entries(settings).expect("good settings");
    assert_eq!(warnings, []);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_name(THREAD).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let broker = runtime.block_on(Broker::start(config)).expect("a broker");
    let address = broker.local_addr();
    let mut bystander = connect(address);
    assert!(is_answered(&mut bystander), "before the attack");
    attack(address);
    assert!(is_answered(&mut bystander), "who was connected all along is served as ever");
    assert!(is_answered(&mut connect(address)), "who comes later too");
    runtime.block_on(broker.shutdown()).expect("closes in good order");
    drop(runtime);
    std::fs::remove_dir_all(&directory).expect("the test's own directory");
    assert_eq!(PANICS.load(Ordering::SeqCst), 0, "the broker panicked; see above");
}

pub(super) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the broker accepts");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    stream
}

/// A request of a client that means well.
fn request(api_key: ApiKey, api_version: i16, body: &[u8]) -> Vec<u8> {
    let mut writer = Writer::growing();
    frame::encode(&mut writer, |writer| {
        encode_request(writer, &RequestFrame { api_key, api_version, correlation_id: 7, client_id: Some("tester"), body: &[] });
        writer.put(body);
    });
    writer.bytes().to_vec()
}

/// Reads one answer; `None` when the broker has hung up.
fn answer(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut size = [0; frame::PREFIX_SIZE];
    stream.read_exact(&mut size).ok()?;
    let mut content = vec![0; usize::try_from(i32::from_be_bytes(size)).expect("a size")];
    stream.read_exact(&mut content).ok()?;
    Some(content)
}

pub(super) fn is_answered(stream: &mut TcpStream) -> bool {
    stream.write_all(&request(ApiKey::ApiVersions, 0, &[])).is_ok()
        && answer(stream).is_some_and(|content| content.starts_with(&[0, 0, 0, 7]))
}

#[test]
fn random_bytes_are_hung_up_on() {
    withstands("random", |address| {
        let mut random = Random::new(0xbad0);
        for _ in 0..300 {
            let mut stream = connect(address);
            let size = 1 + random.below(600);
            let mut bytes = random.bytes(size);
            if random.once_in(2) {
                // A size that fits, so that what follows is looked at.
                let content = i32::try_from(size).expect("small").to_be_bytes();
                bytes.splice(0..0, content);
            }
            // The broker may hang up while we are still talking.
            let _ = stream.write_all(&bytes);
            drop(stream);
        }
    });
}

#[test]
fn every_request_full_of_nonsense_is_answered_or_hung_up_on() {
    withstands("nonsense", |address| {
        let mut random = Random::new(0xbad1);
        let mut served = 0;
        for entry in apis() {
            let Some(api_key) = ApiKey::from_i16(entry.key).filter(|_| entry.name.ends_with("Request")) else { continue };
            for version in entry.versions.first..=entry.versions.last {
                for round in 0..6 {
                    let mut body = AnyMessage::new(&mut random).message(&entry, version);
                    if round % 2 == 1 && !body.is_empty() {
                        let at = random.below(body.len());
                        body[at] = body[at].wrapping_add(1 << (round % 8));
                    }
                    let mut stream = connect(address);
                    stream.set_read_timeout(Some(Duration::from_millis(300))).expect("a timeout");
                    let _ = stream.write_all(&request(api_key, version, &body));
                    // Some of these wait, as a join does: no answer in this time is an answer too.
                    served += usize::from(answer(&mut stream).is_some());
                }
            }
        }
        assert!(served > 100, "only {served} were answered: the requests are too bad to test anything");
    });
}

#[test]
fn sizes_that_lie_cost_the_broker_nothing() {
    withstands("sizes", |address| {
        for size in [-1, i32::MIN, i32::MAX, REQUEST_BYTES_MAX + 1] {
            let mut stream = connect(address);
            stream.write_all(&size.to_be_bytes()).expect("sent");
            assert_eq!(answer(&mut stream), None, "a frame of {size} bytes is hung up on at once");
        }
        // As large as allowed, announced by many, sent by none: memory grows with what comes, not with what is announced.
        let waiting: Vec<TcpStream> = (0..200)
            .map(|_| {
                let mut stream = connect(address);
                stream.write_all(&REQUEST_BYTES_MAX.to_be_bytes()).and_then(|()| stream.write_all(&[0; 10])).expect("sent");
                stream
            })
            .collect();
        assert!(is_answered(&mut connect(address)));
        drop(waiting);
        // Six bytes that make a decoder reserve by a count: an array of 2^32 - 1 topics. The field's own crate aborts on these.
        let mut stream = connect(address);
        stream.write_all(&request(ApiKey::Metadata, 9, &[0xfe, 0xff, 0xff, 0xff, 0x0f])).expect("sent");
        assert_eq!(answer(&mut stream), None);
    });
}

#[test]
fn requests_that_come_byte_by_byte_and_all_at_once_are_answered_in_order() {
    withstands("pieces", |address| {
        let mut stream = connect(address);
        for byte in request(ApiKey::ApiVersions, 0, &[]) {
            stream.write_all(&[byte]).expect("sent");
            stream.flush().expect("sent");
        }
        assert!(answer(&mut stream).is_some());
        let many: Vec<u8> = (0..500).flat_map(|_| request(ApiKey::ApiVersions, 0, &[])).collect();
        let writer = stream.try_clone().expect("a second handle");
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let mut writer = writer;
                writer.write_all(&many).expect("sent");
            });
            for _ in 0..500 {
                assert!(answer(&mut stream).is_some_and(|content| content.starts_with(&[0, 0, 0, 7])));
            }
        });
    });
}

#[test]
fn the_answers_of_the_broker_are_whole_frames() {
    withstands("frames", |address| {
        let mut stream = connect(address);
        stream.write_all(&request(ApiKey::ApiVersions, 99, &[0xff; 3])).expect("sent");
        let mut bytes = vec![0; 4096];
        let size = stream.read(&mut bytes).expect("an answer");
        bytes.truncate(size);
        // KIP-511: a version that is too new is answered in version 0, with error 35.
        assert!(matches!(frame::decode(&bytes, 4096), Decoded::Frame { content, .. } if content.starts_with(&[0, 0, 0, 7, 0, 35])));
    });
}

#[test]
fn a_peer_that_never_reads_is_not_read_from_either() {
    withstands("deaf", |address| {
        let mut deaf = connect(address);
        deaf.set_write_timeout(Some(Duration::from_secs(3))).expect("a timeout");
        // Twenty bytes that are answered with some hundreds.
        let requests = request(ApiKey::ApiVersions, 2, &[]).repeat(1 << 14);
        let asked = (0..256).find_map(|round| deaf.write_all(&requests).err().map(|error| (round, error)));
        let (round, error) = asked.expect("the broker reads on and on, and must keep all those answers somewhere");
        assert!(matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut), "{error} in round {round}");
        assert!(is_answered(&mut connect(address)), "others are served meanwhile");
        // Once it listens, everything that was asked is answered.
        let mut count = 0;
        deaf.set_read_timeout(Some(Duration::from_millis(500))).expect("a timeout");
        while answer(&mut deaf).is_some() {
            count += 1;
        }
        assert!(count >= round << 14, "{count} answers to {round} rounds");
    });
}

#[test]
fn what_is_named_again_and_again_is_answered_once() {
    withstands("echo", |address| {
        millpond_tests::command::run(&address.to_string(), "topic create t --partitions 200", Vec::new()).ok();
        let names = 20_000;
        // Metadata, version 1: an array of names.
        let mut body = i32::to_be_bytes(names).to_vec();
        (0..names).for_each(|_| body.extend_from_slice(&[0, 1, b't']));
        let mut stream = connect(address);
        stream.write_all(&request(ApiKey::Metadata, 1, &body)).expect("is taken");
        let size = answer(&mut stream).expect("is answered").len();
        assert!((200..50_000).contains(&size), "{size} bytes tell one topic");
    });
}
