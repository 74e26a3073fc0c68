//! Questions that only a group's leader answers, carried to it: the port `Ask` for a node that may not lead.
//!
//! What this node leads its own desk answers. The rest goes to the leader; a question that is about no one group goes to everybody.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use bascule_api::peer::v1::AskRequest;
use bascule_model::ambient::Pending;
use bascule_model::id::EventId;
use bascule_model::uid::{ControlIndex, GroupId, NodeId, Sequence, Uid};
use bascule_statemachine::codec::shard::{Redrive, Settlement};
use bascule_statemachine::limits::LETTERS_LIMIT_ROWS;
use bascule_statemachine::ports::ask::question::{Answer, Question};
use bascule_statemachine::ports::ask::{Ask, AskError, Depth, Letter, PurgeMark, Standing, Tracked};
use bascule_statemachine::ports::propose::ProposeError;
use bascule_statemachine::shard::reply::{Received, Settled};

use crate::groups::Groups;
use crate::limits::{ASK_LEADER_LIMIT_MS, ASK_LIMIT_MS, HINT_LIMIT_MS, LEADER_LOOK_MS};

/// Answers a question from a desk.
pub(crate) async fn answer(desk: &dyn Ask, question: Question) -> Result<Answer, AskError> {
    match question {
        Question::Hinted { queue } => Ok(Answer::Groups(desk.hinted(queue).await)),
        Question::Visible { queue, limit_ms } => {
            desk.visible(queue, limit_ms).await;
            Ok(Answer::Groups(desk.hinted(queue).await))
        }
        Question::Depth { group, queue } => desk.depth(group, queue).await.map(Answer::Depth),
        Question::Letters { group, bus, after, limit_rows } => {
            desk.letters(group, bus, after, limit_rows).await.map(Answer::letters)
        }
        Question::Standing { group, target, rule, minted } => {
            desk.standing(group, target, rule, minted).await.map(Answer::Standing)
        }
        Question::Event { group, bus, id } => desk.event(group, bus, id).await.map(Answer::Event),
        Question::Purge { group, queue, mark } => {
            desk.purge(group, queue, mark).await.map(|(count, mark)| Answer::Purged { count, mark })
        }
    }
}

/// Carries questions to whoever leads.
pub struct Carrier {
    desk: Arc<dyn Ask>,
    groups: Arc<Groups>,
}

impl Carrier {
    /// Before the desk of this node.
    #[must_use]
    pub fn before(desk: Arc<dyn Ask>, groups: Arc<Groups>) -> Arc<Self> {
        Arc::new(Self { desk, groups })
    }

    /// The node that leads the group, if it is another one.
    fn away(&self, group: GroupId) -> Option<NodeId> {
        self.groups.shard_leader(group).filter(|leader| *leader != self.groups.node())
    }

