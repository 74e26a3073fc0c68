//! Puts on their way: several lanes draw from one feed, and each outcome is written down by line.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io::BufRead;
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::task::Poll;

use bascule_api::client::retry::Repeat;
use bascule_api::error::Error as Failure;
use bascule_api::v1::{PutEventsRequest, PutEventsRequestEntry, PutEventsResponse};
use tonic::Code;

use crate::entries::{self, Entry, Gather};
use crate::error::{Error, Intent};
use crate::explain::{Exit, explain};
use crate::inputs;
use crate::limits::LINE_MAX_BYTES;
use crate::link::{Link, Manner};
use crate::output::event::{Fate, Report};
use crate::verbs::Outcome;
use crate::verbs::event::progress::Progress;

/// How to publish.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Puts on their way at the same time.
    pub in_flight_count: u8,
    /// Check only.
    pub validate_only: bool,
    /// Index that the deciding view must have reached.
    pub min_control_index: u64,
    /// Keep the ids of accepted entries.
    pub keep_ids: bool,
}

/// Entries of a file, gathered into puts as they are asked for.
pub struct Feed {
    path: PathBuf,
    lines: Box<dyn BufRead>,
    /// Lines read so far.
    read_count: u64,
    /// Their bytes, each line break counted as one.
    read_bytes: u64,
    gather: Gather,
    ready: VecDeque<Vec<Entry>>,
    ended: bool,
}

impl Feed {
    /// The entries of these lines; the path is for messages.
    pub fn new(path: PathBuf, lines: Box<dyn BufRead>) -> Self {
        Self {
            path,
            lines,
            read_count: 0,
            read_bytes: 0,
            gather: Gather::default(),
            ready: VecDeque::new(),
            ended: false,
        }
    }

    /// The next put, none at the end; lines that are no entries go to the report.
    fn next(&mut self, report: &mut Report) -> Result<Option<Vec<Entry>>, Error> {
        while self.ready.is_empty() && !self.ended {
            let line = inputs::line(&mut *self.lines, LINE_MAX_BYTES);
            let line = line.map_err(|source| Error::Unreadable { what: "file", path: self.path.clone(), source })?;
            let Some(line) = line else {
                self.ended = true;
                self.ready.extend(self.gather.rest());
                break;
            };
            self.read_count += 1;
            self.read_bytes += line.len() as u64 + 1;
            match entries::parse(&line) {
                Ok(None) => {}
                Ok(Some(wire)) => self.ready.extend(self.gather.add(Entry { line: self.read_count, wire })),
                Err(message) => {
                    let fate = Fate::Failed { code: "ENTRY_INVALID".to_owned(), message };
                    report.add(self.read_count, fate);
                }
            }
        }
        Ok(self.ready.pop_front())
    }

    /// The first line that was not handed out; none when all were.
    fn left(&mut self) -> Option<u64> {
        let first = |put: Vec<Entry>| put.first().map(|entry| entry.line);
        let held = self.ready.pop_front().or_else(|| self.gather.rest()).and_then(first);
        held.or((!self.ended).then_some(self.read_count + 1))
    }
}

/// Publishes one entry.
///
/// # Errors
/// Why the call as a whole failed.
pub async fn one(link: &Link, wire: PutEventsRequestEntry, plan: Plan) -> Result<Outcome, Error> {
    let answer = put(link, vec![wire], plan).await?;
    let mut report = plan.report();
    record(&mut report, &[1], Ok(answer));
    Ok(outcome(report, None))
}

/// Publishes a feed's entries. A call that fails as a whole, other than for one of its entries, ends it, and so does
/// `stop`; what was on its way by then is still waited for.
pub async fn all(link: &Link, feed: Feed, plan: Plan, progress: &Progress, stop: impl Future<Output = ()>) -> Outcome {
    let desk = RefCell::new((feed, plan.report(), None::<Error>));
    let lanes = (0..plan.in_flight_count).map(|_| lane(link, &desk, plan, progress)).collect::<Vec<_>>();
    let mut lanes = pin!(together(lanes));
    tokio::select! {
        biased;
        () = &mut lanes => {}
        () = stop => {
            desk.borrow_mut().2.get_or_insert(Error::Stopped);
            lanes.as_mut().await;
        }
    }
    progress.clear();
    let (feed, report, trouble) = &mut *desk.borrow_mut();
    if trouble.is_some() {
        report.not_sent_from = feed.left();
    }
    outcome(std::mem::take(report), trouble.take())
}

