//! Which groups this node leads, and what their apply says that followers and consumers wait for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use bascule_model::uid::{GroupId, Sequence, Uid};
use bascule_statemachine::ports::follow::Follow;
use bascule_statemachine::shard::reply::Effect;

/// What a follower has not looked at yet. Bounded by the number of targets.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// The last sequence that was appended.
    pub(crate) last: Sequence,
    /// Targets that have new references.
    pub(crate) references: BTreeSet<Uid>,
}

/// One group's signal from apply to its follower.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    news: Mutex<News>,
    wake: Notify,
}

impl Signal {
    /// What came since the last time; the last sequence stays.
    pub(crate) fn take(&self) -> News {
        let mut news = self.news.lock();
        News { last: news.last, references: std::mem::take(&mut news.references) }
    }

    /// Returns when something came since the last return.
    pub(crate) async fn heard(&self) {
        self.wake.notified().await;
    }
}

/// A group that is led here.
#[derive(Debug, Clone)]
pub(crate) struct Lead {
    pub(crate) term: u64,
    pub(crate) signal: Arc<Signal>,
}

/// Made before the groups start, and told by them. Calls return at once.
#[derive(Default)]
pub struct Leads {
    leads: watch::Sender<BTreeMap<GroupId, Lead>>,
    /// Whoever waits for a queue; an entry goes with its last waiter.
    queues: Mutex<BTreeMap<Uid, Arc<Notify>>>,
}

impl Leads {
    /// Nothing is led yet.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// The groups that are led, and each change of them.
    pub(crate) fn watch(&self) -> watch::Receiver<BTreeMap<GroupId, Lead>> {
        self.leads.subscribe()
    }

    /// The groups that are led now, ascending.
    pub(crate) fn led(&self) -> Vec<GroupId> {
        self.leads.borrow().keys().copied().collect()
    }

    /// The term in which a group is led, if it is.
    pub(crate) fn term(&self, group: GroupId) -> Option<u64> {
        self.leads.borrow().get(&group).map(|lead| lead.term)
    }

    /// Told whenever a message of the queue is, or will be, visible.
    pub(crate) fn queue(&self, queue: Uid) -> Waiter<'_> {
        let told = Arc::clone(self.queues.lock().entry(queue).or_default());
        Waiter { leads: self, queue, told }
    }
}

/// Somebody who waits for a queue. With the last one goes the queue's entry, however the wait ends.
pub(crate) struct Waiter<'a> {
    leads: &'a Leads,
    queue: Uid,
    pub(crate) told: Arc<Notify>,
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let mut queues = self.leads.queues.lock();
        // This one's and the entry's own.
        if Arc::strong_count(&self.told) <= 2 {
            queues.remove(&self.queue);
        }
    }
}

impl Follow for Leads {
    fn leading(&self, group: GroupId, term: u64) {
        self.leads.send_modify(|leads| {
            leads.insert(group, Lead { term, signal: Arc::default() });
        });
    }

    fn stopped(&self, group: GroupId) {
        self.leads.send_modify(|leads| {
            leads.remove(&group);
        });
    }

    fn applied(&self, group: GroupId, _: u64, effects: Vec<Effect>) {
        let signal = self.leads.borrow().get(&group).map(|lead| Arc::clone(&lead.signal));
        // Only a leader carries out effects; the next one reads its rows when it begins.
        let Some(signal) = signal else { return };
        let mut heard = false;
        for effect in effects {
            match effect {
                Effect::Appended { last, .. } => {
                    let mut news = signal.news.lock();
                    news.last = news.last.max(last);
                    heard = true;
                }
                Effect::RefsAdded { target } => {
                    signal.news.lock().references.insert(target);
                    heard = true;
                }
                Effect::MessagesVisible { queue, .. } => {
                    if let Some(waiting) = self.queues.lock().get(&queue) {
                        waiting.notify_waiters();
                    }
                }
                Effect::LaneChanged { .. } | Effect::Ended { .. } => {}
            }
        }
        if heard {
            signal.wake.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_follower_hears_what_its_group_applied() {
        let leads = Leads::new();
        let group = GroupId(1);
        let appended = |last| Effect::Appended { first: Sequence(1), last: Sequence(last) };
        leads.applied(group, 1, vec![appended(3)]);
        leads.leading(group, 7);
        let lead = leads.watch().borrow().get(&group).cloned().unwrap();
        assert_eq!(
            (lead.term, lead.signal.take().last),
            (7, Sequence(0)),
            "what came before the lead is read from rows"
        );
        leads.applied(group, 2, vec![appended(9), Effect::RefsAdded { target: Uid(5) }]);
        lead.signal.heard().await;
        let news = lead.signal.take();
        assert_eq!((news.last, news.references.len()), (Sequence(9), 1));
        assert!(lead.signal.take().references.is_empty());
        leads.stopped(group);
        assert!(leads.led().is_empty());
    }

    #[tokio::test]
    async fn a_queue_is_forgotten_with_its_last_waiter() {
        let leads = Leads::new();
        leads.leading(GroupId(1), 1);
        let (first, second) = (leads.queue(Uid(3)), leads.queue(Uid(3)));
        {
            let told = first.told.notified();
            tokio::pin!(told);
            told.as_mut().enable();
            leads.applied(GroupId(1), 1, vec![Effect::MessagesVisible { queue: Uid(3), at_ms: 5 }]);
            told.await;
        }
        drop(second);
        assert_eq!(leads.queues.lock().len(), 1);
        drop(first);
        assert!(leads.queues.lock().is_empty());
    }
}
