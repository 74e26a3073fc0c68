//! The switch that ends a connection from outside of it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Context;

use futures_util::task::AtomicWaker;

/// A connection's switch; clones are the same one.
#[derive(Clone, Default)]
pub(crate) struct Cut(Arc<Switch>);

#[derive(Default)]
struct Switch {
    off: AtomicBool,
    reader: AtomicWaker,
}

impl std::fmt::Debug for Cut {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_tuple("Cut").field(&self.0.off.load(Ordering::Relaxed)).finish()
    }
}

impl Cut {
    /// Ends the connection: whoever reads it is told that it is gone.
    pub(crate) fn now(&self) {
        self.0.off.store(true, Ordering::Release);
        self.0.reader.wake();
    }

    /// What a read or write does first: fails if the connection was ended, else is woken when it is; one task does both.
    ///
    /// # Errors
    /// [`io::ErrorKind::ConnectionAborted`].
    pub(super) fn check(&self, cx: &Context<'_>) -> io::Result<()> {
        // Before the look, so that an end after it wakes the reader.
        self.0.reader.register(cx.waker());
        match self.0.off.load(Ordering::Acquire) {
            true => Err(io::ErrorKind::ConnectionAborted.into()),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    #[test]
    fn a_cut_is_for_good() {
        let cut = Cut::default();
        let check = |cut: &Cut| cut.check(&Context::from_waker(Waker::noop())).map_err(|error| error.kind());
        assert_eq!(check(&cut), Ok(()));
        cut.clone().now();
        assert_eq!(check(&cut), Err(io::ErrorKind::ConnectionAborted));
        assert_eq!(check(&cut), Err(io::ErrorKind::ConnectionAborted));
    }
}
