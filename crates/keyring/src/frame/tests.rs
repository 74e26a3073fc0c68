//! Frames: what opens, what does not, and which of the refusals is terminal.

use std::collections::BTreeSet;

use bascule_model::id::{ClusterId, EventId};
use bascule_model::uid::Uid;
use proptest::prelude::*;

use super::*;
use crate::context::RecordKind;
use crate::sealer::Sealer;
use crate::testing::Steps;

fn context() -> Context {
    Context {
        cluster: ClusterId([1; 16]),
        bus: Uid(7),
        event: EventId::from_random([3; 16]),
        kind: RecordKind::Event,
        stamp_hash: [4; 16],
    }
}

fn sealer(seed: u64) -> Sealer {
    Sealer::start(Arc::new(Steps::new(seed))).unwrap()
}

fn key(seed: u64) -> Arc<DataKey> {
    Arc::new(DataKey::draw(&Steps::new(1_000 + seed)).unwrap())
}

/// The same key as if a restarted process had unwrapped it again.
fn again(key: &DataKey) -> Arc<DataKey> {
    Arc::new(DataKey::new(key.id(), Secret::new(*key.secret().expose())))
}

fn among(keys: &[Arc<DataKey>]) -> impl Fn(KeyId) -> Option<Arc<DataKey>> {
    move |id| keys.iter().find(|key| key.id() == id).cloned()
}

#[test]
fn every_key_of_a_frame_opens_it() {
    let keys = [key(1), key(2), key(3)];
    for length in [0, 1, 15, 16, 17, 1_000, PAYLOAD_LIMIT_BYTES] {
        let payload = vec![0x42; length];
        let frame = sealer(1).seal(&payload, &context(), &keys).unwrap();
        assert_eq!(frame.len(), length + overhead_bytes(3));
        assert_eq!(key_ids(&frame).unwrap(), keys.each_ref().map(|key| key.id()));
        for held in &keys {
            let opened = open(&frame, &context(), among(&[again(held)])).unwrap();
            assert!(*opened == payload, "{length} bytes");
        }
    }
}

#[test]
fn format_1_stays_as_it_is() {
    // Frames live for years: if this fails, the format needs a new number and the old one its reader.
    let frame = sealer(1).seal(b"payload", &context(), &[key(1)]).unwrap();
    let print = hex::encode(crate::cipher::digest("print", &[&frame]));
    assert_eq!(print, "a47b1d2292254b17babd08c1b8fa5109035c24ff07991d8066814fe902de8c2a");
}

#[test]
fn the_payload_is_not_in_the_frame() {
    let canary = b"canary-canary-canary";
    let frame = sealer(1).seal(canary, &context(), &[key(1)]).unwrap();
    assert!(!frame.windows(6).any(|window| window == b"canary"));
}

#[test]
fn every_flipped_bit_is_refused() {
    let keys = [key(1)];
    let frame = sealer(1).seal(b"small", &context(), &keys).unwrap();
    for bit in 0..frame.len() * 8 {
        let mut altered = frame.to_vec();
        altered[bit / 8] ^= 1 << (bit % 8);
        let expected = if bit < 8 { OpenError::UnknownVersion { version: altered[0] } } else { OpenError::Unauthentic };
        assert_eq!(open(&altered, &context(), among(&keys)), Err(expected), "bit {bit}");
    }
    for length in 0..frame.len() {
        assert_eq!(open(&frame[..length], &context(), among(&keys)), Err(OpenError::Unauthentic), "{length} bytes");
    }
    let longer = [&frame[..], &[0]].concat();
    assert_eq!(open(&longer, &context(), among(&keys)), Err(OpenError::Unauthentic));
}

#[test]
fn a_flip_in_anothers_slot_never_changes_the_payload() {
    let keys = [key(1), key(2)];
    let frame = sealer(1).seal(b"small", &context(), &keys).unwrap();
    let foreign = HEAD_BYTES * 8..(HEAD_BYTES + SLOT_BYTES) * 8;
    for bit in 8..frame.len() * 8 {
        let mut altered = frame.to_vec();
        altered[bit / 8] ^= 1 << (bit % 8);
        match open(&altered, &context(), among(&keys[1..])) {
            Ok(payload) => assert!(foreign.contains(&bit) && *payload == b"small", "bit {bit}"),
            Err(error) => assert_eq!(error, OpenError::Unauthentic, "bit {bit}"),
        }
    }
}

