//! Rows at rest: what opens where, and nonces over restarts.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::testing::Steps;

fn at_rest(cluster: u8, secret: u8, seed: u64) -> AtRest {
    AtRest::start(ClusterId([cluster; 16]), Secret::new([secret; 32]), Arc::new(Steps::new(seed))).unwrap()
}

const ROW: Place<'static> = Place::Row { group: GroupId(1), table: 2, key: b"key" };

#[test]
fn a_row_opens_at_its_own_place_only() {
    let sealer = at_rest(1, 1, 1);
    for plain in [&b""[..], b"plain text", &[0; 5_000]] {
        let sealed = sealer.seal(&ROW, plain).unwrap();
        assert_eq!(sealed.len(), plain.len() + OVERHEAD_BYTES);
        assert!(plain.len() < 4 || !sealed.windows(4).any(|window| window == &plain[..4]));
        // A restarted process has another sealer and opens what the one before sealed.
        assert_eq!(*at_rest(1, 1, 2).open(&ROW, &sealed).unwrap(), plain);
        let rows = [
            ("group", Place::Row { group: GroupId(2), table: 2, key: b"key" }),
            ("table", Place::Row { group: GroupId(1), table: 3, key: b"key" }),
            ("key", Place::Row { group: GroupId(1), table: 2, key: b"kez" }),
            ("longer key", Place::Row { group: GroupId(1), table: 2, key: b"key\0" }),
            ("encoded", Place::Encoded(b"\0\0\0\x01\x02key")),
        ];
        for (what, place) in rows {
            assert_eq!(sealer.open(&place, &sealed), Err(OpenError::Unauthentic), "{what}");
        }
        assert_eq!(at_rest(2, 1, 1).open(&ROW, &sealed), Err(OpenError::Unauthentic), "cluster");
        assert_eq!(at_rest(1, 2, 1).open(&ROW, &sealed), Err(OpenError::Unauthentic), "at-rest key");
    }
    let place = Place::Encoded(b"log 7");
    let sealed = sealer.seal(&place, b"entry").unwrap();
    assert_eq!(*sealer.open(&place, &sealed).unwrap(), b"entry");
}

#[test]
fn format_1_stays_as_it_is() {
    // Rows live for years: if this fails, the format needs a new number and the old one its reader.
    let sealed = at_rest(1, 1, 1).seal(&ROW, b"plain").unwrap();
    assert_eq!(
        hex::encode(crate::cipher::digest("print", &[&sealed])),
        "8bc5cd990700259e8916583cb0943cfbd5480bd229f4c88c630560a251dbfceb"
    );
}

#[test]
fn every_flipped_bit_is_refused() {
    let sealer = at_rest(1, 1, 1);
    let sealed = sealer.seal(&ROW, b"plain").unwrap();
    for bit in 0..sealed.len() * 8 {
        let mut altered = sealed.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        let expected = if bit < 8 { OpenError::UnknownVersion { version: altered[0] } } else { OpenError::Unauthentic };
        assert_eq!(sealer.open(&ROW, &altered), Err(expected), "bit {bit}");
    }
    for length in 0..sealed.len() {
        assert_eq!(sealer.open(&ROW, &sealed[..length]), Err(OpenError::Unauthentic), "{length} bytes");
    }
}

#[test]
fn no_nonce_comes_twice_even_after_restarts() {
    let mut heads = BTreeSet::new();
    let mut bodies = BTreeSet::new();
    for start in 0..5 {
        let sealer = at_rest(1, 1, start);
        for _ in 0..20_000 {
            let sealed = sealer.seal(&ROW, &[0; 16]).unwrap();
            heads.insert(sealed[..HEAD_BYTES].to_vec());
            bodies.insert(sealed[HEAD_BYTES..HEAD_BYTES + 16].to_vec());
        }
    }
    assert_eq!((heads.len(), bodies.len()), (100_000, 100_000));
}

#[test]
fn made_up_sealers_do_not_fill_the_cache() {
    let sealer = at_rest(1, 1, 1);
    let mut sealed = sealer.seal(&ROW, b"plain").unwrap();
    sealed[1..=SEALER_BYTES].copy_from_slice(&[9; SEALER_BYTES]);
    assert_eq!(sealer.open(&ROW, &sealed), Err(OpenError::Unauthentic));
    assert!(sealer.seen.get(&[9; SEALER_BYTES]).is_none());
}

proptest! {
    #[test]
    fn any_bytes_are_refused_in_peace(bytes in proptest::collection::vec(any::<u8>(), 0..200), known in any::<bool>()) {
        let mut bytes = bytes;
        if let (true, Some(first)) = (known, bytes.first_mut()) {
            *first = FORMAT;
        }
        if bytes.first() != Some(&0xf0) {
            prop_assert!(at_rest(1, 1, 1).open(&ROW, &bytes).is_err());
        }
    }
}

#[cfg(feature = "planted-faults")]
#[test]
fn a_planted_fault_leaves_rows_plain() {
    for (sealing, plain) in [(Sealing::Off, true), (Sealing::On, false)] {
        let entropy = Arc::new(Steps::new(1));
        let sealer = AtRest::start_with(ClusterId([1; 16]), Secret::new([1; 32]), entropy, sealing).unwrap();
        let sealed = sealer.seal(&ROW, b"canary").unwrap();
        assert_eq!(sealed.windows(6).any(|window| window == b"canary"), plain);
        assert_eq!(*sealer.open(&ROW, &sealed).unwrap(), b"canary");
    }
}
