//! Tails: events as a node accepts them.

use std::fmt;

use tonic::{Status, Streaming};

use crate::client::{MESSAGE_MAX_BYTES, Session};
use crate::error::Error;
use crate::v1::events_client::EventsClient;
use crate::v1::tail_events_response::Says;
use crate::v1::{TailEventsRequest, TailEventsResponse};

/// A tail that is open. Made by [`Session::tail`]; dropping it ends it.
pub struct Tail(Streaming<TailEventsResponse>);

impl Session {
    /// Opens a tail. Nothing is opened anew: what is accepted while no tail is open is not shown by any.
    ///
    /// # Errors
    /// [`Error::Refused`] with the server's reason, [`Error::Foreign`] with a code of something else.
    pub async fn tail(&self, request: TailEventsRequest) -> Result<Tail, Error> {
        // Without the deadline of calls: a tail lives as long as its client.
        let mut stub = EventsClient::new(self.channel())
            .max_decoding_message_size(MESSAGE_MAX_BYTES)
            .max_encoding_message_size(MESSAGE_MAX_BYTES);
        let answer = stub.tail_events(request).await.map_err(Error::from)?;
        Ok(Tail(answer.into_inner()))
    }
}

impl Tail {
    /// The next thing that the server says; `None` when it has ended without a reason. Things of a newer server are passed over.
    /// Nothing is lost if the wait is given up.
    ///
    /// # Errors
    /// [`Error::Refused`]: the bus is gone, the caller may not any more, the node is about to stop. [`Error::Foreign`] when the
    /// connection broke.
    pub async fn next(&mut self) -> Result<Option<Says>, Error> {
        loop {
            match self.0.message().await.map_err(|status: Status| Error::from(status))? {
                Some(TailEventsResponse { says: Some(says) }) => return Ok(Some(says)),
                Some(TailEventsResponse { says: None }) => {}
                None => return Ok(None),
            }
        }
    }
}

impl fmt::Debug for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tail").finish_non_exhaustive()
    }
}
