//! What Raft says to peers, as messages of `bascule.peer.v1` and back; whatever is none of ours is refused here.

use openraft::raft::{
    AppendEntriesRequest, StreamAppendError, StreamAppendResult, TransferLeaderRequest, VoteRequest, VoteResponse,
};

use bascule_api::peer::v1 as peer;
use bascule_model::uid::GroupId;

use crate::encode::{self, EncodeError};
use crate::raft::{Entry, LogId, Types, Vote};

/// A log id as peers see it.
pub(crate) fn log_id(id: &LogId) -> peer::LogId {
    peer::LogId { term: id.committed_leader_id().term, index: id.index() }
}

pub(crate) fn read_log_id(wire: peer::LogId) -> LogId {
    LogId::new_term_index(wire.term, wire.index)
}

/// A vote as peers see it.
pub(crate) fn vote(vote: &Vote) -> peer::Vote {
    peer::Vote { term: vote.leader_id.term, node: vote.leader_id.voted_for, committed: vote.committed }
}

pub(crate) fn read_vote(wire: Option<peer::Vote>) -> Result<Vote, EncodeError> {
    let wire = wire.ok_or_else(|| missing("vote"))?;
    let of = if wire.committed { Vote::new_committed } else { Vote::new };
    Ok(of(wire.term, wire.node))
}

/// Entries for a follower.
pub(crate) fn append(group: GroupId, request: AppendEntriesRequest<Types>) -> peer::AppendRequest {
    peer::AppendRequest {
        group: group.0,
        vote: Some(vote(&request.vote)),
        previous: request.prev_log_id.as_ref().map(log_id),
        entries: request.entries.iter().map(entry).collect(),
        committed: request.leader_commit.as_ref().map(log_id),
    }
}

fn entry(entry: &Entry) -> peer::Entry {
    peer::Entry {
        id: Some(log_id(&entry.log_id)),
        payload: encode::payload(&entry.payload),
        clear: encode::is_clear(&entry.payload),
    }
}

/// A leader's entries. They must follow each other without a gap, and the first the one before it: a leader that sends anything else is
/// broken, and its word would tear the log.
pub(crate) fn read_append(wire: peer::AppendRequest) -> Result<AppendEntriesRequest<Types>, EncodeError> {
    let previous = wire.previous.map(read_log_id);
    let first = previous.map_or(0, |previous| previous.index() + 1);
    let mut entries = Vec::with_capacity(wire.entries.len());
    for (due, entry) in (first..).zip(wire.entries) {
        let id = read_log_id(entry.id.ok_or_else(|| missing("log id"))?);
        if id.index() != due {
            let why = format!("entry {} comes where {due} is due", id.index());
            return Err(EncodeError::Impossible { what: "append", why });
        }
        entries.push(Entry { log_id: id, payload: encode::read_payload(&entry.payload, entry.clear)? });
    }
    Ok(AppendEntriesRequest {
        vote: read_vote(wire.vote)?,
        prev_log_id: previous,
        entries,
        leader_commit: wire.committed.map(read_log_id),
    })
}

/// What became of an append.
pub(crate) fn appended(result: &StreamAppendResult<Types>) -> peer::AppendAnswer {
    use peer::append_answer::Result as Answer;
    let answer = match result {
        Ok(last) => Answer::Matched(peer::Matched { last: last.as_ref().map(log_id) }),
        Err(StreamAppendError::Conflict(at)) => Answer::Conflict(log_id(at)),
        Err(StreamAppendError::HigherVote(higher)) => Answer::Higher(vote(higher)),
    };
    peer::AppendAnswer { result: Some(answer) }
}

pub(crate) fn read_appended(wire: peer::AppendAnswer) -> Result<StreamAppendResult<Types>, EncodeError> {
    use peer::append_answer::Result as Answer;
    Ok(match wire.result.ok_or_else(|| missing("answer to an append"))? {
        Answer::Matched(matched) => Ok(matched.last.map(read_log_id)),
        Answer::Conflict(at) => Err(StreamAppendError::Conflict(read_log_id(at))),
        Answer::Higher(higher) => Err(StreamAppendError::HigherVote(read_vote(Some(higher))?)),
    })
}

/// Whether a vote is asked for, or only asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Campaign {
    Vote,
    Tentative,
}

pub(crate) fn campaign(group: GroupId, request: &VoteRequest<Types>, campaign: Campaign) -> peer::VoteRequest {
    peer::VoteRequest {
        group: group.0,
        vote: Some(vote(&request.vote)),
        last: request.last_log_id.as_ref().map(log_id),
        transfer: request.leadership_transfer,
        tentative: campaign == Campaign::Tentative,
    }
}