#[test]
fn row_12_a_frame_opens_at_its_own_place_only() {
    let keys = [key(1)];
    let frame = sealer(1).seal(b"payload", &context(), &keys).unwrap();
    let here = context();
    let mut stamp_hash = here.stamp_hash;
    stamp_hash[15] ^= 1;
    let rows = [
        ("cluster", Context { cluster: ClusterId([2; 16]), ..here }),
        ("bus", Context { bus: Uid(8), ..here }),
        ("event", Context { event: EventId::from_random([9; 16]), ..here }),
        ("kind", Context { kind: RecordKind::Input, ..here }),
        ("stamp", Context { stamp_hash, ..here }),
    ];
    assert!(open(&frame, &here, among(&keys)).is_ok());
    for (what, elsewhere) in rows {
        assert_eq!(open(&frame, &elsewhere, among(&keys)), Err(OpenError::Unauthentic), "{what}");
    }
}

#[test]
fn slots_and_payloads_of_two_frames_do_not_mix() {
    let keys = [key(1)];
    let sealer = sealer(1);
    let one = sealer.seal(b"one", &context(), &keys).unwrap();
    let two = sealer.seal(b"two", &context(), &keys).unwrap();
    let cut = HEAD_BYTES + SLOT_BYTES;
    let mixed = [&one[..cut], &two[cut..]].concat();
    assert_eq!(open(&mixed, &context(), among(&keys)), Err(OpenError::Unauthentic));
}

#[test]
fn a_missing_key_is_not_a_broken_frame() {
    let keys = [key(1), key(2)];
    let frame = sealer(1).seal(b"payload", &context(), &keys).unwrap();
    let missing = OpenError::KeyUnavailable { key: keys[0].id() };
    assert_eq!(open(&frame, &context(), |_| None), Err(missing));
    assert_eq!(open(&frame, &context(), among(&[key(3)])), Err(missing));
    let impostor = Arc::new(DataKey::new(keys[0].id(), Secret::new([9; 32])));
    assert_eq!(open(&frame, &context(), among(&[impostor])), Err(OpenError::Unauthentic));
}

#[test]
fn a_copy_keeps_one_slot() {
    let keys = [key(1), key(2), key(3)];
    let frame = sealer(1).seal(b"payload", &context(), &keys).unwrap();
    for kept in &keys {
        let copy = keep_slot(&frame, kept.id()).unwrap();
        assert_eq!(key_ids(&copy).unwrap(), [kept.id()]);
        assert_eq!(copy.len(), frame.len() - 2 * SLOT_BYTES);
        for tried in &keys {
            let opened = open(&copy, &context(), among(std::slice::from_ref(tried)));
            if tried.id() == kept.id() {
                assert_eq!(*opened.unwrap(), b"payload");
            } else {
                assert_eq!(opened, Err(OpenError::KeyUnavailable { key: kept.id() }));
            }
        }
        assert_eq!(keep_slot(&copy, kept.id()).unwrap(), copy);
    }
    let absent = key(4).id();
    assert!(matches!(keep_slot(&frame, absent), Err(Error::NoSuchSlot { key }) if key == absent));
    assert!(matches!(keep_slot(&frame[..50], absent), Err(Error::Open(OpenError::Unauthentic))));
    assert!(matches!(keep_slot(&[2, 1], absent), Err(Error::Open(OpenError::UnknownVersion { version: 2 }))));
}

#[test]
fn a_slot_must_commit_to_the_key_that_opens_it() {
    // All but the commitment is right in the crafted slot: its tag fits, under the key that is looked up.
    let (right, other) = (key(1), key(2));
    let associated = context().encode(FORMAT);
    let content = Secret::new([5; 32]);
    let sealer = [6; SEALER_BYTES];
    let subkey = right.subkey(&sealer).unwrap();
    let foreign = other.subkey(&sealer).unwrap();
    for (commitment, expected) in [(subkey.commitment(), true), (foreign.commitment(), false), (&[0; 32], false)] {
        let slot = make_slot(&associated, &content, right.id(), (&sealer, 0), (&subkey, commitment)).unwrap();
        let frame = assemble(b"payload", &associated, &content, &[slot]).unwrap();
        let opened = open(&frame, &context(), among(&[again(&right)]));
        assert_eq!(opened.is_ok(), expected);
        if !expected {
            assert_eq!(opened, Err(OpenError::Unauthentic));
        }
    }
}

