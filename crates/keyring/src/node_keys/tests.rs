//! The `keys` file: made once, replaced at once, refused when altered.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::provider::local::Local;
use crate::testing::Steps;

const CLUSTER: ClusterId = ClusterId([1; 16]);

fn root(byte: u8) -> Local {
    Local::new(Secret::new([byte; 32]), Arc::new(Steps::new(u64::from(byte))))
}

fn same(one: &NodeKeys, two: &NodeKeys) -> bool {
    one.at_rest.expose() == two.at_rest.expose() && one.index.expose() == two.index.expose()
}

#[test]
fn keys_survive_a_restart_and_a_new_root_key() {
    let data = tempfile::tempdir().unwrap();
    let entropy = Steps::new(7);
    let keys = NodeKeys::draw(&entropy).unwrap();
    assert_ne!(keys.at_rest.expose(), keys.index.expose());
    keys.create(data.path(), CLUSTER, &root(1), &entropy).unwrap();
    assert!(same(&keys, &NodeKeys::load(data.path(), CLUSTER, &root(1)).unwrap()));
    let again = NodeKeys::draw(&entropy).unwrap().create(data.path(), CLUSTER, &root(1), &entropy);
    assert!(matches!(again, Err(Error::Io { source, .. }) if source.kind() == ErrorKind::AlreadyExists));
    assert!(matches!(NodeKeys::load(data.path(), CLUSTER, &root(2)), Err(Error::OtherProviderKey { .. })));

    fs::write(data.path().join("keys.next"), b"left by a crash").unwrap();
    keys.rewrap(data.path(), CLUSTER, &root(2), &entropy).unwrap();
    assert!(same(&keys, &NodeKeys::load(data.path(), CLUSTER, &root(2)).unwrap()));
    assert!(NodeKeys::load(data.path(), CLUSTER, &root(1)).is_err());
    assert!(!data.path().join("keys.next").exists());

    let bytes = fs::read(data.path().join(FILE_NAME)).unwrap();
    for secret in [&keys.at_rest, &keys.index] {
        assert!(!bytes.windows(8).any(|window| window == &secret.expose()[..8]), "a key lies plain on disk");
    }
}

#[test]
fn an_altered_file_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let entropy = Steps::new(7);
    NodeKeys::draw(&entropy).unwrap().create(data.path(), CLUSTER, &root(1), &entropy).unwrap();
    let path = data.path().join(FILE_NAME);
    let good = fs::read(&path).unwrap();
    for bit in 0..good.len() * 8 {
        let mut altered = good.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        match parse(&altered, CLUSTER) {
            Ok(None) => {}
            Err(Error::Open(OpenError::UnknownVersion { .. })) => assert_eq!(bit / 8, MAGIC.len()),
            other => panic!("bit {bit}: {other:?}"),
        }
    }
    for length in 0..good.len() {
        assert!(matches!(parse(&good[..length], CLUSTER), Ok(None)), "{length} bytes");
    }
    let elsewhere = NodeKeys::load(data.path(), ClusterId([2; 16]), &root(1));
    assert!(matches!(elsewhere, Err(Error::NotAKeyFile { .. })));
}

#[test]
fn the_two_keys_cannot_change_places() {
    let data = tempfile::tempdir().unwrap();
    let entropy = Steps::new(7);
    NodeKeys::draw(&entropy).unwrap().create(data.path(), CLUSTER, &root(1), &entropy).unwrap();
    let path = data.path().join(FILE_NAME);
    let good = fs::read(&path).unwrap();
    let head = MAGIC.len() + 1 + 16;
    let (first, second) = good[head..good.len() - CHECK_BYTES].split_at((good.len() - CHECK_BYTES - head) / 2);
    let mut swapped = [&good[..head], second, first].concat();
    let sum = check(&swapped);
    swapped.extend_from_slice(&sum);
    fs::write(&path, swapped).unwrap();
    assert!(matches!(NodeKeys::load(data.path(), CLUSTER, &root(1)), Err(Error::WrongWrap)));
}

proptest! {
    #[test]
    fn any_bytes_are_refused_in_peace(bytes in proptest::collection::vec(any::<u8>(), 0..200), known in any::<bool>()) {
        let mut bytes = bytes;
        if known {
            let mut whole = MAGIC.to_vec();
            whole.push(FORMAT);
            whole.extend_from_slice(&CLUSTER.0);
            whole.append(&mut bytes);
            let sum = check(&whole);
            whole.extend_from_slice(&sum);
            bytes = whole;
        }
        prop_assert!(!matches!(parse(&bytes, CLUSTER), Ok(Some(_))));
    }
}