impl Plan {
    fn report(self) -> Report {
        Report { keeps_ids: self.keep_ids, is_validated_only: self.validate_only, ..Report::default() }
    }
}

async fn lane(link: &Link, desk: &RefCell<(Feed, Report, Option<Error>)>, plan: Plan, progress: &Progress) {
    loop {
        let entries = {
            let (feed, report, trouble) = &mut *desk.borrow_mut();
            if trouble.is_some() {
                return;
            }
            match feed.next(report) {
                Ok(Some(entries)) => entries,
                Ok(None) => return,
                Err(error) => {
                    *trouble = Some(error);
                    return;
                }
            }
        };
        let (lines, wires): (Vec<u64>, Vec<_>) = entries.into_iter().map(|entry| (entry.line, entry.wire)).unzip();
        let answer = put(link, wires, plan).await;
        let (feed, report, trouble) = &mut *desk.borrow_mut();
        if let Some(error) = record(report, &lines, answer) {
            // The first failure is the cause; those of puts beside it mostly follow from it.
            trouble.get_or_insert(error);
        }
        progress.show(feed.read_bytes, report);
    }
}

/// Waits for all of them, in this task: nothing runs on when the command ends.
async fn together<F: Future<Output = ()>>(lanes: Vec<F>) {
    let mut open: Vec<Pin<Box<F>>> = lanes.into_iter().map(Box::pin).collect();
    poll_fn(|context| {
        open.retain_mut(|lane| lane.as_mut().poll(context).is_pending());
        if open.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

async fn put(link: &Link, entries: Vec<PutEventsRequestEntry>, plan: Plan) -> Result<PutEventsResponse, Error> {
    let request = PutEventsRequest {
        entries,
        min_control_index: plan.min_control_index,
        request_id: link.request_id(None)?,
        validate_only: plan.validate_only,
    };
    // A repeated put publishes twice, so it is repeated only after an answer that says that nothing was done.
    let intent = if plan.validate_only { Intent::Read } else { Intent::Write };
    let manner = Manner { function: "put_events", intent, repeat: Repeat::IfRefused, request_id: None };
    let send = |request| {
        let mut stub = link.session.events();
        async move { stub.put_events(request).await }
    };
    link.call(manner, request, send).await
}

/// Writes down what became of the entries of one put; answers the error that ends it all.
fn record(report: &mut Report, lines: &[u64], answer: Result<PutEventsResponse, Error>) -> Option<Error> {
    let error = match answer {
        Ok(answer) => {
            report.control_index = report.control_index.max(answer.control_index);
            let mut results = answer.entries.into_iter();
            for line in lines {
                let fate = match results.next() {
                    Some(result) if result.error_code.is_empty() => Fate::Accepted { id: result.event_id },
                    Some(result) => Fate::Failed { code: result.error_code, message: result.error_message },
                    None => Fate::Unknown,
                };
                report.add(*line, fate);
            }
            return None;
        }
        Err(error) => error,
    };
    let told = explain(&error);
    let fate = match told.exit {
        Exit::Unknown => Fate::Unknown,
        _ => Fate::Failed { code: told.code, message: told.why },
    };
    for line in lines {
        report.add(*line, fate.clone());
    }
    (!is_about_entries(&error)).then_some(error)
}

/// Whether another put may go better: this one was refused for what its entries say.
fn is_about_entries(error: &Error) -> bool {
    match error {
        Error::Call(failed) => match &failed.source {
            Failure::Refused(refusal) => matches!(refusal.reason.code(), Code::InvalidArgument | Code::OutOfRange),
            _ => false,
        },
        _ => false,
    }
}

fn outcome(report: Report, trouble: Option<Error>) -> Outcome {
    let exit = match &trouble {
        // The worst that can be said of all puts, not of the first that failed.
        _ if report.unknown_count > 0 => Exit::Unknown,
        Some(error) => explain(error).exit,
        None if report.failed_count > 0 => Exit::Negative,
        None => Exit::Done,
    };
    Outcome { exit, trouble, ..Outcome::done(report.view()) }
}

#[cfg(test)]
mod tests;