    /// Asks again while nobody leads the group, for a little: a lead is handed over in less, and nothing was done meanwhile.
    async fn patiently<'a, T>(
        &'a self,
        ask: impl Fn() -> Pending<'a, Result<T, AskError>> + Send,
    ) -> Result<T, AskError> {
        let began = self.groups.boot();
        loop {
            match ask().await {
                Err(AskError::NoLeader { .. } | AskError::Propose(ProposeError::NotLeading { .. }))
                    if self.groups.boot().since(began) < ASK_LEADER_LIMIT_MS =>
                {
                    tokio::time::sleep(Duration::from_millis(LEADER_LOOK_MS)).await;
                }
                other => return other,
            }
        }
    }

    async fn send(&self, leader: NodeId, group: GroupId, question: Question) -> Result<Answer, AskError> {
        let request = AskRequest { question: question.write() };
        let call = self.groups.peers().ask(leader, request);
        let why = match tokio::time::timeout(Duration::from_millis(ASK_LIMIT_MS), call).await {
            Ok(Ok(answer)) => return question.read_answer(&answer.answer),
            Ok(Err(error)) if error.nothing_done() => return Err(AskError::NoLeader { group }),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("node {} gave no answer within {ASK_LIMIT_MS} ms", leader.0),
        };
        match question {
            // It changes rows, which may have happened.
            Question::Purge { .. } => Err(ProposeError::Unknown { group, why }.into()),
            _ => Err(AskError::NoLeader { group }),
        }
    }

    /// Asks every other node that leads something; those that do not answer in time are left out.
    async fn everybody(&self, question: Question, limit_ms: u64) -> Vec<GroupId> {
        let limit = Duration::from_millis(limit_ms);
        let asking: FuturesUnordered<_> = self
            .groups
            .leaders()
            .into_iter()
            .map(|leader| async move {
                let call = self.groups.peers().ask(leader, AskRequest { question: question.write() });
                let answer = tokio::time::timeout(limit, call).await.ok()?.ok()?;
                match question.read_answer(&answer.answer) {
                    Ok(Answer::Groups(groups)) => Some(groups),
                    _ => None,
                }
            })
            .collect();
        asking.filter_map(|groups| async move { groups }).concat().await
    }

    /// Returns once one other node has something visible; never, if none says so.
    async fn visible_elsewhere(&self, queue: Uid, limit_ms: u64) {
        let question = Question::Visible { queue, limit_ms };
        let limit = Duration::from_millis(limit_ms + HINT_LIMIT_MS);
        let mut asking: FuturesUnordered<_> = self
            .groups
            .leaders()
            .into_iter()
            .map(|leader| async move {
                let call = self.groups.peers().ask(leader, AskRequest { question: question.write() });
                let answer = tokio::time::timeout(limit, call).await.ok()?.ok()?;
                match question.read_answer(&answer.answer) {
                    Ok(Answer::Groups(groups)) if !groups.is_empty() => Some(()),
                    _ => None,
                }
            })
            .collect();
        while let Some(heard) = asking.next().await {
            if heard.is_some() {
                return;
            }
        }
        futures_util::future::pending().await
    }

    async fn purge_once(
        &self,
        group: GroupId,
        queue: Uid,
        mark: Option<PurgeMark>,
    ) -> Result<(u64, Option<PurgeMark>), AskError> {
        let Some(leader) = self.away(group) else { return self.desk.purge(group, queue, mark).await };
        match self.send(leader, group, Question::Purge { group, queue, mark }).await? {
            Answer::Purged { count, mark } => Ok((count, mark)),
            _ => surprise(group),
        }
    }

    async fn depth_once(&self, group: GroupId, queue: Uid) -> Result<Depth, AskError> {
        let Some(leader) = self.away(group) else { return self.desk.depth(group, queue).await };
        match self.send(leader, group, Question::Depth { group, queue }).await? {
            Answer::Depth(depth) => Ok(depth),
            _ => surprise(group),
        }
    }

    async fn letters_once(
        &self,
        group: GroupId,
        bus: Uid,
        after: (Sequence, Uid),
        limit_rows: usize,
    ) -> Result<Vec<Letter>, AskError> {
        let Some(leader) = self.away(group) else {
            return self.desk.letters(group, bus, after, limit_rows).await;
        };
        let (mut letters, mut after) = (Vec::new(), after);
        // An answer has room for some of them; each brings one at least, so that this ends.
        while letters.len() < limit_rows {
            let asked = (limit_rows - letters.len()).min(LETTERS_LIMIT_ROWS);
            let question = Question::Letters { group, bus, after, limit_rows: asked };
            let Answer::Letters { letters: some, more } = self.send(leader, group, question).await? else {
                return surprise(group);
            };
            let Some(last) = some.last() else { break };
            after = (last.sequence, Uid(last.row.target));
            let all = !more && some.len() < asked;
            letters.extend(some);
            if all {
                break;
            }
        }
        Ok(letters)
    }

    async fn standing_once(
        &self,
        group: GroupId,
        target: Uid,
        rule: Uid,
        minted: ControlIndex,
    ) -> Result<Standing, AskError> {
        let Some(leader) = self.away(group) else {
            return self.desk.standing(group, target, rule, minted).await;
        };
        match self.send(leader, group, Question::Standing { group, target, rule, minted }).await? {
            Answer::Standing(standing) => Ok(standing),
            _ => surprise(group),
        }
    }

    async fn event_once(&self, group: GroupId, bus: Uid, id: EventId) -> Result<Option<Tracked>, AskError> {
        let Some(leader) = self.away(group) else { return self.desk.event(group, bus, id).await };
        match self.send(leader, group, Question::Event { group, bus, id }).await? {
            Answer::Event(event) => Ok(event),
            _ => surprise(group),
        }
    }
}

