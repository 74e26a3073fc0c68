//! Places of addresses, ages of connections, and what counts as one address.

use opentelemetry::metrics::MeterProvider;
use opentelemetry::metrics::noop::NoopMeterProvider;
use tokio::sync::Semaphore;

use bascule_model::time::Millis;

use super::*;

struct Hand;

impl Clock for Hand {
    fn wall(&self) -> Millis {
        Millis(1_900_000_000_000)
    }

    fn boot(&self) -> BootMillis {
        BootMillis(1_000)
    }
}

fn connections(limit: usize) -> Arc<Connections> {
    let bounds = Bounds { address_limit_connections: limit, age_limit_ms: 3_600_000 };
    Connections::new(bounds, Arc::new(Hand), &NoopMeterProvider::new().meter("test"))
}

#[test]
fn an_address_has_so_many_places_and_others_have_theirs() {
    let connections = connections(2);
    let places = Arc::new(Semaphore::new(100));
    let seat = |from: &str| {
        let place = Arc::clone(&places).try_acquire_owned().unwrap();
        connections.seat(from.parse().unwrap(), place)
    };
    let held: Vec<_> = ["10.0.0.1", "::ffff:10.0.0.1"].map(seat).into();
    assert!(held.iter().all(Option::is_some));
    assert!(seat("10.0.0.1").is_none());
    // A refused one gives its place back at once.
    assert_eq!(places.available_permits(), 98);
    let others: Vec<_> = ["10.0.0.2", "2001:db8::1", "2001:db8::ffff:1"].map(seat).into();
    assert!(others.iter().all(Option::is_some));
    assert!(seat("2001:db8::7").is_none() && seat("2001:db8:0:1::7").is_some());
    drop(held);
    assert!(seat("10.0.0.1").is_some());
    drop(others);
    assert!(connections.open.lock().addresses.is_empty());
    assert_eq!(places.available_permits(), 100);
}

#[test]
fn handshakes_of_an_address_are_bounded_by_themselves() {
    let connections = connections(usize::MAX);
    let places = Arc::new(Semaphore::new(ADDRESS_LIMIT_HANDSHAKES + 1));
    let seat = || connections.seat("10.0.0.1".parse().unwrap(), Arc::clone(&places).try_acquire_owned().unwrap());
    let held: Vec<_> = (0..ADDRESS_LIMIT_HANDSHAKES).map(|_| seat().unwrap()).collect();
    assert!(seat().is_none());
    drop(held);
    assert!(seat().is_some());
}

#[test]
fn a_connection_retires_before_its_certificate_ends_and_at_its_age() {
    const HOUR: u64 = 3_600_000;
    for (left_ms, key, expected) in [
        (365 * 24 * HOUR, 0, HOUR),
        (365 * 24 * HOUR, 4, HOUR - HOUR / 10 / 2),
        (HOUR, 0, HOUR - RETIRE_EARLY_LIMIT_MS),
        (60_000, 0, 45_000),
        (6_000, 0, 4_500),
        // Almost over: it is left to its end.
        (3_999, 0, HOUR),
        (0, 0, HOUR),
    ] {
        assert_eq!(retires_in_ms(left_ms, HOUR, key), expected, "{left_ms} {key}");
    }
}

#[test]
fn networks_are_addresses_of_four_and_halves_of_six() {
    for (address, expected) in [
        ("10.1.2.3", "10.1.2.3"),
        ("::ffff:10.1.2.3", "10.1.2.3"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("::1", "::"),
    ] {
        assert_eq!(network(address.parse().unwrap()), expected.parse::<IpAddr>().unwrap(), "{address}");
    }
}
