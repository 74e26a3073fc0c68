//! Errors of the port on the wire, and back: whether a call has certainly done nothing must survive both ways.

use std::error::Error;

use tonic::{Code, Status};

use bascule_model::uid::NodeId;

use crate::peers::PeerError;
use crate::transport::limits::REASON_LIMIT_BYTES;

/// A call that its connection never took.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unsent(pub(super) String);

/// What a node is told that was removed. No other answer has this code.
pub(super) fn removed() -> Status {
    Status::unauthenticated("this node was removed from the cluster")
}

/// What a caller is told of an error on this side.
pub(super) fn status(error: &PeerError) -> Status {
    if matches!(error, PeerError::Removed { .. }) {
        return removed();
    }
    let reason = shortened(&error.to_string());
    if error.nothing_done() { Status::failed_precondition(reason) } else { Status::unavailable(reason) }
}

/// What became of a call to `peer` that ended with this status.
pub(super) fn error(peer: NodeId, status: &Status) -> PeerError {
    let source = status.source();
    let why = match source {
        Some(source) => chain(source),
        None => shortened(status.message()),
    };
    if source.is_some_and(|source| source.is::<Unsent>()) {
        return PeerError::Unreachable { peer, why };
    }
    // A status that this side made of an error of the connection may have any of these codes, and says nothing of the peer.
    match (source.is_some(), status.code()) {
        (false, Code::PermissionDenied | Code::InvalidArgument | Code::FailedPrecondition) => {
            PeerError::Refused { peer, why }
        }
        (false, Code::Unauthenticated) => PeerError::Removed { peer },
        _ => PeerError::Broken { peer, why },
    }
}

/// An error with everything that led to it, on one line.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text.push_str(": ");
        text.push_str(&error.to_string());
        next = error.source();
    }
    shortened(&text)
}

fn shortened(text: &str) -> String {
    let mut end = text.len().min(REASON_LIMIT_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: NodeId = NodeId(2);

    #[test]
    fn what_was_certainly_not_done_stays_so_on_the_way() {
        let why = || "why".to_owned();
        for (told, nothing_done) in [
            (PeerError::Refused { peer: PEER, why: why() }, true),
            (PeerError::Unreachable { peer: PEER, why: why() }, true),
            (PeerError::Broken { peer: PEER, why: why() }, false),
        ] {
            let heard = error(PEER, &status(&told));
            assert_eq!(heard.nothing_done(), nothing_done, "{told}: {heard}");
            assert!(heard.to_string().contains("why"), "{heard}");
        }
        let removed = PeerError::Removed { peer: PEER };
        assert_eq!(error(PEER, &status(&removed)), removed);
    }

    #[test]
    fn only_the_peers_own_words_refuse() {
        for (code, refused) in [
            (Code::PermissionDenied, true),
            (Code::InvalidArgument, true),
            (Code::FailedPrecondition, true),
            (Code::Unavailable, false),
            (Code::Cancelled, false),
            (Code::Unknown, false),
            (Code::Internal, false),
            (Code::OutOfRange, false),
            (Code::Unimplemented, false),
        ] {
            let heard = error(PEER, &Status::new(code, "why"));
            assert_eq!(matches!(heard, PeerError::Refused { .. }), refused, "{code:?}: {heard}");
            let mut own = Status::new(code, "why");
            own.set_source(std::sync::Arc::new(std::io::Error::other("the connection")));
            assert!(matches!(error(PEER, &own), PeerError::Broken { .. }), "{code:?}");
        }
        assert_eq!(error(PEER, &removed()), PeerError::Removed { peer: PEER });
        let mut own = removed();
        own.set_source(std::sync::Arc::new(std::io::Error::other("the connection")));
        assert!(matches!(error(PEER, &own), PeerError::Broken { .. }), "no peer said so");
        let unsent = Status::from_error(Box::new(Unsent("closed".to_owned())));
        assert!(matches!(error(PEER, &unsent), PeerError::Unreachable { .. }));
        let long = error(PEER, &Status::internal("\u{e4}".repeat(REASON_LIMIT_BYTES)));
        assert!(long.to_string().len() < REASON_LIMIT_BYTES + 64);
    }
}