#[test]
fn equal_secrets_under_two_ids_share_no_subkey() {
    let twins = [1, 2].map(|id| Arc::new(DataKey::new(KeyId::from_random([id; 12]), Secret::new([8; 32]))));
    let frame = sealer(1).seal(b"payload", &context(), &twins).unwrap();
    let wrapped = |place: usize| &frame[HEAD_BYTES + place * SLOT_BYTES + CLEAR_BYTES..][..Secret::LEN_BYTES];
    assert_ne!(wrapped(0), wrapped(1));
}

#[test]
fn what_cannot_be_sealed_is_named() {
    let one = key(1);
    let many: Vec<_> = (0..=FRAME_LIMIT_SLOTS as u64).map(key).collect();
    let sealer = sealer(1);
    let seal = |payload: &[u8], keys: &[Arc<DataKey>]| sealer.seal(payload, &context(), keys);
    assert!(matches!(seal(b"", &[]), Err(Error::NoSlots)));
    assert!(matches!(seal(b"", &many), Err(Error::TooManySlots { count: 129, limit_slots: 128 })));
    assert!(seal(b"", &many[1..]).is_ok());
    assert!(matches!(seal(b"", &[one.clone(), one.clone()]), Err(Error::DuplicateSlot { key }) if key == one.id()));
    let long = vec![0; PAYLOAD_LIMIT_BYTES + 1];
    assert!(matches!(seal(&long, &[one]), Err(Error::PayloadTooLong { .. })));
    assert!(Sealer::start(Arc::new(Steps::dried())).is_err());
}

/// Sealer and counter of a one-slot frame: together with the data key, the nonce.
fn nonce_of(frame: &[u8]) -> Vec<u8> {
    frame[HEAD_BYTES + KeyId::LEN_BYTES..][..SEALER_BYTES + COUNTER_BYTES].to_vec()
}

#[test]
fn no_nonce_comes_twice_even_after_restarts() {
    const SEALS: usize = 100_000;
    const STARTS: usize = 5;
    let original = key(1);
    let mut nonces = BTreeSet::new();
    for start in 0..STARTS {
        // A restart unwraps the same data key again; only chance is new.
        let (sealer, keys) = (sealer(start as u64), [again(&original)]);
        for _ in 0..SEALS / STARTS {
            let frame = sealer.seal(b"", &context(), &keys).unwrap();
            nonces.insert(nonce_of(&frame));
        }
    }
    assert_eq!(nonces.len(), SEALS);
}

#[test]
fn frames_of_many_sealers_open_after_their_subkeys_left_the_cache() {
    let keys = [key(1)];
    let frames: Vec<_> = (0..200).map(|seed| sealer(seed).seal(b"payload", &context(), &keys).unwrap()).collect();
    for frame in frames.iter().chain(frames.iter().rev()) {
        assert_eq!(*open(frame, &context(), among(&keys)).unwrap(), b"payload");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_refused_in_peace(bytes in proptest::collection::vec(any::<u8>(), 0..600), known in any::<bool>()) {
        let mut bytes = bytes;
        if known && bytes.len() > 1 {
            bytes[0] = FORMAT;
            bytes[1] %= 4;
        }
        if bytes.first() != Some(&0xf0) {
            prop_assert!(open(&bytes, &context(), |_| Some(key(1))).is_err());
            prop_assert!(keep_slot(&bytes, KeyId::from_random([1; 12])).is_err());
        }
        let _ = key_ids(&bytes);
    }

    #[test]
    fn what_was_sealed_opens(payload in proptest::collection::vec(any::<u8>(), 0..300), slots in 1_u64..5, seed: u64) {
        let keys: Vec<_> = (0..slots).map(key).collect();
        let frame = sealer(seed).seal(&payload, &context(), &keys).unwrap();
        prop_assert_eq!(&*open(&frame, &context(), among(&keys)).unwrap(), &payload);
    }
}

#[cfg(feature = "planted-faults")]
#[test]
fn a_planted_fault_leaves_payloads_plain() {
    use crate::sealer::Sealing;

    let sealer = |sealing| Sealer::start_with(Arc::new(Steps::new(1)), sealing).unwrap();
    for (sealing, plain) in [(Sealing::Off, true), (Sealing::On, false)] {
        let frame = sealer(sealing).seal(b"canary", &context(), &[key(1)]).unwrap();
        assert_eq!(frame.windows(6).any(|window| window == b"canary"), plain);
        assert_eq!(*open(&frame, &context(), among(&[key(1)])).unwrap(), b"canary");
        assert!(keep_slot(&frame, key(1).id()).is_ok());
    }
}
