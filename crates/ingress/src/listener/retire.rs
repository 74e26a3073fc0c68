//! The switch that ends a connection in peace: its calls are answered, its streams are told to come again on another one.

use std::sync::Arc;

use tokio::sync::watch;

/// A connection's switch; clones are the same one.
#[derive(Clone)]
pub(crate) struct Retire(Arc<watch::Sender<bool>>);

impl Default for Retire {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl std::fmt::Debug for Retire {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_tuple("Retire").field(&*self.0.borrow()).finish()
    }
}

impl Retire {
    /// Asks for the connection's end.
    pub(crate) fn ask(&self) {
        self.0.send_replace(true);
    }

    /// Returns once it is asked for.
    pub(crate) fn asked(&self) -> impl Future<Output = ()> + Send + use<> {
        let (kept, mut asked) = (self.clone(), self.0.subscribe());
        async move {
            // The sender is kept here, so that there is always an answer.
            let _ = asked.wait_for(|asked| *asked).await;
            drop(kept);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use super::*;

    #[test]
    fn whoever_waits_is_told_and_so_is_whoever_comes_later() {
        let retire = Retire::default();
        let mut waits = Box::pin(retire.asked());
        let mut cx = Context::from_waker(Waker::noop());
        assert!(waits.as_mut().poll(&mut cx).is_pending());
        retire.clone().ask();
        assert!(waits.as_mut().poll(&mut cx).is_ready());
        assert!(Box::pin(retire.asked()).as_mut().poll(&mut cx).is_ready());
    }
}
