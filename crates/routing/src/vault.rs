//! Seals and opens payloads, and secrets of access keys, with the data keys of buses, which it has unwrapped by the provider when first
//! needed.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;

use bascule_keyring::context::{Context, RecordKind};
use bascule_keyring::data_keys::{DataKey, DataKeys};
use bascule_keyring::error::OpenError;
use bascule_keyring::frame;
use bascule_keyring::provider::{KeyContext, KeyPurpose, Provider, WrappedKey};
use bascule_keyring::sealer::Sealer;
use bascule_keyring::secret::KeyId;
use bascule_model::ambient::{Clock, Entropy, Spawn, TaskKind};
use bascule_model::id::{self, ClusterId, EventId};
use bascule_model::name::AccountId;
use bascule_model::uid::Uid;
use bascule_statemachine::codec::payload::Payload;
use bascule_statemachine::codec::shard::{Event, KIND_BODY, KIND_EVENT, MessageRow, Stamp, stamp_hash};
use bascule_statemachine::codec::{self, control as wire};

use crate::error::SealError;
use crate::view::View;

/// What a frame is bound to, beside its cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The bus, or who owns what was sealed.
    pub bus: Uid,
    /// The event, or the id that stands for what was sealed.
    pub event: EventId,
    /// What was sealed.
    pub kind: RecordKind,
    /// Of the event's stamp; zeros where there is none.
    pub stamp_hash: [u8; 16],
}

impl Place {
    /// The place of an event's own payload; `None` for a row that is none.
    #[must_use]
    pub fn of_event(event: &Event) -> Option<Self> {
        let stamp = event.stamp.as_ref()?;
        Self::of_stamp(Uid(event.bus), EventId::from_slice(&event.event_id)?, stamp).into()
    }

    /// The place of the payload of an event with this stamp.
    #[must_use]
    pub fn of_stamp(bus: Uid, event: EventId, stamp: &Stamp) -> Self {
        Self { bus, event, kind: RecordKind::Event, stamp_hash: stamp_hash(stamp) }
    }

    /// The place of a message's body; `None` for a row that is none, or of a later build.
    #[must_use]
    pub fn of_message(row: &MessageRow) -> Option<Self> {
        let kind = match row.kind {
            KIND_EVENT => RecordKind::Event,
            KIND_BODY => RecordKind::Input,
            _ => return None,
        };
        let stamp_hash = row.stamp_hash.as_ref().try_into().ok()?;
        Some(Self { bus: Uid(row.bus), event: EventId::from_slice(&row.event_id)?, kind, stamp_hash })
    }

    /// The place of an access key's secret: its account, its user and its id, so that it opens in no other row.
    #[must_use]
    pub fn of_access_key(account: AccountId, user: Uid, key: &str) -> Self {
        let event = EventId(id::hash("access key", &[&account.number().to_be_bytes(), key.as_bytes()]));
        Self { bus: user, event, kind: RecordKind::AccessKey, stamp_hash: [0; 16] }
    }

    fn context(self, cluster: ClusterId) -> Context {
        let Self { bus, event, kind, stamp_hash } = self;
        Context { cluster, bus, event, kind, stamp_hash }
    }
}

/// Data keys, sealer and provider of one node.
pub struct Vault {
    sealer: Sealer,
    keys: DataKeys,
    provider: Arc<dyn Provider>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    spawn: Arc<dyn Spawn>,
}

impl Vault {
    /// A vault with no key open yet.
    #[must_use]
    pub fn new(
        sealer: Sealer,
        provider: Arc<dyn Provider>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        spawn: Arc<dyn Spawn>,
    ) -> Arc<Self> {
        Arc::new(Self { sealer, keys: DataKeys::default(), provider, clock, entropy, spawn })
    }

    /// Draws a data key and has it wrapped: for a new bus, or as a bus's next one.
    ///
    /// # Errors
    /// [`SealError::Seal`], [`SealError::Key`].
    pub async fn draw(self: &Arc<Self>, cluster: ClusterId) -> Result<wire::DataKey, SealError> {
        let key = DataKey::draw(&*self.entropy).map_err(|error| SealError::Seal(error.to_string()))?;
        let key = Arc::new(key);
        let context = key_context(cluster, key.id());
        let (provider, held) = (Arc::clone(&self.provider), Arc::clone(&key));
        let wrapped = self.off(move || provider.wrap(&context, held.secret())).await;
        let wrapped = wrapped.map_err(|why| SealError::Key { key: key.id(), why })?;
        self.keys.hold(Arc::clone(&key), self.clock.boot());
        let key_id = Bytes::copy_from_slice(key.id().as_bytes());
        Ok(wire::DataKey { key_id, wrapped: Bytes::copy_from_slice(wrapped.as_bytes()) })
    }

