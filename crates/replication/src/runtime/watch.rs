//! Tokio's watch channel, whose waiters wake in the order in which they began to wait. Tokio's own wakes them in an order of chance, and
//! one seed would be many histories.

use std::sync::Arc;

use openraft::async_runtime::watch::{self, RecvError, SendError, Watch};
use openraft::{OptionalSend, OptionalSync};
use tokio::sync::Notify;
use tokio::sync::watch as tokio_watch;

/// The channel.
#[derive(Debug)]
pub struct InOrder;

/// Its one end. The last one that goes tells the others.
pub struct Sender<T> {
    /// Before what tells of its end: fields are dropped in this order.
    value: tokio_watch::Sender<T>,
    moved: Told,
}

/// Wakes all that wait, also when it goes.
struct Told(Arc<Notify>);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.notify_waiters();
    }
}

/// Its other end.
pub struct Receiver<T> {
    value: tokio_watch::Receiver<T>,
    moved: Arc<Notify>,
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self { value: self.value.clone(), moved: Told(Arc::clone(&self.moved.0)) }
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Self { value: self.value.clone(), moved: Arc::clone(&self.moved) }
    }
}

impl Watch for InOrder {
    type Sender<T: OptionalSend + OptionalSync> = Sender<T>;
    type Receiver<T: OptionalSend + OptionalSync> = Receiver<T>;
    type Ref<'a, T: OptionalSend + 'a> = tokio_watch::Ref<'a, T>;

    fn channel<T: OptionalSend + OptionalSync>(init: T) -> (Sender<T>, Receiver<T>) {
        let (send, receive) = tokio_watch::channel(init);
        let moved = Arc::new(Notify::new());
        (Sender { value: send, moved: Told(Arc::clone(&moved)) }, Receiver { value: receive, moved })
    }
}

impl<T: OptionalSend + OptionalSync> watch::WatchSender<InOrder, T> for Sender<T> {
    fn send(&self, value: T) -> Result<(), SendError<T>> {
        let sent = self.value.send(value).map_err(|error| SendError(error.0));
        self.moved.0.notify_waiters();
        sent
    }

    fn send_if_modified<F>(&self, modify: F) -> bool
    where
        F: FnOnce(&mut T) -> bool,
    {
        let modified = self.value.send_if_modified(modify);
        if modified {
            self.moved.0.notify_waiters();
        }
        modified
    }

    fn borrow_watched(&self) -> tokio_watch::Ref<'_, T> {
        self.value.borrow()
    }

    fn subscribe(&self) -> Receiver<T> {
        Receiver { value: self.value.subscribe(), moved: Arc::clone(&self.moved.0) }
    }
}

impl<T: OptionalSend + OptionalSync> watch::WatchReceiver<InOrder, T> for Receiver<T> {
    async fn changed(&mut self) -> Result<(), RecvError> {
        loop {
            // Before the look: a change between look and wait is not missed.
            let moved = self.moved.notified();
            match self.value.has_changed() {
                Ok(true) => {
                    self.value.mark_unchanged();
                    return Ok(());
                }
                Ok(false) => moved.await,
                // Ready at once: the last change, if it was not seen, and then the end.
                Err(_) => return self.value.changed().await.map_err(|_| RecvError(())),
            }
        }
    }

    fn borrow_watched(&self) -> tokio_watch::Ref<'_, T> {
        self.value.borrow()
    }

    fn borrow_and_update(&mut self) -> tokio_watch::Ref<'_, T> {
        self.value.borrow_and_update()
    }
}
