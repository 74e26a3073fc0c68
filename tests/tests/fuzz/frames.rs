//! Sealed frames: nothing that was changed opens, and nothing that is no frame harms.

use std::sync::Arc;

use bascule_keyring::context::{Context, RecordKind};
use bascule_keyring::data_keys::DataKey;
use bascule_keyring::frame;
use bascule_keyring::sealer::Sealer;
use bascule_model::id::{ClusterId, EventId};
use bascule_model::uid::Uid;
use bascule_tests::chance::Air;

use super::run;

#[test]
fn changed_frames_do_not_open() {
    let context = Context {
        cluster: ClusterId([1; 16]),
        bus: Uid(7),
        event: EventId([2; 16]),
        kind: RecordKind::Event,
        stamp_hash: [3; 16],
    };
    let keys: Vec<Arc<DataKey>> = (0..2).map(|_| Arc::new(DataKey::draw(&Air).unwrap())).collect();
    let sealer = Sealer::start(Arc::new(Air)).unwrap();
    let seal = |payload: &[u8], keys: &[Arc<DataKey>]| sealer.seal(payload, &context, keys).unwrap().to_vec();
    let corpus = vec![
        seal(b"", &keys[..1]),
        seal(b"{\"a\":1}", &keys[..1]),
        seal(&[0x20; 3_000], &keys),
        seal(b"{\"detail\":{}}", &keys[1..]),
    ];
    let lookup = |id| keys.iter().find(|key| key.id() == id).cloned();
    let mut same = 0;
    run::each("frames", &corpus, |input| {
        // A change may be none; and a slot that is not needed may be of any bytes, so that frames are compared by what opens.
        let known = corpus.iter().any(|frame| frame == input);
        let opened = frame::open(input, &context, lookup);
        same += u64::from(known);
        assert!(!known || opened.is_ok(), "an unchanged frame opens");
        if let Ok(payload) = &opened {
            let sealed =
                corpus.iter().any(|frame| frame::open(frame, &context, lookup).is_ok_and(|other| *other == **payload));
            assert!(sealed, "what opens was sealed");
        }
        let elsewhere = Context { bus: Uid(8), ..context };
        assert!(frame::open(input, &elsewhere, lookup).is_err(), "no frame opens in another place");
        if let Ok(ids) = frame::key_ids(input) {
            for id in ids {
                // Nothing is authenticated here: that it answers is all.
                drop(frame::keep_slot(input, id));
            }
        }
    });
    eprintln!("frames: {same} inputs were unchanged");
}
