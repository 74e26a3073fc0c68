//! Follows a queue: messages come as they are laid, and are deleted once they are handled.
//!
//! `cargo run -p bascule-api --features client --example follow_queue -- ENDPOINT CA CERTIFICATE KEY QUEUE`, with the values of the context
//! file that `basculed dev` writes. A daemon that restarts is waited for.

use std::error::Error;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::sync::Arc;

use bascule_api::client::Context;
use bascule_api::client::subscription::Following;
use bascule_model::ambient::{Entropy, NoEntropy};

/// The system's chance, for the jitter of repeats.
struct System;

impl Entropy for System {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoEntropy> {
        File::open("/dev/urandom").and_then(|mut file| file.read_exact(buffer)).map_err(|_| NoEntropy)
    }
}

/// Hands each message's body to `handle` until that says that it is enough. A message that it fails for comes again.
///
/// # Errors
/// No connection, or a refusal that does not pass.
pub async fn follow(
    context: &Context,
    queue: &str,
    mut handle: impl FnMut(&str) -> Result<bool, String>,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let session = context.connect(Arc::new(System)).await?;
    let following = Following { queue_name: queue.to_owned(), credits: 100, visibility_timeout: Some(30) };
    let mut subscription = session.subscribe(following).await?;
    loop {
        let message = subscription.message().await?;
        let receipt = vec![message.receipt_handle];
        match handle(&message.body) {
            Ok(enough) => {
                subscription.ack(receipt).await?;
                if enough {
                    // Once every receipt is answered; what was not handled comes again for others.
                    subscription.close().await?;
                    return Ok(());
                }
            }
            Err(_) => subscription.nack(receipt, 5).await?,
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let [endpoint, ca, cert, key, queue] = given.as_slice() else {
        return Err("usage: follow_queue ENDPOINT CA CERTIFICATE KEY QUEUE".into());
    };
    let context = Context { endpoint: endpoint.clone(), ca: fs::read(ca)?, cert: fs::read(cert)?, key: fs::read(key)? };
    let print = |body: &str| writeln!(io::stdout(), "{body}").map(|()| false).map_err(|error| error.to_string());
    follow(&context, queue, print).await
}
