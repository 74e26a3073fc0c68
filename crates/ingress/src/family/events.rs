//! Publishing: PutEvents; and looking at what is published, which has files of its own.

use tonic::{Request, Response, Status};

use bascule_api::reasons::Reason;
use bascule_api::status::Refusal;
use bascule_api::time;
use bascule_api::v1::events_server::Events;
use bascule_api::v1::{
    GetEventRequest, GetEventResponse, PutEventsRequest, PutEventsRequestEntry, PutEventsResponse,
    PutEventsResultEntry, TailEventsRequest, TailEventsResponse,
};
use bascule_model::event::{Entry, check_call};
use bascule_model::id::EventId;
use bascule_model::uid::ControlIndex;
use bascule_routing::error::EntryError;
use bascule_routing::put::Mode;

use crate::family::{Front, event, given, tail};
use crate::stack::{Answers, Checked, Permitted};
use crate::wire;

/// A call that can be.
struct Put {
    /// How many entries the call has.
    count: usize,
    /// Those that the caller may put, and their places in the call.
    entries: Vec<Entry>,
    places: Vec<usize>,
    at_least: ControlIndex,
    mode: Mode,
}

/// An entry that the caller may not put is neither looked at nor counted: what is said of the others, and what is said where there are
/// no others, does not hang on it.
fn check(permit: &Permitted, request: PutEventsRequest) -> Result<Put, Refusal> {
    let mode = if request.validate_only { Mode::ValidateOnly } else { Mode::Write };
    let (count, at_least) = (request.entries.len(), ControlIndex(request.min_control_index));
    let mut put = Put { count, places: Vec::new(), entries: Vec::new(), at_least, mode };
    if count > 0 && (0..count).all(|at| permit.refused(at).is_some()) {
        return Ok(put);
    }
    given::request_id(request.request_id)?;
    for (at, entry) in request.entries.into_iter().enumerate().filter(|(at, _)| permit.refused(*at).is_none()) {
        put.places.push(at);
        put.entries.push(entry_of(at, entry)?);
    }
    check_call(&put.entries).map_err(wire::fault)?;
    Ok(put)
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

impl Put {
    /// Only entries of these places.
    fn keep(&mut self, wanted: impl Fn(usize) -> bool) {
        let (entries, places) = (std::mem::take(&mut self.entries), std::mem::take(&mut self.places));
        let kept = entries.into_iter().zip(places).filter(|(_, at)| wanted(*at));
        (self.entries, self.places) = kept.unzip();
    }
}

impl Front {
    async fn put_events(&self, checked: Checked<Put>) -> Result<PutEventsResponse, Refusal> {
        let (mut permit, mut put) = checked.into_parts();
        if put.at_least.0 > 0 {
            // By the view that puts them, and not by one before the change that the caller waits for.
            permit = permit.renewed(put.at_least).await?;
            put.keep(|at| permit.refused(at).is_none());
        }
        let refused = |at| permit.refused(at).map(|refusal| failed(refusal.reason, refusal.message.clone()));
        let mut entries: Vec<PutEventsResultEntry> = (0..put.count).map(|at| refused(at).unwrap_or_default()).collect();
        let mut control_index = 0;
        if put.mode == Mode::Write {
            self.pace(&permit, &mut put, &mut entries);
        }
        if !put.entries.is_empty() {
            let outcome = self.rooms.put.put(permit.caller_account(), &put.entries, put.at_least, put.mode).await;
            let outcome = outcome.map_err(wire::put)?;
            control_index = outcome.index.0;
            for (at, result) in put.places.into_iter().zip(outcome.entries) {
                if let Some(place) = entries.get_mut(at) {
                    *place = shown(result, put.mode);
                }
            }
        }
        let failed = entries.iter().filter(|entry| !entry.error_code.is_empty()).count();
        Ok(PutEventsResponse { failed_entry_count: u32::try_from(failed).unwrap_or(u32::MAX), entries, control_index })
    }
}

impl Front {
    /// Takes out what comes to a bus faster than it may, and says so in its place.
    fn pace(&self, permit: &Permitted, put: &mut Put, results: &mut [PutEventsResultEntry]) {
        let (entries, places) = (std::mem::take(&mut put.entries), std::mem::take(&mut put.places));
        for (entry, at) in entries.into_iter().zip(places) {
            match self.stack.paced_bus(permit.on(at), 1) {
                Ok(()) => {
                    put.entries.push(entry);
                    put.places.push(at);
                }
                Err(refusal) => {
                    if let Some(place) = results.get_mut(at) {
                        *place = failed(refusal.reason, refusal.message);
                    }
                }
            }
        }
    }
}

fn failed(reason: Reason, error_message: String) -> PutEventsResultEntry {
    PutEventsResultEntry { error_code: reason.name().to_owned(), error_message, ..PutEventsResultEntry::default() }
}

fn shown(result: Result<EventId, EntryError>, mode: Mode) -> PutEventsResultEntry {
    match result {
        Ok(_) if mode == Mode::ValidateOnly => PutEventsResultEntry::default(),
        Ok(id) => PutEventsResultEntry { event_id: id.to_string(), ..PutEventsResultEntry::default() },
        Err(error) => failed(wire::entry(&error), error.to_string()),
    }
}

#[tonic::async_trait]
impl Events for Front {
    async fn put_events(&self, request: Request<PutEventsRequest>) -> Result<Response<PutEventsResponse>, Status> {
        self.stack.run(request, check, |checked| self.put_events(checked)).await
    }

    type TailEventsStream = Answers<TailEventsResponse>;

    async fn tail_events(
        &self,
        request: Request<TailEventsRequest>,
    ) -> Result<Response<Self::TailEventsStream>, Status> {
        let handle = |held, asked| tail::answers(self.clone(), held, asked);
        self.stack.follow(request, tail::check, handle)
    }

    async fn get_event(&self, request: Request<GetEventRequest>) -> Result<Response<GetEventResponse>, Status> {
        self.stack.run(request, event::check, |checked| self.get_event(checked)).await
    }
}
