//! Keys as they are drawn, sealed and opened, and that a sealed secret opens in its own row alone.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bascule_keyring::context::RecordKind;
use bascule_keyring::error::OpenError;
use bascule_keyring::provider::local::Local;
use bascule_keyring::sealer::Sealer;
use bascule_keyring::secret::Secret as Root;
use bascule_model::ambient::{Clock, Entropy, NoEntropy, Pending, Spawn, TaskKind};
use bascule_model::id::{self, ClusterId};
use bascule_model::time::{BootMillis, Millis};
use bascule_model::uid::ControlIndex;
use bascule_statemachine::codec::control::rows::{BusRow, DataKeyRow, MetaRow, UserRow};
use bascule_statemachine::control::state::State;

use super::*;

const ACCOUNT: u64 = 111_122_223_333;

/// Chance that counts, until it is dry.
#[derive(Default)]
struct Counted {
    next: AtomicU64,
    dry: AtomicBool,
}

impl Entropy for Counted {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoEntropy> {
        if self.dry.load(Ordering::Relaxed) {
            return Err(NoEntropy);
        }
        for chunk in buffer.chunks_mut(16) {
            let nth = self.next.fetch_add(1, Ordering::Relaxed);
            chunk.copy_from_slice(&id::hash("chance", &[&nth.to_be_bytes()])[..chunk.len()]);
        }
        Ok(())
    }
}

struct Still;

impl Clock for Still {
    fn wall(&self) -> Millis {
        Millis(0)
    }

    fn boot(&self) -> BootMillis {
        BootMillis(0)
    }
}

/// Works where it is asked to.
struct Here;

impl Spawn for Here {
    fn spawn(&self, kind: TaskKind, _: Pending<'static, ()>) {
        panic!("nothing is spawned here: {kind:?}");
    }

    fn block(&self, _: TaskKind, work: Box<dyn FnOnce() + Send>) {
        work();
    }
}

/// A vault, what its chance is, and the state of a cluster with a default bus and no user.
struct World {
    vault: Arc<Vault>,
    chance: Arc<Counted>,
    state: State,
}

impl World {
    async fn begun() -> Self {
        let chance = Arc::new(Counted::default());
        let entropy = || -> Arc<dyn Entropy> { Arc::clone(&chance) as _ };
        let root = Arc::new(Local::new(Root::new([7; 32]), entropy()));
        let sealer = Sealer::start(entropy()).unwrap();
        let vault = Vault::new(sealer, root, Arc::new(Still), entropy(), Arc::new(Here));
        let key = vault.draw(ClusterId([1; 16])).await.unwrap();
        let mut state = State {
            cluster: Some(MetaRow {
                cluster_id: Bytes::from_static(&[1; 16]),
                partition: "aws".to_owned(),
                region: "us-east-1".to_owned(),
                account: ACCOUNT,
                ..MetaRow::default()
            }),
            ..State::default()
        };
        let (uid, name) = (1, BusName::DEFAULT.to_owned());
        let bus = BusRow { uid, account: ACCOUNT, name, key_id: key.key_id.clone(), ..BusRow::default() };
        state.buses.insert(Uid(1), bus);
        let row = DataKeyRow { key_id: key.key_id.clone(), wrapped: key.wrapped, ..DataKeyRow::default() };
        state.data_keys.insert(key.key_id, row);
        Self { vault, chance, state }
    }

    /// The view of it with these users.
    fn with(&self, users: &[UserRow]) -> View {
        let mut state = self.state.clone();
        state.users.extend(users.iter().map(|user| (Uid(user.uid), user.clone())));
        View::of(ControlIndex(1), state)
    }
}

fn user(uid: u64, account: u64, keys: Vec<AccessKey>) -> UserRow {
    let (name, path) = (format!("u{uid}"), "/".to_owned());
    UserRow { uid, account, name, path, access_keys: keys, ..UserRow::default() }
}

fn held(id: &str, sealed: &Bytes, active: bool) -> AccessKey {
    AccessKey { uid: 9, id: id.to_owned(), sealed: sealed.clone(), active, ..AccessKey::default() }
}

fn account() -> AccountId {
    AccountId::from_number(ACCOUNT).unwrap()
}

async fn drawn(world: &World, uid: u64) -> Drawn {
    let view = world.with(&[user(uid, ACCOUNT, Vec::new())]);
    let user = view.realm.user(account(), &format!("u{uid}")).unwrap();
    draw(&world.vault, &view, user).await.unwrap()
}

