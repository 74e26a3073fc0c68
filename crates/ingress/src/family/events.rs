//! Publishing: PutEvents.

use tonic::{Request, Response, Status};

use bascule_api::status::Refusal;
use bascule_api::time;
use bascule_api::v1::events_server::Events;
use bascule_api::v1::{PutEventsRequest, PutEventsRequestEntry, PutEventsResponse, PutEventsResultEntry};
use bascule_model::event::{Entry, check_call};
use bascule_model::uid::ControlIndex;
use bascule_routing::put::Mode;

use crate::family::{Front, given};
use crate::operation::Operation;
use crate::stack::{Checked, Permitted};
use crate::wire;

/// A call that can be.
struct Put {
    entries: Vec<Entry>,
    at_least: ControlIndex,
    mode: Mode,
}

fn check(_: &Permitted, request: PutEventsRequest) -> Result<Put, Refusal> {
    given::request_id(request.request_id)?;
    let entries = request.entries.into_iter().enumerate().map(|(at, entry)| entry_of(at, entry));
    let entries = entries.collect::<Result<Vec<_>, _>>()?;
    check_call(&entries).map_err(wire::fault)?;
    let mode = if request.validate_only { Mode::ValidateOnly } else { Mode::Write };
    Ok(Put { entries, at_least: ControlIndex(request.min_control_index), mode })
}

fn entry_of(at: usize, entry: PutEventsRequestEntry) -> Result<Entry, Refusal> {
    let some = |text: String| (!text.is_empty()).then_some(text);
    let time = match &entry.time {
        None => None,
        Some(stamp) => Some(time::millis(stamp).ok_or_else(|| {
            wire::field(&format!("entries[{at}].time"), "it is no time since 1970", &stamp.seconds.to_string())
        })?),
    };
    Ok(Entry {
        source: entry.source,
        detail_type: entry.detail_type,
        detail: entry.detail,
        resources: entry.resources,
        time,
        bus: some(entry.event_bus_name),
        trace_header: some(entry.trace_header),
    })
}

impl Front {
    async fn put_events(&self, checked: Checked<Put>) -> Result<PutEventsResponse, Refusal> {
        let (permit, put) = checked.into_parts();
        let outcome = self.rooms.put.put(permit.account(), &put.entries, put.at_least, put.mode).await;
        let outcome = outcome.map_err(wire::put)?;
        let mut failed_entry_count = 0;
        let entries = outcome.entries.into_iter().map(|result| match result {
            Ok(_) if put.mode == Mode::ValidateOnly => PutEventsResultEntry::default(),
            Ok(id) => PutEventsResultEntry { event_id: id.to_string(), ..PutEventsResultEntry::default() },
            Err(error) => {
                failed_entry_count += 1;
                let error_code = wire::entry(&error).name().to_owned();
                PutEventsResultEntry { error_code, error_message: error.to_string(), ..PutEventsResultEntry::default() }
            }
        });
        let entries = entries.collect();
        Ok(PutEventsResponse { failed_entry_count, entries, control_index: outcome.index.0 })
    }
}

#[tonic::async_trait]
impl Events for Front {
    async fn put_events(&self, request: Request<PutEventsRequest>) -> Result<Response<PutEventsResponse>, Status> {
        self.stack.run(Operation::PutEvents, request, check, |checked| self.put_events(checked)).await
    }
}
