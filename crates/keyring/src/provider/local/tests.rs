//! The local provider: which files it takes, and what a wrapped key is bound to.

use std::os::unix::fs::symlink;

use bascule_model::id::ClusterId;
use bascule_model::time::BootMillis;
use bascule_model::uid::Uid;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::data_keys::DataKeys;
use crate::provider::KeyPurpose;
use crate::secret::KeyId;
use crate::testing::Steps;

fn steps(seed: u64) -> Arc<dyn Entropy> {
    Arc::new(Steps::new(seed))
}

/// A folder with `data` and `secrets` in it.
fn folders() -> (TempDir, PathBuf, PathBuf) {
    let all = tempfile::tempdir().unwrap();
    let (data, secrets) = (all.path().join("data"), all.path().join("secrets"));
    fs::create_dir(&data).unwrap();
    fs::create_dir(&secrets).unwrap();
    (all, data, secrets)
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn context() -> KeyContext {
    KeyContext {
        cluster: ClusterId([1; 16]),
        owner: Uid(7),
        key: KeyId::from_random([2; 12]),
        purpose: KeyPurpose::Data,
    }
}

#[test]
fn a_created_key_file_loads() {
    let (_all, data, secrets) = folders();
    let path = secrets.join("root.key");
    let made = Local::create(&path, &data, Secret::new([0xab; 32]), steps(1)).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(fs::metadata(&path).unwrap().len(), FILE_BYTES as u64);
    let loaded = Local::load(&path, &data, steps(2)).unwrap();
    assert_eq!((loaded.secret().expose(), loaded.id()), (&[0xab; 32], made.id()));
    assert!(!format!("{loaded:?}").contains("abab"));

    let again = Local::create(&path, &data, Secret::new([1; 32]), steps(1));
    assert!(matches!(again, Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists));
    assert_eq!(Local::load(&path, &data, steps(2)).unwrap().id(), made.id());

    let link = secrets.join("link.key");
    symlink(&path, &link).unwrap();
    assert_eq!(Local::load(&link, &data, steps(2)).unwrap().id(), made.id());
}

#[test]
fn a_file_that_others_may_reach_is_refused() {
    let (_all, data, secrets) = folders();
    let path = secrets.join("root.key");
    Local::create(&path, &data, Secret::new([1; 32]), steps(1)).unwrap();
    for (mode, taken) in
        [(0o600, true), (0o400, true), (0o644, false), (0o640, false), (0o601, false), (0o700, false), (0o4600, false)]
    {
        set_mode(&path, mode);
        match Local::load(&path, &data, steps(1)) {
            Ok(_) => assert!(taken, "{mode:o}"),
            Err(Error::KeyFileOpen { mode: named, .. }) => assert!(!taken && named == mode, "{mode:o}"),
            Err(other) => panic!("{mode:o}: {other}"),
        }
    }
    set_mode(&path, 0o644);
    let text = Local::load(&path, &data, steps(1)).unwrap_err().to_string();
    assert!(text.contains("`0644`"), "{text}");
}

#[test]
fn a_key_inside_the_data_folder_is_refused() {
    let (_all, data, secrets) = folders();
    let deep = data.join("deep");
    fs::create_dir(&deep).unwrap();
    let outside = secrets.join("root.key");
    Local::create(&outside, &data, Secret::new([1; 32]), steps(1)).unwrap();
    let inside = deep.join("root.key");
    fs::copy(&outside, &inside).unwrap();
    let link = secrets.join("link.key");
    symlink(&inside, &link).unwrap();
    let dotted = secrets.join("../data/deep/root.key");
    for path in [&inside, &link, &dotted] {
        assert!(matches!(Local::load(path, &data, steps(1)), Err(Error::KeyInsideData { .. })), "{path:?}");
    }
    let way_in = secrets.join("way-in");
    symlink(&deep, &way_in).unwrap();
    for path in [data.join("new.key"), way_in.join("new.key"), secrets.join("../data/new.key")] {
        let made = Local::create(&path, &data, Secret::new([1; 32]), steps(1));
        assert!(matches!(made, Err(Error::KeyInsideData { .. })), "{path:?}");
        assert!(!path.exists());
    }
}

#[test]
fn only_whole_key_files_are_taken() {
    let (_all, data, secrets) = folders();
    let good = render(&Secret::new([0x5c; 32])).to_vec();
    let mut rows = vec![vec![], vec![0x5c; 32], [&good[..], b"\n"].concat(), [b" ", &good[..]].concat()];
    rows.extend((0..good.len()).map(|length| good[..length].to_vec()));
    for bit in 0..good.len() * 8 {
        let mut altered = good.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        // Hex digits in upper case name the same key.
        if !altered.eq_ignore_ascii_case(&good) {
            rows.push(altered);
        }
    }
    for (place, bytes) in rows.iter().enumerate() {
        assert!(parse(bytes).is_none(), "row {place}");
    }
    let path = secrets.join("bad.key");
    fs::write(&path, &rows[1]).unwrap();
    set_mode(&path, 0o600);
    assert!(matches!(Local::load(&path, &data, steps(1)), Err(Error::NotAKeyFile { .. })));
    assert!(matches!(Local::load(&secrets.join("none"), &data, steps(1)), Err(Error::Io { .. })));
}

#[test]
fn a_wrapped_key_belongs_to_its_owner() {
    let local = Local::new(Secret::new([1; 32]), steps(1));
    let here = context();
    let wrapped = local.wrap(&here, &Secret::new([9; 32])).unwrap();
    assert_ne!(wrapped, local.wrap(&here, &Secret::new([9; 32])).unwrap());
    assert_eq!(local.unwrap(&here, &wrapped).unwrap().expose(), &[9; 32]);
    let rows = [
        ("cluster", KeyContext { cluster: ClusterId([2; 16]), ..here }),
        ("owner", KeyContext { owner: Uid(8), ..here }),
        ("key", KeyContext { key: KeyId::from_random([3; 12]), ..here }),
        ("purpose", KeyContext { purpose: KeyPurpose::AtRest, ..here }),
    ];
    for (what, elsewhere) in rows {
        assert!(matches!(local.unwrap(&elsewhere, &wrapped), Err(Error::WrongWrap)), "{what}");
    }
    let other = Local::new(Secret::new([2; 32]), steps(1));
    let refused = other.unwrap(&here, &wrapped);
    assert!(matches!(refused, Err(Error::OtherProviderKey { wanted, .. }) if wanted == local.id()));
}

#[test]
fn an_altered_wrapped_key_is_refused() {
    let local = Local::new(Secret::new([1; 32]), steps(1));
    let wrapped = local.wrap(&context(), &Secret::new([9; 32])).unwrap();
    for bit in 0..wrapped.as_bytes().len() * 8 {
        let mut altered = wrapped.as_bytes().to_vec();
        altered[bit / 8] ^= 1 << (bit % 8);
        match (bit / 8, local.unwrap(&context(), &WrappedKey::new(altered).unwrap())) {
            (0, Err(Error::Open(OpenError::UnknownVersion { .. }))) => {}
            (1..=ID_BYTES, Err(Error::OtherProviderKey { .. })) => {}
            (byte, Err(Error::WrongWrap)) if byte > ID_BYTES => {}
            (byte, other) => panic!("byte {byte}: {other:?}"),
        }
    }
}

#[test]
fn the_cache_unwraps_what_control_state_holds() {
    let local = Local::new(Secret::new([1; 32]), steps(1));
    let wrapped = local.wrap(&context(), &Secret::new([9; 32])).unwrap();
    let keys = DataKeys::default();
    keys.insert(&local, &context(), &wrapped, BootMillis(5)).unwrap();
    assert_eq!(keys.get(context().key).unwrap().secret().expose(), &[9; 32]);
    let elsewhere = KeyContext { owner: Uid(8), ..context() };
    assert!(matches!(keys.insert(&local, &elsewhere, &wrapped, BootMillis(5)), Err(Error::WrongWrap)));
    let other = KeyId::from_random([3; 12]);
    assert!(keys.get(other).is_none() && keys.len() == 1);
}

proptest! {
    #[test]
    fn any_bytes_are_refused_in_peace(bytes in proptest::collection::vec(any::<u8>(), 0..300), known in any::<bool>()) {
        prop_assert!(parse(&bytes).is_none());
        let local = Local::new(Secret::new([1; 32]), steps(1));
        let mut bytes = bytes;
        bytes.resize(if known { WRAPPED_BYTES } else { bytes.len() }, 0);
        if known {
            bytes[0] = FORMAT;
            bytes[1..=ID_BYTES].copy_from_slice(&local.id);
        }
        prop_assert!(local.unwrap(&context(), &WrappedKey::new(bytes).unwrap()).is_err());
    }
}