#[tokio::test]
async fn a_key_is_drawn_as_iam_draws_them_and_shows_its_secret_to_nobody() {
    let world = World::begun().await;
    let mut seen = BTreeSet::new();
    for _ in 0..50 {
        let key = drawn(&world, 5).await;
        let letters = key.id.as_str().strip_prefix("AKIA").unwrap();
        assert!(letters.len() == 16 && letters.bytes().all(|byte| LETTERS_OF_IDS.contains(&byte)), "{}", key.id);
        let secret = key.secret.reveal();
        assert!(secret.len() == 40 && secret.bytes().all(|byte| LETTERS_OF_SECRETS.contains(&byte)), "{secret}");
        assert!(!key.sealed.windows(8).any(|window| window == &secret.as_bytes()[..8]), "it is not sealed");
        assert!(!format!("{key:?}").contains(secret));
        assert!(seen.insert(key.id.to_string()) && seen.insert(secret.to_owned()), "drawn twice");
    }
}

#[test]
fn letters_are_those_of_base32_and_base64() {
    // RFC 4648, section 10, where there is no padding.
    assert_eq!(spelt(b"fooba", LETTERS_OF_IDS), "MZXW6YTB");
    assert_eq!(spelt(b"foobar", LETTERS_OF_SECRETS), "Zm9vYmFy");
    assert_eq!(spelt(&[0xff; 10], LETTERS_OF_IDS), "7".repeat(16));
    assert_eq!(spelt(&[0xff; 30], LETTERS_OF_SECRETS), "/".repeat(40));
}

#[tokio::test]
async fn a_key_is_found_by_its_id_with_user_secret_and_whether_it_is_in_force() {
    let world = World::begun().await;
    let key = drawn(&world, 5).await;
    let id = key.id.as_str();
    for active in [true, false] {
        let view = world.with(&[user(5, ACCOUNT, vec![held(id, &key.sealed, active)]), user(6, ACCOUNT, Vec::new())]);
        let opened = open(&world.vault, &view, id).await.unwrap().unwrap();
        assert_eq!((opened.account, opened.user.row.uid, opened.active), (account(), 5, active));
        assert_eq!(opened.secret, key.secret);
        assert!(!format!("{opened:?}").contains(key.secret.reveal()));
        for other in ["", "AKIA", &id[1..], &id.to_ascii_lowercase()] {
            assert!(open(&world.vault, &view, other).await.unwrap().is_none(), "{other}");
        }
    }
    let gone = world.with(&[user(5, ACCOUNT, Vec::new())]);
    assert!(open(&world.vault, &gone, id).await.unwrap().is_none());
}

#[tokio::test]
async fn a_sealed_secret_opens_in_its_own_row_alone() {
    let world = World::begun().await;
    let (key, other) = (drawn(&world, 5).await, drawn(&world, 5).await);
    let id = key.id.as_str();
    let mut altered = key.sealed.to_vec();
    *altered.last_mut().unwrap() ^= 1;
    for (what, moved, of) in [
        ("another user", user(6, ACCOUNT, vec![held(id, &key.sealed, true)]), id),
        ("another account", user(5, ACCOUNT + 1, vec![held(id, &key.sealed, true)]), id),
        ("another id", user(5, ACCOUNT, vec![held(other.id.as_str(), &key.sealed, true)]), other.id.as_str()),
        ("other bytes", user(5, ACCOUNT, vec![held(id, &altered.into(), true)]), id),
    ] {
        let view = world.with(&[moved]);
        let why = open(&world.vault, &view, of).await.unwrap_err();
        assert_eq!(why, SealError::Open(OpenError::Unauthentic), "{what}");
    }
    // No kind of frame is taken for another.
    let view = world.with(&[user(5, ACCOUNT, vec![held(id, &key.sealed, true)])]);
    let place = Place::of_access_key(account(), Uid(5), id);
    let event = Place { kind: RecordKind::Event, ..place };
    assert!(world.vault.open_bytes(&view, event, &key.sealed).await.is_err());
    assert!(world.vault.open_bytes(&view, place, &key.sealed).await.is_ok());
}

#[tokio::test]
async fn without_a_key_or_chance_nothing_is_drawn() {
    let world = World::begun().await;
    let view = world.with(&[user(5, ACCOUNT, Vec::new()), user(6, ACCOUNT + 1, Vec::new())]);
    let other = view.realm.user(AccountId::from_number(ACCOUNT + 1).unwrap(), "u6").unwrap();
    // An account without a default bus has no key to seal with; another account's is not taken.
    assert_eq!(draw(&world.vault, &view, other).await.unwrap_err(), SealError::NoKey);
    let own = view.realm.user(account(), "u5").unwrap();
    world.chance.dry.store(true, Ordering::Relaxed);
    assert!(matches!(draw(&world.vault, &view, own).await, Err(SealError::Seal(_))));
    world.chance.dry.store(false, Ordering::Relaxed);
    assert!(draw(&world.vault, &view, own).await.is_ok());
}