fn surprise<T>(group: GroupId) -> Result<T, AskError> {
    Err(ProposeError::Unknown { group, why: "the leader answered another question".to_owned() }.into())
}

impl Ask for Carrier {
    fn barrier(&self) -> Pending<'_, Result<ControlIndex, AskError>> {
        self.desk.barrier()
    }

    fn hinted(&self, queue: Uid) -> Pending<'_, Vec<GroupId>> {
        Box::pin(async move {
            let mut groups = self.desk.hinted(queue).await;
            groups.extend(self.everybody(Question::Hinted { queue }, HINT_LIMIT_MS).await);
            groups
        })
    }

    fn visible(&self, queue: Uid, limit_ms: u64) -> Pending<'_, ()> {
        Box::pin(async move {
            tokio::select! {
                () = self.desk.visible(queue, limit_ms) => {}
                () = self.visible_elsewhere(queue, limit_ms) => {}
            }
        })
    }

    fn receive(
        &self,
        group: GroupId,
        queue: Uid,
        limit: u32,
        visibility_ms: u64,
        redrive: Option<Redrive>,
    ) -> Pending<'_, Result<Vec<Received>, AskError>> {
        // A command, which goes to the leader by itself.
        let receive = move || self.desk.receive(group, queue, limit, visibility_ms, redrive.clone());
        Box::pin(self.patiently(receive))
    }

    fn settle(&self, group: GroupId, settlements: Vec<Settlement>) -> Pending<'_, Result<Vec<Settled>, AskError>> {
        Box::pin(self.patiently(move || self.desk.settle(group, settlements.clone())))
    }

    fn purge(
        &self,
        group: GroupId,
        queue: Uid,
        mark: Option<PurgeMark>,
    ) -> Pending<'_, Result<(u64, Option<PurgeMark>), AskError>> {
        Box::pin(self.patiently(move || Box::pin(self.purge_once(group, queue, mark))))
    }

    fn groups(&self) -> Vec<GroupId> {
        self.desk.groups()
    }

    fn depth(&self, group: GroupId, queue: Uid) -> Pending<'_, Result<Depth, AskError>> {
        Box::pin(self.patiently(move || Box::pin(self.depth_once(group, queue))))
    }

    fn letters(
        &self,
        group: GroupId,
        bus: Uid,
        after: (Sequence, Uid),
        limit_rows: usize,
    ) -> Pending<'_, Result<Vec<Letter>, AskError>> {
        Box::pin(self.patiently(move || Box::pin(self.letters_once(group, bus, after, limit_rows))))
    }

    fn standing(
        &self,
        group: GroupId,
        target: Uid,
        rule: Uid,
        minted: ControlIndex,
    ) -> Pending<'_, Result<Standing, AskError>> {
        Box::pin(self.patiently(move || Box::pin(self.standing_once(group, target, rule, minted))))
    }

    fn event(&self, group: GroupId, bus: Uid, id: EventId) -> Pending<'_, Result<Option<Tracked>, AskError>> {
        Box::pin(self.patiently(move || Box::pin(self.event_once(group, bus, id))))
    }
}
