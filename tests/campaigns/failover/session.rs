//! A way to one node that is opened when it is needed, and anew after it broke.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bascule_api::client::{Context, Deadlines};
use bascule_tests::Outcome;
use bascule_tests::chance::Air;
use bascule_tests::client::Client;

/// How long a connection may take.
const CONNECT_LIMIT: Duration = Duration::from_millis(1_000);

/// One.
pub struct Door {
    /// The node behind it.
    pub node: u64,
    context: Context,
    attempt_ms: u64,
    open: Option<Client>,
}

impl Door {
    /// To this node, with so many milliseconds for each call.
    #[must_use]
    pub const fn to(node: u64, context: Context, attempt_ms: u64) -> Self {
        Self { node, context, attempt_ms, open: None }
    }

    /// The client, connected if it is not.
    ///
    /// # Errors
    /// There is no connection, in which case nothing was sent.
    pub async fn client(&mut self) -> Outcome<Client> {
        if let Some(open) = &self.open {
            return Ok(open.clone());
        }
        let connecting = tokio::time::timeout(CONNECT_LIMIT, self.context.connect(Arc::new(Air)));
        let session = connecting.await.context("no connection in time")??;
        let deadlines = Deadlines { attempt_ms: self.attempt_ms, call_ms: self.attempt_ms };
        let client = Client::over(session.with_deadlines(deadlines));
        self.open = Some(client.clone());
        Ok(client)
    }

    /// The connection is of no use any more.
    pub fn close(&mut self) {
        self.open = None;
    }
}
