//! Remembered answers: a request that comes again within a day gets the first answer and changes nothing.

use bascule_model::fault::Fault;
use bascule_model::id;
use bytes::Bytes;

use crate::codec;
use crate::codec::control::rows::RequestRow;
use crate::codec::control::{Command, Kind};
use crate::control::Error;
use crate::control::limits::{REQUEST_KEPT_MS, REQUESTS_SWEPT_LIMIT_ROWS};
use crate::control::reply::{Outcome, Reply};
use crate::key::{Key, Part, Range};
use crate::overlay::Overlay;
use crate::ports::tables::Read;
use crate::register::Table;

/// No account has this number. Behind it stand the places of all answers, by time, so that old ones are found without a walk.
const BY_AGE: u64 = u64::MAX;

/// The first answer to this request, or the fault of a request id with other content; `None` for a new request.
pub(super) fn find(
    rows: &Overlay<'_>,
    command: &Command,
    kind: &Kind,
    now_ms: u64,
) -> Result<Option<Result<Reply, Fault>>, Error> {
    if command.request_id.is_empty() {
        return Ok(None);
    }
    let Some(row) = get(rows, &key(command.account, kind.number(), request(command, kind)))? else {
        return Ok(None);
    };
    if is_over(&row, now_ms) {
        return Ok(None);
    }
    if row.content != content(command) {
        return Ok(Some(Err(Fault::RequestReused { request_id: command.request_id.clone() })));
    }
    Ok(row.reply.as_ref().map(|reply| Ok(Reply::from_wire(reply))))
}

/// Keeps an answer, and takes away some that are over age.
pub(super) fn remember(
    rows: &mut Overlay<'_>,
    command: &Command,
    kind: &Kind,
    now_ms: u64,
    reply: &Reply,
) -> Result<(), Error> {
    sweep(rows, now_ms)?;
    // The retry of a conflict is the same request, decided anew.
    if command.request_id.is_empty() || matches!(reply.outcome, Outcome::Refused(Fault::Conflict { .. })) {
        return Ok(());
    }
    let request = request(command, kind);
    let key = key(command.account, kind.number(), request);
    if let Some(old) = get(rows, &key)? {
        rows.delete(place(&old, request));
    }
    let row = RequestRow {
        account: command.account,
        operation: kind.number(),
        request: Bytes::copy_from_slice(&request),
        content: content(command),
        answered_ms: now_ms,
        reply: Some(reply.to_wire()),
    };
    rows.put(place(&row, request), codec::encode(&RequestRow { reply: None, content: Bytes::new(), ..row.clone() }));
    rows.put(key, codec::encode(&row));
    Ok(())
}

fn sweep(rows: &mut Overlay<'_>, now_ms: u64) -> Result<(), Error> {
    let Some(over) = now_ms.checked_sub(REQUEST_KEPT_MS) else {
        return Ok(());
    };
    let range = Range { table: Table::Requests, prefix: vec![BY_AGE], from: None, to: Some(over + 1) };
    for (place, bytes) in rows.scan(&range, REQUESTS_SWEPT_LIMIT_ROWS)? {
        let row: RequestRow = codec::decode(&bytes)?;
        rows.delete(key(row.account, row.operation, row.request.as_ref().try_into().unwrap_or_default()));
        rows.delete(place);
    }
    Ok(())
}

fn get(rows: &Overlay<'_>, key: &Key) -> Result<Option<RequestRow>, Error> {
    match rows.get(key)? {
        Some(bytes) => Ok(Some(codec::decode(&bytes)?)),
        None => Ok(None),
    }
}

const fn is_over(row: &RequestRow, now_ms: u64) -> bool {
    row.answered_ms.saturating_add(REQUEST_KEPT_MS) <= now_ms
}

fn request(command: &Command, kind: &Kind) -> [u8; 16] {
    let (account, operation) = (command.account.to_be_bytes(), kind.number().to_be_bytes());
    id::hash("request", &[&account, &operation, command.request_id.as_bytes()])
}

fn content(command: &Command) -> Bytes {
    if command.content.is_empty() {
        // A retry was permitted anew, by other epochs; what is asked for is the same.
        let asked = Command { epochs: None, ..command.clone() };
        return Bytes::copy_from_slice(&id::hash("content", &[&codec::encode(&asked)]));
    }
    command.content.clone()
}

fn key(account: u64, operation: u64, request: [u8; 16]) -> Key {
    Key::new(Table::Requests, [Part::Number(account), Part::Number(operation), Part::Bytes(request)])
}

fn place(row: &RequestRow, request: [u8; 16]) -> Key {
    key(BY_AGE, row.answered_ms, request)
}
