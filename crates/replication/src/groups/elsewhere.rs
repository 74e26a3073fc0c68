//! Proposals and reads whose leader may be another node: sent there once, and again only if it is certain that nothing was written.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use bascule_api::peer::v1::{ProposeRequest, ReadIndexRequest, propose_answer};
use bascule_model::uid::{GroupId, NodeId};
use bascule_statemachine::codec;
use bascule_statemachine::codec::shard::Command;
use bascule_statemachine::control::reply::Reply as ControlReply;
use bascule_statemachine::ports::propose::{Change, ProposeError};
use bascule_statemachine::shard::forward;
use bascule_statemachine::shard::reply::Reply as ShardReply;

use crate::groups::Groups;
use crate::limits::{LEADER_LOOK_MS, LEADER_WAIT_LIMIT_MS, PROPOSE_LIMIT_MS, READ_APPLY_LIMIT_MS};

impl Groups {
    /// Changes the control group, wherever it is led; waits for an election if need be.
    pub(super) async fn change_anywhere(&self, change: Change) -> Result<ControlReply, ProposeError> {
        let (group, began) = (GroupId::CONTROL, self.clock.boot());
        loop {
            let tried = match self.led_by(GroupId::CONTROL, &self.control.group, &self.control.heard) {
                Some(leader) if leader != self.node && change.only_in_term.is_none() => {
                    self.change_there(leader, change.clone()).await
                }
                Some(_) => self.change_here(change.clone()).await,
                None => Err(ProposeError::NotLeading { group, leader: None }),
            };
            let waited_ms = self.clock.boot().since(began);
            match tried {
                Err(ProposeError::NotLeading { .. })
                    if change.only_in_term.is_none() && waited_ms < LEADER_WAIT_LIMIT_MS =>
                {
                    self.look_again().await;
                }
                other => return other,
            }
        }
    }

    /// Proposes commands to a shard group, wherever it is led.
    pub(super) async fn commands_anywhere(
        &self,
        group: GroupId,
        only_in_term: Option<u64>,
        commands: Vec<Command>,
    ) -> Result<Vec<ShardReply>, ProposeError> {
        let shard = self.shard_of(group)?;
        match self.led_by(group, &shard.group, &shard.heard) {
            // What only one term's leader may write is written by itself.
            Some(leader) if leader != self.node && only_in_term.is_none() => {
                self.commands_there(leader, group, commands).await
            }
            Some(_) => shard.handle.propose(only_in_term, commands).await,
            None => Err(ProposeError::NotLeading { group, leader: None }),
        }
    }

    /// Everything that was committed in the control group before the call is applied here when this returns; gives the index.
    pub(super) async fn barrier(&self) -> Result<u64, ProposeError> {
        let index = self.control_index().await?;
        self.control.group.applied(index, Duration::from_millis(READ_APPLY_LIMIT_MS)).await?;
        Ok(index)
    }

    /// The control group's index as its leader, wherever it is, had it confirmed after the call.
    async fn control_index(&self) -> Result<u64, ProposeError> {
        let began = self.clock.boot();
        loop {
            let leader = self.led_by(GroupId::CONTROL, &self.control.group, &self.control.heard);
            let (control, peers, node) = (self.control.group.clone(), Arc::clone(&self.peers), self.node);
            let round = self.rounds.next(|| async move {
                let group = GroupId::CONTROL;
                match leader {
                    Some(leader) if leader != node => {
                        let limit = Duration::from_millis(LEADER_WAIT_LIMIT_MS);
                        let call = tokio::time::timeout(limit, peers.read_index(leader, ReadIndexRequest {}));
                        let answer = tokio::select! {
                            answer = call => answer.ok(),
                            // One that was paused or cut off answers nobody, while another leads already.
                            () = control.left_by(leader) => None,
                        };
                        match answer {
                            Some(Ok(answer)) if answer.index > 0 => Ok(answer.index),
                            // A read may be asked for again, whatever became of it.
                            _ => Err(ProposeError::NotLeading { group, leader: Some(leader) }),
                        }
                    }
                    Some(_) => control.read_index().await,
                    None => Err(ProposeError::NotLeading { group, leader: None }),
                }
            });
            match round.await {
                Err(ProposeError::NotLeading { .. }) if self.clock.boot().since(began) < LEADER_WAIT_LIMIT_MS => {
                    self.look_again().await;
                }
                other => return other,
            }
        }
    }

    async fn look_again(&self) {
        let look = Duration::from_millis(LEADER_LOOK_MS);
        // Either way the caller looks: a change that came just before the wait would be missed.
        let _ = tokio::time::timeout(look, self.control.group.changed()).await;
    }

    async fn change_there(&self, leader: NodeId, change: Change) -> Result<ControlReply, ProposeError> {
        let group = GroupId::CONTROL;
        let replies = self.send(leader, group, change.write()).await?;
        let reply = codec::decode(&replies).map_err(|error| unknown(group, &error))?;
        Ok(ControlReply::from_wire(&reply))
    }

    async fn commands_there(
        &self,
        leader: NodeId,
        group: GroupId,
        commands: Vec<Command>,
    ) -> Result<Vec<ShardReply>, ProposeError> {
        let count = commands.len();
        let replies = self.send(leader, group, forward::write_commands(commands)).await?;
        forward::read_replies(&replies, count).map_err(|error| unknown(group, &error))
    }

    async fn send(&self, leader: NodeId, group: GroupId, commands: Bytes) -> Result<Bytes, ProposeError> {
        let request = ProposeRequest { group: group.0, only_in_term: 0, commands };
        // A little longer than the leader itself waits, so that mostly its own word comes.
        let limit = Duration::from_millis(PROPOSE_LIMIT_MS + 500);
        let answer = match tokio::time::timeout(limit, self.peers.propose(leader, request)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) if error.nothing_done() => {
                tracing::debug!(%group, leader = leader.0, %error, "a proposal did not leave");
                return Err(ProposeError::NotLeading { group, leader: None });
            }
            Ok(Err(error)) => return Err(unknown(group, &error)),
            Err(_) => return Err(unknown(group, &format!("node {} gave no answer", leader.0))),
        };
        match answer.result {
            Some(propose_answer::Result::Replies(replies)) => Ok(replies),
            Some(propose_answer::Result::Error(error)) => Err(ProposeError::read(group, &error)),
            None => Err(unknown(group, &"an empty answer")),
        }
    }
}

fn unknown(group: GroupId, why: &impl ToString) -> ProposeError {
    ProposeError::Unknown { group, why: why.to_string() }
}