pub(crate) fn read_campaign(wire: peer::VoteRequest) -> Result<(VoteRequest<Types>, Campaign), EncodeError> {
    let campaign = if wire.tentative { Campaign::Tentative } else { Campaign::Vote };
    let request = VoteRequest {
        vote: read_vote(wire.vote)?,
        last_log_id: wire.last.map(read_log_id),
        leadership_transfer: wire.transfer,
    };
    Ok((request, campaign))
}

pub(crate) fn voted(response: &VoteResponse<Types>) -> peer::VoteAnswer {
    peer::VoteAnswer {
        vote: Some(vote(&response.vote)),
        granted: response.vote_granted,
        last: response.last_log_id.as_ref().map(log_id),
    }
}

pub(crate) fn read_voted(wire: peer::VoteAnswer) -> Result<VoteResponse<Types>, EncodeError> {
    let vote = read_vote(wire.vote)?;
    Ok(VoteResponse { vote, vote_granted: wire.granted, last_log_id: wire.last.map(read_log_id) })
}

pub(crate) fn transfer(group: GroupId, request: &TransferLeaderRequest<Types>) -> peer::TransferRequest {
    peer::TransferRequest {
        group: group.0,
        from: Some(vote(request.from_leader())),
        to: *request.to_node_id(),
        last: request.last_log_id().map(log_id),
    }
}

pub(crate) fn read_transfer(wire: peer::TransferRequest) -> Result<TransferLeaderRequest<Types>, EncodeError> {
    Ok(TransferLeaderRequest::new(read_vote(wire.from)?, wire.to, wire.last.map(read_log_id)))
}

fn missing(what: &'static str) -> EncodeError {
    EncodeError::Impossible { what, why: "it is missing".to_owned() }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::raft::{Payload, Proposal};

    fn entries(indexes: &[u64]) -> Vec<Entry> {
        let entry = |index: &u64| Entry {
            log_id: LogId::new_term_index(2, *index),
            payload: Payload::Normal(Proposal { bytes: Bytes::from_static(b"\x01x"), clear: index.is_multiple_of(2) }),
        };
        indexes.iter().map(entry).collect()
    }

    fn request(previous: Option<u64>, indexes: &[u64]) -> AppendEntriesRequest<Types> {
        AppendEntriesRequest {
            vote: Vote::new_committed(3, 1),
            prev_log_id: previous.map(|index| LogId::new_term_index(2, index)),
            entries: entries(indexes),
            leader_commit: Some(LogId::new_term_index(2, 4)),
        }
    }

    #[test]
    fn appends_read_back_and_gaps_are_refused() {
        for (previous, indexes) in [(None, vec![0, 1, 2]), (Some(4), vec![5, 6]), (Some(4), vec![]), (None, vec![])] {
            let wire = append(GroupId(7), request(previous, &indexes));
            assert_eq!(wire.group, 7);
            let read = read_append(wire).unwrap();
            let sent = request(previous, &indexes);
            assert_eq!(
                (read.vote, read.prev_log_id, read.leader_commit),
                (sent.vote, sent.prev_log_id, sent.leader_commit)
            );
            assert_eq!(read.entries, sent.entries);
        }
        for (previous, indexes) in [(None, vec![1]), (Some(4), vec![6]), (Some(4), vec![5, 7]), (Some(4), vec![5, 5])] {
            let read = read_append(append(GroupId(7), request(previous, &indexes)));
            assert!(matches!(read, Err(EncodeError::Impossible { what: "append", .. })), "{previous:?} {indexes:?}");
        }
        let without_vote = peer::AppendRequest { vote: None, ..append(GroupId(7), request(None, &[0])) };
        assert!(read_append(without_vote).is_err());
    }

    #[test]
    fn answers_read_back() {
        let id = LogId::new_term_index(2, 9);
        for answer in [
            Ok(Some(id)),
            Ok(None),
            Err(StreamAppendError::Conflict(id)),
            Err(StreamAppendError::HigherVote(Vote::new(4, 2))),
        ] {
            assert_eq!(read_appended(appended(&answer)).unwrap(), answer);
        }
        assert!(read_appended(peer::AppendAnswer::default()).is_err());
        let granted = VoteResponse::<Types> { vote: Vote::new(4, 2), vote_granted: true, last_log_id: Some(id) };
        assert_eq!(read_voted(voted(&granted)).unwrap(), granted);
        for kind in [Campaign::Vote, Campaign::Tentative] {
            let asked =
                VoteRequest::<Types> { vote: Vote::new(4, 2), last_log_id: Some(id), leadership_transfer: true };
            assert_eq!(read_campaign(campaign(GroupId(1), &asked, kind)).unwrap(), (asked, kind));
        }
        let handed = TransferLeaderRequest::<Types>::new(Vote::new_committed(3, 1), 2, Some(id));
        assert_eq!(read_transfer(transfer(GroupId(1), &handed)).unwrap(), handed);
    }
}
