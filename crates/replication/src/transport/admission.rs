//! The port to whoever decides about nodes that want to join.

use bascule_api::peer::v1::{JoinAnswer, JoinRequest};
use bascule_model::ambient::Pending;

/// Why a node is not taken in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The token lets nobody in. Whether it is unknown, over, used or wrong is not told.
    #[error("the token lets nobody in")]
    Denied,
    /// The request cannot be granted to anybody.
    #[error("the request is refused: {why}")]
    Invalid {
        /// Why.
        why: String,
    },
    /// Nobody is taken in here at the moment; another member may.
    #[error("nobody is taken in here now: {why}")]
    NotNow {
        /// Why.
        why: String,
    },
}

/// Decides about nodes that want to join. Whoever asks has shown nothing yet but that it knows where to ask.
pub trait Admission: Send + Sync + 'static {
    /// Takes the node in, if its token allows it. A request that comes again gets the same id.
    fn admit(&self, request: JoinRequest) -> Pending<'_, Result<JoinAnswer, Refusal>>;
}
