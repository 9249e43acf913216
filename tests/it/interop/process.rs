//! The broker as a process: what it says, what it locks, how it ends.

use std::io::Read;
use std::net::TcpStream;

use millpond_tests::broker::Broker;

#[test]
fn a_broker_starts_stops_and_starts_again_on_its_port_and_directory() {
    let Some(mut broker) = Broker::start_own_or_skip("start and stop", &[]) else { return };
    let first = broker.bootstrap().to_owned();
    TcpStream::connect(&first).expect("it accepts once it says so");
    broker.stop();
    TcpStream::connect(&first).expect_err("a stopped broker accepts nobody");
    broker.restart();
    assert_eq!(broker.bootstrap(), first);
    TcpStream::connect(&first).expect("it accepts again");
}

#[test]
fn a_second_broker_on_one_directory_is_refused() {
    let Some(mut broker) = Broker::start_own_or_skip("second broker", &[]) else { return };
    let (status, said) = broker.second_on_the_same_directory();
    assert!(!status.success(), "a second broker on the same directory ended with {status}");
    assert!(said.to_lowercase().contains("lock"), "it does not say why:\n{said}");
    TcpStream::connect(broker.bootstrap()).expect("the first one is not disturbed");
    // The lock of a broker that was killed is no lock.
    broker.kill();
    broker.restart();
}

#[test]
fn stopping_closes_open_connections() {
    let Some(mut broker) = Broker::start_own_or_skip("open connections", &[]) else { return };
    let mut idle = TcpStream::connect(broker.bootstrap()).expect("it accepts");
    broker.stop();
    let mut rest = Vec::new();
    // Closed or reset: both tell the client at once.
    if let Ok(size) = idle.read_to_end(&mut rest) {
        assert_eq!(size, 0, "a broker says nothing unasked");
    }
}

#[test]
fn a_start_that_fails_for_its_port_leaves_a_clean_directory_clean() {
    let Some(mut broker) = Broker::start_own_or_skip("port in use", &[]) else { return };
    broker.stop();
    let taken = std::net::TcpListener::bind(broker.bootstrap()).expect("the port of a broker that has stopped is free");
    let said = broker.try_start().expect_err("the port is taken");
    assert!(said.contains("in use"), "{said}");
    drop(taken);
    assert!(broker.data_dir().join(".kafka_cleanshutdown").exists());
    broker.restart();
}

#[test]
fn a_catalogue_without_meta_properties_is_not_given_another_name() {
    let Some(mut broker) = Broker::start_own_or_skip("meta.properties", &[]) else { return };
    broker.stop();
    std::fs::remove_file(broker.data_dir().join("meta.properties")).expect("the broker has an identity");
    let said = broker.try_start().expect_err("nobody knows whose data this is");
    assert!(said.contains("meta.properties"), "{said}");
}