    /// Lets go of every open key: each is unwrapped anew when it is needed next.
    pub fn forget(&self) {
        self.keys.clear();
    }

    /// Fills `bytes` by chance that nobody can foretell.
    ///
    /// # Errors
    /// [`SealError::Seal`].
    pub fn chance(&self, bytes: &mut [u8]) -> Result<(), SealError> {
        self.entropy.fill(bytes).map_err(|error| SealError::Seal(error.to_string()))
    }

    /// The open data key of this id.
    ///
    /// # Errors
    /// [`SealError::NoKey`], [`SealError::Key`].
    pub async fn key(self: &Arc<Self>, view: &View, id: KeyId) -> Result<Arc<DataKey>, SealError> {
        if let Some(key) = self.keys.get(id) {
            return Ok(key);
        }
        let cluster = view.cluster.as_ref().ok_or(SealError::NoKey)?.id;
        let row = view.data_key(id).ok_or(SealError::NoKey)?;
        let wrapped = WrappedKey::new(row.wrapped.to_vec()).ok_or(SealError::NoKey)?;
        let context = key_context(cluster, id);
        let vault = Arc::clone(self);
        let opened = self.off(move || vault.keys.insert(&*vault.provider, &context, &wrapped, vault.clock.boot()));
        opened.await.map_err(|why| SealError::Key { key: id, why })
    }

    /// Seals a payload to its place with the key `key`.
    ///
    /// # Errors
    /// [`SealError`]; then nothing may be written.
    pub async fn seal(
        self: &Arc<Self>,
        view: &View,
        key: KeyId,
        place: Place,
        payload: &Payload,
    ) -> Result<Bytes, SealError> {
        self.seal_bytes(view, key, place, &codec::encode(payload)).await
    }

    /// Seals bytes that are no payload to their place with the key `key`.
    ///
    /// # Errors
    /// As [`Vault::seal`].
    pub async fn seal_bytes(
        self: &Arc<Self>,
        view: &View,
        key: KeyId,
        place: Place,
        bytes: &[u8],
    ) -> Result<Bytes, SealError> {
        let cluster = view.cluster.as_ref().ok_or(SealError::NoKey)?.id;
        let key = self.key(view, key).await?;
        let sealed = self.sealer.seal(bytes, &place.context(cluster), &[key]);
        sealed.map_err(|error| SealError::Seal(error.to_string()))
    }

    /// Opens a frame at its place.
    ///
    /// # Errors
    /// [`SealError`]: only [`OpenError::Unauthentic`] is for good.
    pub async fn open(self: &Arc<Self>, view: &View, place: Place, sealed: &[u8]) -> Result<Payload, SealError> {
        Ok(codec::decode(&self.open_bytes(view, place, sealed).await?)?)
    }

    /// Opens a frame of bytes that are no payload at its place.
    ///
    /// # Errors
    /// As [`Vault::open`].
    pub async fn open_bytes(self: &Arc<Self>, view: &View, place: Place, sealed: &[u8]) -> Result<Bytes, SealError> {
        let cluster = view.cluster.as_ref().ok_or(SealError::NoKey)?.id;
        let context = place.context(cluster);
        let open = || frame::open(sealed, &context, |id| self.keys.get(id));
        let opened = match open() {
            Err(OpenError::KeyUnavailable { key }) => {
                self.key(view, key).await?;
                open()?
            }
            other => other?,
        };
        Ok(Bytes::copy_from_slice(&opened))
    }

    /// Runs what may block off this thread.
    async fn off<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, bascule_keyring::error::Error> + Send + 'static,
    ) -> Result<T, String> {
        let (send, done) = oneshot::channel();
        self.spawn.block(TaskKind::Call, Box::new(move || drop(send.send(work()))));
        match done.await {
            Ok(result) => result.map_err(|error| error.to_string()),
            Err(_) => Err("the key provider's thread ended early".to_owned()),
        }
    }
}

/// Data keys are wrapped before apply mints their bus's uid, so that the owner is left open: the random key id binds the wrapped
/// key, and the frame's place binds the bus.
fn key_context(cluster: ClusterId, key: KeyId) -> KeyContext {
    KeyContext { cluster, owner: Uid(0), key, purpose: KeyPurpose::Data }
}
