//! What peers ask of this node: each call handed to its group, or answered from what is known here.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, stream};

use bascule_api::peer::v1::{
    AppendAnswer, AppendRequest, AskAnswer, AskRequest, GreetAnswer, GreetRequest, HandOverAnswer, HandOverRequest,
    ProposeAnswer, ProposeRequest, ReadIndexAnswer, ReadIndexRequest, SnapshotAnswer, SnapshotPart, TransferAnswer,
    TransferRequest, VoteAnswer, VoteRequest, propose_answer,
};
use bascule_model::ambient::Pending;
use bascule_model::uid::{GroupId, NodeId};
use bascule_statemachine::codec;
use bascule_statemachine::ports::ask::question::Question;
use bascule_statemachine::ports::ask::wire::write_answer;
use bascule_statemachine::ports::propose::{Change, ProposeError};
use bascule_statemachine::shard::forward;

use crate::group::Inbound;
use crate::groups::Groups;
use crate::peers::{Flow, PeerError, Peers};
use crate::questions;

impl Groups {
    fn inbound(&self, peer: NodeId, group: u32) -> Result<&dyn Inbound, PeerError> {
        if GroupId(group) == GroupId::CONTROL {
            return Ok(&self.control.group);
        }
        let missing = || PeerError::Refused { peer, why: format!("there is no {}", GroupId(group)) };
        self.shards.get(&GroupId(group)).map(|shard| &shard.group as &dyn Inbound).ok_or_else(missing)
    }

    /// What a peer proposes is proposed here or nowhere: a node that does not lead says who does, and sends nothing on.
    async fn proposed(&self, peer: NodeId, request: ProposeRequest) -> Result<Bytes, ProposeError> {
        let group = GroupId(request.group);
        let only_in_term = (request.only_in_term > 0).then_some(request.only_in_term);
        let strange = |why: String| {
            tracing::warn!(peer = peer.0, %group, why, "a proposal of a peer is none");
            ProposeError::NotLeading { group, leader: None }
        };
        if group == GroupId::CONTROL {
            let change = Change::read(&request.commands).map_err(|error| strange(error.to_string()))?;
            let only_in_term = change.only_in_term.or(only_in_term);
            let reply = self.change_here(Change { only_in_term, ..change }).await?;
            return Ok(codec::encode(&reply.to_wire()));
        }
        let commands = forward::read_commands(&request.commands).map_err(|error| strange(error.to_string()))?;
        let replies = self.shard_of(group)?.handle.propose(only_in_term, commands).await?;
        Ok(forward::write_replies(&replies))
    }
}

impl Peers for Groups {
    fn append(
        &self,
        peer: NodeId,
        mut requests: Flow<AppendRequest>,
    ) -> Pending<'_, Result<Flow<Result<AppendAnswer, PeerError>>, PeerError>> {
        Box::pin(async move {
            // The first request says which group the stream is of.
            let Some(first) = requests.next().await else {
                let nothing: Flow<Result<AppendAnswer, PeerError>> = Box::pin(stream::empty());
                return Ok(nothing);
            };
            self.gate.pass(peer).await?;
            let group = self.inbound(peer, first.group)?;
            let heard = match self.shards.get(&GroupId(first.group)) {
                Some(shard) => Arc::clone(&shard.heard),
                None => Arc::clone(&self.control.heard),
            };
            let clock = Arc::clone(&self.clock);
            let requests = stream::iter([first]).chain(requests).inspect(move |_| heard.heard(clock.boot()));
            Ok(group.append(peer, Box::pin(requests)))
        })
    }

    fn vote(&self, peer: NodeId, request: VoteRequest) -> Pending<'_, Result<VoteAnswer, PeerError>> {
        Box::pin(async move {
            // Nobody campaigns in another's name.
            if request.vote.is_none_or(|vote| vote.node != peer.0) {
                return Err(PeerError::Refused { peer, why: "the vote is not the caller's".to_owned() });
            }
            self.gate.pass(peer).await?;
            self.inbound(peer, request.group)?.vote(peer, request).await
        })
    }

    fn snapshot(
        &self,
        peer: NodeId,
        mut parts: Flow<Result<SnapshotPart, PeerError>>,
    ) -> Pending<'_, Result<SnapshotAnswer, PeerError>> {
        Box::pin(async move {
            let refused = |why: &str| PeerError::Refused { peer, why: why.to_owned() };
            let first = parts.next().await.ok_or_else(|| refused("a snapshot without a head"))??;
            let head = first.head.ok_or_else(|| refused("a snapshot without a head"))?;
            self.gate.pass(peer).await?;
            self.inbound(peer, head.group)?.install(peer, head, parts).await
        })
    }

    fn transfer(&self, peer: NodeId, request: TransferRequest) -> Pending<'_, Result<TransferAnswer, PeerError>> {
        Box::pin(async move {
            self.gate.pass(peer).await?;
            self.inbound(peer, request.group)?.transfer(peer, request).await
        })
    }

    fn greet(&self, peer: NodeId, request: GreetRequest) -> Pending<'_, Result<GreetAnswer, PeerError>> {
        Box::pin(async move { self.greeted(peer, &request) })
    }

    fn propose(&self, peer: NodeId, request: ProposeRequest) -> Pending<'_, Result<ProposeAnswer, PeerError>> {
        Box::pin(async move {
            let result = match self.proposed(peer, request).await {
                Ok(replies) => propose_answer::Result::Replies(replies),
                Err(error) => propose_answer::Result::Error(error.write()),
            };
            Ok(ProposeAnswer { result: Some(result) })
        })
    }

    fn read_index(&self, _: NodeId, _: ReadIndexRequest) -> Pending<'_, Result<ReadIndexAnswer, PeerError>> {
        Box::pin(async move {
            let control = self.control.group.clone();
            let here = control.leader() == Some(self.node);
            // Calls of all peers share rounds with those of this node.
            let round = self.rounds.next(|| async move {
                let lost = ProposeError::NotLeading { group: GroupId::CONTROL, leader: control.leader() };
                if here { control.read_index().await } else { Err(lost) }
            });
            Ok(match round.await {
                Ok(index) => ReadIndexAnswer { index, leader: self.node.0 },
                Err(_) => {
                    let leader = self.control.group.leader().filter(|leader| *leader != self.node);
                    ReadIndexAnswer { index: 0, leader: leader.map_or(0, |NodeId(id)| id) }
                }
            })
        })
    }

    fn ask(&self, peer: NodeId, request: AskRequest) -> Pending<'_, Result<AskAnswer, PeerError>> {
        Box::pin(async move {
            let refused = |why: String| PeerError::Refused { peer, why };
            let desk = self.desk.get().ok_or_else(|| refused("this node has only begun to start".to_owned()))?;
            let question = Question::read(&request.question).map_err(|error| refused(error.to_string()))?;
            Ok(AskAnswer { answer: write_answer(&questions::answer(&**desk, question).await) })
        })
    }

    fn hand_over(&self, _: NodeId, request: HandOverRequest) -> Pending<'_, Result<HandOverAnswer, PeerError>> {
        Box::pin(async move {
            let handed = self.hand_over_here(GroupId(request.group), NodeId(request.to)).await;
            Ok(HandOverAnswer { refused: handed.err().map(|error| error.to_string()).unwrap_or_default() })
        })
    }
}
