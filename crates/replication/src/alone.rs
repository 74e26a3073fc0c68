//! The network of a node without peers: every peer is unreachable, and no vote is ever granted in its name.

use std::future::Future;

use openraft::errors::{RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::RPCOption;
use openraft::network::v2::RaftNetworkV2;
use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse};
use openraft::{OptionalSend, RaftNetworkFactory};

use crate::machine::{Chunks, GroupSnapshot};
use crate::raft::{Peer, Types, Vote};

/// Makes connections that lead nowhere.
#[derive(Debug, Clone, Copy, Default)]
pub struct Alone;

/// A connection to a peer that this node does not know how to reach.
#[derive(Debug)]
pub struct Nowhere {
    target: u64,
}

impl Nowhere {
    fn unreachable(&self) -> Unreachable<Types> {
        Unreachable::from_string(format!("node {} is unreachable: this node runs alone", self.target))
    }
}

impl RaftNetworkFactory<Types> for Alone {
    type Network = Nowhere;

    async fn new_client(&mut self, target: u64, _: &Peer) -> Nowhere {
        Nowhere { target }
    }
}

impl RaftNetworkV2<Types> for Nowhere {
    type SnapshotData = Chunks;

    async fn append_entries(
        &mut self,
        _: AppendEntriesRequest<Types>,
        _: RPCOption,
    ) -> Result<AppendEntriesResponse<Types>, RPCError<Types>> {
        Err(self.unreachable().into())
    }

    async fn vote(&mut self, _: VoteRequest<Types>, _: RPCOption) -> Result<VoteResponse<Types>, RPCError<Types>> {
        Err(self.unreachable().into())
    }

    // openraft's default grants, which would make pre-vote worth nothing.
    async fn pre_vote(&mut self, _: VoteRequest<Types>, _: RPCOption) -> Result<VoteResponse<Types>, RPCError<Types>> {
        Err(self.unreachable().into())
    }

    async fn full_snapshot(
        &mut self,
        _: Vote,
        _: GroupSnapshot,
        _: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _: RPCOption,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        Err(self.unreachable().into())
    }
}
