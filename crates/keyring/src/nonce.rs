//! Where nonces come from: a random sealer drawn at start and a counter in memory, so that no restart or restore repeats one.

use std::fmt;
use std::sync::Arc;

use bascule_model::ambient::{Entropy, NoEntropy};
use parking_lot::Mutex;

use crate::limits::SEALER_LIMIT_FRAMES;

/// A sealer of `N` random bytes and how often it was used. Neither is ever stored to be read again by its maker.
pub(crate) struct Nonces<const N: usize> {
    entropy: Arc<dyn Entropy>,
    state: Mutex<State<N>>,
    limit_frames: u64,
}

struct State<const N: usize> {
    sealer: [u8; N],
    next: u64,
}

impl<const N: usize> Nonces<N> {
    /// Draws the first sealer.
    pub(crate) fn start(entropy: Arc<dyn Entropy>) -> Result<Self, NoEntropy> {
        Self::with_limit(entropy, SEALER_LIMIT_FRAMES)
    }

    fn with_limit(entropy: Arc<dyn Entropy>, limit_frames: u64) -> Result<Self, NoEntropy> {
        let mut sealer = [0; N];
        entropy.fill(&mut sealer)?;
        Ok(Self { entropy, state: Mutex::new(State { sealer, next: 0 }), limit_frames })
    }

    /// A pair that this process has not given out before.
    ///
    /// # Errors
    /// [`NoEntropy`] when a new sealer is due and cannot be drawn; the old one is not used on.
    pub(crate) fn take(&self) -> Result<([u8; N], u64), NoEntropy> {
        let mut state = self.state.lock();
        if state.next >= self.limit_frames {
            let mut sealer = [0; N];
            self.entropy.fill(&mut sealer)?;
            *state = State { sealer, next: 0 };
        }
        let counter = state.next;
        state.next += 1;
        Ok((state.sealer, counter))
    }

    pub(crate) fn entropy(&self) -> &dyn Entropy {
        &*self.entropy
    }
}

impl<const N: usize> fmt::Debug for Nonces<N> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Nonces(..)")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::testing::Steps;

    #[test]
    fn a_spent_sealer_is_replaced() {
        let nonces = Nonces::<16>::with_limit(Arc::new(Steps::new(1)), 3).unwrap();
        let taken: Vec<_> = (0..9).map(|_| nonces.take().unwrap()).collect();
        let sealers: BTreeSet<_> = taken.iter().map(|(sealer, _)| *sealer).collect();
        assert_eq!(sealers.len(), 3);
        assert_eq!(taken.iter().map(|(_, counter)| *counter).collect::<Vec<_>>(), [0, 1, 2, 0, 1, 2, 0, 1, 2]);
        assert_eq!(taken.iter().collect::<BTreeSet<_>>().len(), 9);
    }

    #[test]
    fn without_entropy_a_spent_sealer_seals_no_more() {
        let steps = Arc::new(Steps::new(1));
        let nonces = Nonces::<16>::with_limit(steps.clone(), 1).unwrap();
        nonces.take().unwrap();
        steps.dry.store(true, Ordering::Relaxed);
        assert_eq!(nonces.take(), Err(NoEntropy));
        assert_eq!(nonces.take(), Err(NoEntropy));
        steps.dry.store(false, Ordering::Relaxed);
        assert_eq!(nonces.take().unwrap().1, 0);
        assert!(Nonces::<16>::start(Arc::new(Steps::dried())).is_err());
    }
}
