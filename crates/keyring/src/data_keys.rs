//! Data keys: one per bus and one per archive with its own, held open in a bounded cache that control effects fill.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bascule_model::ambient::{Entropy, NoEntropy};
use bascule_model::time::BootMillis;
use parking_lot::RwLock;

use crate::cipher::Subkey;
use crate::error::Error;
use crate::limits::{DATA_KEY_LIMIT_SUBKEYS, DATA_KEYS_LIMIT_KEYS};
use crate::provider::{KeyContext, Provider, WrappedKey};
use crate::secret::{KeyId, Secret};
use crate::subkeys::Subkeys;

/// Bytes of a frame's sealer.
pub(crate) const SEALER_BYTES: usize = 32;

/// A key that content keys are wrapped in. Wiped when its last holder drops it.
#[derive(Debug)]
pub struct DataKey {
    id: KeyId,
    secret: Secret,
    seen: Subkeys<SEALER_BYTES>,
}

impl DataKey {
    /// Names a secret.
    #[must_use]
    pub fn new(id: KeyId, secret: Secret) -> Self {
        Self { id, secret, seen: Subkeys::new(DATA_KEY_LIMIT_SUBKEYS) }
    }

    /// A fresh key with a fresh id.
    ///
    /// # Errors
    /// [`NoEntropy`].
    pub fn draw(entropy: &dyn Entropy) -> Result<Self, NoEntropy> {
        Ok(Self::new(KeyId::draw(entropy)?, Secret::draw(entropy)?))
    }

    /// Its public name.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// The secret, for wrapping by a provider.
    #[must_use]
    pub const fn secret(&self) -> &Secret {
        &self.secret
    }

    /// The subkey for `sealer`, from the cache or derived; the key id is part of it.
    pub(crate) fn subkey(&self, sealer: &[u8; SEALER_BYTES]) -> Result<Arc<Subkey>, Error> {
        match self.seen.get(sealer) {
            Some(subkey) => Ok(subkey),
            None => Subkey::derive(&self.secret, sealer, "bascule data subkey", self.id.as_bytes()).map(Arc::new),
        }
    }

    pub(crate) fn remember(&self, sealer: [u8; SEALER_BYTES], subkey: &Arc<Subkey>) {
        if self.seen.get(&sealer).is_none() {
            self.seen.remember(sealer, subkey);
        }
    }
}

/// The data keys that are open on this node, by id.
#[derive(Debug)]
pub struct DataKeys {
    keys: RwLock<BTreeMap<KeyId, Held>>,
    uses: AtomicU64,
    limit_keys: usize,
}

#[derive(Debug)]
struct Held {
    key: Arc<DataKey>,
    since: BootMillis,
    last_use: AtomicU64,
}

impl Default for DataKeys {
    fn default() -> Self {
        Self::with_limit(DATA_KEYS_LIMIT_KEYS)
    }
}

impl DataKeys {
    /// An empty cache of at most `limit_keys` keys.
    #[must_use]
    pub fn with_limit(limit_keys: usize) -> Self {
        Self { keys: RwLock::default(), uses: AtomicU64::new(0), limit_keys: limit_keys.max(1) }
    }

    /// Unwraps a key and holds it; `now` is the boot clock, for [`DataKeys::drop_held_before`]. May block on the
    /// provider. A full cache drops the key that was used longest ago.
    ///
    /// # Errors
    /// The provider's, see [`Provider::unwrap`].
    pub fn insert(
        &self,
        provider: &dyn Provider,
        context: &KeyContext,
        wrapped: &WrappedKey,
        now: BootMillis,
    ) -> Result<Arc<DataKey>, Error> {
        let key = Arc::new(DataKey::new(context.key, provider.unwrap(context, wrapped)?));
        self.hold(key.clone(), now);
        Ok(key)
    }

    /// Holds a key that is already open, such as one just drawn.
    pub fn hold(&self, key: Arc<DataKey>, now: BootMillis) {
        let mut keys = self.keys.write();
        let held = Held { since: now, last_use: AtomicU64::new(self.tick()), key };
        keys.insert(held.key.id, held);
        while keys.len() > self.limit_keys {
            let idle = keys.values().min_by_key(|held| held.last_use.load(Ordering::Relaxed)).map(|held| held.key.id);
            match idle {
                Some(idle) => keys.remove(&idle),
                None => break,
            };
        }
    }

    /// The key of this id; `None` says that it is not here, not that there is none.
    #[must_use]
    pub fn get(&self, id: KeyId) -> Option<Arc<DataKey>> {
        let keys = self.keys.read();
        let held = keys.get(&id)?;
        held.last_use.store(self.tick(), Ordering::Relaxed);
        Some(held.key.clone())
    }

    /// Lets go of one key: disabled, destroyed or replaced. `true` if it was here.
    pub fn remove(&self, id: KeyId) -> bool {
        self.keys.write().remove(&id).is_some()
    }

    /// Lets go of every key held since before `then`, so that a provider's disabling takes effect here.
    pub fn drop_held_before(&self, then: BootMillis) {
        self.keys.write().retain(|_, held| held.since >= then);
    }

    /// Lets go of all.
    pub fn clear(&self) {
        self.keys.write().clear();
    }

    /// How many keys are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.read().len()
    }

    /// Whether none is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn tick(&self) -> u64 {
        self.uses.fetch_add(1, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Steps;

    fn drawn(count: u64) -> Vec<Arc<DataKey>> {
        (0..count).map(|seed| Arc::new(DataKey::draw(&Steps::new(seed)).unwrap())).collect()
    }

    #[test]
    fn a_full_cache_drops_the_idle_key() {
        let keys = DataKeys::with_limit(2);
        let drawn = drawn(3);
        keys.hold(drawn[0].clone(), BootMillis(1));
        keys.hold(drawn[1].clone(), BootMillis(2));
        assert!(keys.get(drawn[0].id()).is_some());
        keys.hold(drawn[2].clone(), BootMillis(3));
        let here: Vec<bool> = drawn.iter().map(|key| keys.get(key.id()).is_some()).collect();
        assert_eq!(here, [true, false, true]);
    }

    #[test]
    fn keys_are_let_go() {
        let keys = DataKeys::default();
        let drawn = drawn(3);
        for (key, now) in drawn.iter().zip([10, 20, 30]) {
            keys.hold(key.clone(), BootMillis(now));
        }
        keys.drop_held_before(BootMillis(20));
        assert!(keys.get(drawn[0].id()).is_none() && keys.get(drawn[1].id()).is_some());
        assert!(keys.remove(drawn[1].id()) && !keys.remove(drawn[1].id()));
        assert_eq!(keys.len(), 1);
        keys.clear();
        assert!(keys.is_empty());
        assert_eq!(Arc::strong_count(&drawn[2]), 1, "the cache kept a key after it was cleared");
    }

    #[test]
    fn debug_prints_no_secret() {
        let key = Arc::new(DataKey::new(KeyId::from_random([1; 12]), Secret::new([0xab; 32])));
        let keys = DataKeys::default();
        keys.hold(key, BootMillis(0));
        let text = format!("{keys:?}").to_lowercase();
        assert!(!text.contains("171") && !text.contains("abab"), "{text}");
    }
}
