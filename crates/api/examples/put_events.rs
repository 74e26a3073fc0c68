//! Puts events on the default bus, again where that is safe.
//!
//! `cargo run -p bascule-api --features client --example put_events -- ENDPOINT CA CERTIFICATE KEY`, with the values of the context file
//! that `basculed dev` writes.

use std::error::Error;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::sync::Arc;

use bascule_api::client::Context;
use bascule_api::client::retry::Repeat;
use bascule_api::v1::{PutEventsRequest, PutEventsRequestEntry};
use bascule_model::ambient::{Entropy, NoEntropy};

/// The system's chance, for the jitter of repeats.
struct System;

impl Entropy for System {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoEntropy> {
        File::open("/dev/urandom").and_then(|mut file| file.read_exact(buffer)).map_err(|_| NoEntropy)
    }
}

/// Puts `count` events in calls of ten; gives their ids.
///
/// # Errors
/// No connection, a refusal, or an entry that was not taken.
pub async fn put(context: &Context, count: usize) -> Result<Vec<String>, Box<dyn Error + Send + Sync>> {
    let session = context.connect(Arc::new(System)).await?;
    let mut ids = Vec::with_capacity(count);
    while ids.len() < count {
        let entries = (ids.len()..count.min(ids.len() + 10)).map(|number| PutEventsRequestEntry {
            source: "example.rust".to_owned(),
            detail_type: "Example".to_owned(),
            detail: format!(r#"{{"number":{number}}}"#),
            ..PutEventsRequestEntry::default()
        });
        let request = PutEventsRequest { entries: entries.collect(), ..PutEventsRequest::default() };
        // An event whose fate is not known may be there already: it is put again only where nothing was written.
        let answer = session.call(Repeat::IfRefused, request, |request| {
            let mut events = session.events();
            async move { events.put_events(request).await }
        });
        for entry in answer.await?.entries {
            if !entry.error_code.is_empty() {
                return Err(format!("{}: {}", entry.error_code, entry.error_message).into());
            }
            ids.push(entry.event_id);
        }
    }
    Ok(ids)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let [endpoint, ca, cert, key] = given.as_slice() else {
        return Err("usage: put_events ENDPOINT CA CERTIFICATE KEY".into());
    };
    let context = Context { endpoint: endpoint.clone(), ca: fs::read(ca)?, cert: fs::read(cert)?, key: fs::read(key)? };
    let ids = put(&context, 100).await?;
    writeln!(io::stdout(), "{} events are accepted", ids.len())?;
    Ok(())
}
