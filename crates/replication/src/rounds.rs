//! Reads of the control group's index that share rounds: whoever asks while a round is under way is served by the next one, which
//! begins after the call and so confirms everything that was committed before it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::Shared;
use parking_lot::Mutex;

use bascule_statemachine::ports::propose::ProposeError;

pub(crate) type Answer = Result<u64, ProposeError>;
pub(crate) type Round = Shared<Pin<Box<dyn Future<Output = Answer> + Send>>>;

/// Rounds of one node. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Rounds {
    /// The round that has not begun.
    waiting: Arc<Mutex<Option<Round>>>,
    /// Held by the round that has.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Rounds {
    /// The answer of the next round. `ask` is made into one, if none waits yet.
    pub(crate) fn next<F>(&self, ask: impl FnOnce() -> F) -> Round
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        let mut waiting = self.waiting.lock();
        waiting
            .get_or_insert_with(|| {
                let (asking, rounds) = (ask(), self.clone());
                let round = async move {
                    let _turn = rounds.turn.lock().await;
                    // From here on a new call is not served by this round.
                    rounds.waiting.lock().take();
                    asking.await
                };
                round.boxed().shared()
            })
            .clone()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use tokio::sync::Semaphore;

    use super::*;

    #[tokio::test]
    async fn a_call_is_served_by_a_round_that_begins_after_it() {
        let (rounds, begun) = (Rounds::default(), Arc::new(AtomicU64::new(0)));
        let gate = Arc::new(Semaphore::new(0));
        let ask = || {
            let (begun, gate) = (Arc::clone(&begun), Arc::clone(&gate));
            async move {
                let number = begun.fetch_add(1, Ordering::SeqCst) + 1;
                gate.acquire().await.unwrap().forget();
                Ok(number)
            }
        };
        let first = tokio::spawn(rounds.next(ask));
        while begun.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        let later: Vec<_> = (0..10).map(|_| tokio::spawn(rounds.next(ask))).collect();
        gate.add_permits(2);
        assert_eq!(first.await.unwrap(), Ok(1));
        for one in later {
            assert_eq!(one.await.unwrap(), Ok(2), "all that waited share the second round");
        }
        // Whoever has gone away takes nobody's turn with it.
        drop(rounds.next(ask));
        gate.add_permits(1);
        assert_eq!(rounds.next(ask).await, Ok(3));
    }
}
