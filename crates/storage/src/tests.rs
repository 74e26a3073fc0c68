//! Tables and snapshots on RocksDB, held against the model in memory.

use std::path::Path;
use std::sync::Arc;

use bascule_model::uid::GroupId;
use bascule_statemachine::key::{Key, Part, Range};
use bascule_statemachine::overlay::InMemory;
use bascule_statemachine::ports::snapshots::Snapshots;
use bascule_statemachine::ports::tables::{Applied, Batch, Read, Tables};
use bascule_statemachine::register::Table;
use bytes::Bytes;
use proptest::prelude::*;

use crate::keys;
use crate::raftlog::simulated::Simulated;
use crate::seal::toy::Toy;
use crate::tables::{Compression, Database, no_log};

const ONE: GroupId = GroupId(1);

fn open(folder: &Path, switch: &Simulated) -> Database {
    Database::open(folder, Arc::new(switch.clone()), Arc::new(Toy), Compression::Off).unwrap()
}

fn applied(number: u8) -> Applied {
    Applied { log_id: Bytes::from(vec![number]), membership: Bytes::from_static(b"members") }
}

fn put(database: &Database, key: Key, row: &'static [u8], number: u8) {
    let batch = Batch { changes: vec![(key, Some(Bytes::from_static(row)))] };
    database.commit(ONE, batch, applied(number)).unwrap();
}

fn event(number: u64) -> Key {
    Key::new(Table::Events, [Part::Number(number)])
}

fn changes() -> impl Strategy<Value = Vec<(u64, u64, Option<u8>)>> {
    proptest::collection::vec((0..4_u64, 0..6_u64, proptest::option::of(any::<u8>())), 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn tables_equal_the_model(changes in changes(), prefix in 0..4_u64, from in 0..7_u64, to in 0..7_u64, limit in 0..9_usize) {
        let folder = tempfile::tempdir().unwrap();
        let switch = Simulated::default();
        let mut model = InMemory::default();
        {
            let database = open(folder.path(), &switch);
            for (a, b, row) in changes {
                let row = row.map(|byte| Bytes::from(vec![byte]));
                let keys = [Key::new(Table::Refs, [a.into(), b.into()]), Key::new(Table::Queues, ["account".into(), format!("q{a}{b}").as_str().into()])];
                let batch = Batch { changes: keys.map(|key| (key, row.clone())).into() };
                model.write(batch.clone());
                database.commit(ONE, batch, applied(1)).unwrap();
            }
        }
        let database = open(folder.path(), &switch);
        let view = database.view(ONE).unwrap();
        let range = Range { from: Some(from), to: Some(to), ..Range::all(Table::Refs, [prefix]) };
        for range in [range, Range::all(Table::Refs, [prefix]), Range::all(Table::Refs, [])] {
            prop_assert_eq!(view.scan(&range, limit).unwrap(), model.scan(&range, limit).unwrap());
        }
        let mut named = view.scan(&Range::all(Table::Queues, []), usize::MAX).unwrap();
        named.sort();
        prop_assert_eq!(named, model.scan(&Range::all(Table::Queues, []), usize::MAX).unwrap());
        for (key, row) in model.rows() {
            prop_assert_eq!(view.get(key).unwrap(), Some(row.clone()));
        }
    }
}

#[test]
fn every_flipped_byte_of_a_row_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(folder.path(), &Simulated::default());
    for key in [event(1), Key::new(Table::Queues, ["account".into(), "queue".into()])] {
        put(&database, key.clone(), b"row", 1);
        let (family, at) = (database.current(ONE).unwrap(), keys::physical(&key, &Toy));
        let whole = database.db.get_cf(&family, &at).unwrap().unwrap();
        for place in 0..whole.len() {
            let mut other = whole.clone();
            other[place] ^= 0x11;
            database.db.put_cf_opt(&family, &at, other, &no_log()).unwrap();
            let view = database.view(ONE).unwrap();
            assert!(view.get(&key).is_err(), "byte {place}");
            assert!(view.scan(&Range::all(key.table, []), 9).is_err(), "byte {place}");
        }
        database.db.put_cf_opt(&family, &at, whole, &no_log()).unwrap();
    }
}

#[test]
fn a_snapshot_is_pinned_and_installed_or_leaves_the_old() {
    let (a, b, switch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), Simulated::default());
    let from = open(a.path(), &Simulated::default());
    put(&from, event(1), b"one", 1);
    assert_eq!(from.flush(ONE).unwrap(), applied(1));
    let mut pinned = from.pin(ONE).unwrap();
    put(&from, event(2), b"two", 2);
    assert_eq!(*pinned.applied(), applied(1));
    let chunk = pinned.next_chunk().unwrap().unwrap();
    assert_eq!(pinned.next_chunk().unwrap(), None);
    let all = Range::all(Table::Events, []);
    {
        let to = open(b.path(), &switch);
        put(&to, event(9), b"old", 7);
        let mut install = to.install(ONE).unwrap();
        let mut bad = chunk.to_vec();
        bad[20] ^= 1;
        assert!(install.chunk(bad.into()).is_err());
        assert!(to.install(ONE).is_err());
        drop(install);
        let mut install = to.install(ONE).unwrap();
        install.chunk(chunk.clone()).unwrap();
        // As a crash would: nothing tidies up.
        std::mem::forget(install);
    }
    let to = open(b.path(), &switch);
    assert_eq!(to.applied(ONE).unwrap(), applied(7));
    assert!(to.install(ONE).unwrap().finish(applied(1)).is_err());
    let mut install = to.install(ONE).unwrap();
    install.chunk(chunk).unwrap();
    install.finish(applied(1)).unwrap();
    drop(to);
    let to = open(b.path(), &switch.cut(0));
    assert_eq!(to.applied(ONE).unwrap(), applied(1));
    assert_eq!(to.view(ONE).unwrap().scan(&all, 9).unwrap(), [(event(1), Bytes::from_static(b"one"))]);
}

#[test]
fn names_are_nowhere_in_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(folder.path(), &Simulated::default());
    let key = Key::new(Table::Queues, ["recognisable-account".into(), "recognisable-queue".into()]);
    put(&database, key, b"recognisable-row", 1);
    put(&database, event(1), b"visible-frame", 2);
    database.flush(ONE).unwrap();
    let has = |needle: &[u8]| {
        let files = std::fs::read_dir(folder.path()).unwrap().map(|file| std::fs::read(file.unwrap().path()).unwrap());
        files.map(|bytes| bytes.windows(needle.len()).filter(|part| *part == needle).count()).sum::<usize>()
    };
    assert_eq!(has(b"recognisable"), 0);
    assert!(has(b"visible-frame") > 0, "the search itself finds what is there");
}
