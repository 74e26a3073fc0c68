//! Puts with a client token: the first is written, a repeat is answered with what the first one was.

use crate::codec::shard::{Append, Token, TokenRow};
use crate::key::{Part, Range};
use crate::limits::{TOKEN_SWEEP_LIMIT_ROWS, TOKENS_LIMIT_ROWS};
use crate::register::Table;
use crate::shard::ledger::Ledger;
use crate::shard::reply::{Refusal, Reply};
use crate::shard::{Error, append, rows};

/// Appends once for each token. The row comes even if nothing wants the event: the answer to a repeat is the same then.
pub(super) fn append(ledger: &mut Ledger<'_, '_>, append: &Append, token: &Token) -> Result<Reply, Error> {
    forget(ledger)?;
    let Ok(mac) = token.mac.as_ref().try_into() else {
        return Ok(Reply::Refused(Refusal::Incomplete));
    };
    if let Ok(replaced) = token.replaces.as_ref().try_into() {
        let row = ledger.fetch::<TokenRow>(&rows::token(token.bus, replaced))?.filter(|_| replaced != mac);
        if let Some(row) = row {
            remove(ledger, token.bus, replaced, row.until_ms);
        }
    }
    let key = rows::token(token.bus, mac);
    let row = ledger.fetch::<TokenRow>(&key)?;
    if let Some(row) = &row
        && row.until_ms > ledger.meta.time_ms
    {
        let first =
            row.event_id.as_ref().try_into().map_err(|_| Error::Torn { table: Table::Tokens, invariant: "SH-9" })?;
        return Ok(if row.content == token.content { Reply::Repeated(first) } else { Reply::TokenReused });
    }
    if let Some(old) = row {
        remove(ledger, token.bus, mac, old.until_ms);
    }
    if ledger.meta.tokens >= TOKENS_LIMIT_ROWS {
        return Ok(Reply::TokensFull);
    }
    let until_ms = ledger.meta.time_ms.saturating_add(token.kept_ms);
    // INVARIANT SH-9: a token has one row in `TokenAges`, at its end, and the meta row says how many there are.
    ledger.put(key, &TokenRow { event_id: token.event_id.clone(), content: token.content.clone(), until_ms });
    ledger.mark(rows::token_age(until_ms, token.bus, mac));
    ledger.meta.tokens += 1;
    append::append(ledger, append)
}

/// The oldest tokens that are past their end, a few.
fn forget(ledger: &mut Ledger<'_, '_>) -> Result<(), Error> {
    let over = Range { to: Some(ledger.meta.time_ms.saturating_add(1)), ..Range::all(Table::TokenAges, []) };
    for (key, _) in ledger.scan(&over, TOKEN_SWEEP_LIMIT_ROWS)? {
        let [Part::Number(until_ms), Part::Number(bus), Part::Bytes(mac)] = *key.parts.as_slice() else {
            return Err(Error::Torn { table: Table::TokenAges, invariant: "SH-9" });
        };
        remove(ledger, bus, mac, until_ms);
    }
    Ok(())
}

fn remove(ledger: &mut Ledger<'_, '_>, bus: u64, mac: [u8; 16], until_ms: u64) {
    ledger.delete(rows::token(bus, mac));
    ledger.delete(rows::token_age(until_ms, bus, mac));
    ledger.meta.tokens = ledger.meta.tokens.saturating_sub(1);
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::codec::shard::{Command, Entry, Event, Kind, Stamp};
    use crate::overlay::{InMemory, Overlay};
    use crate::ports::tables::Read as _;
    use crate::shard::{apply, read};

    const KEPT_MS: u64 = 100;

    fn put(rows: &mut InMemory, time_ms: u64, mac: u8, content: u8, wanted: bool) -> Reply {
        put_over(rows, time_ms, (mac, None), content, wanted)
    }

    fn put_over(
        rows: &mut InMemory,
        time_ms: u64,
        (mac, replaces): (u8, Option<u8>),
        content: u8,
        wanted: bool,
    ) -> Reply {
        let event = Event {
            event_id: Bytes::copy_from_slice(&[content; 16]),
            arrival_id: Bytes::copy_from_slice(&[content; 16]),
            bus: 1,
            stamp: Some(Stamp { rules: vec![10], ..Stamp::default() }),
            frame: Bytes::from_static(b"sealed"),
        };
        let token = Token {
            bus: 1,
            mac: Bytes::copy_from_slice(&[mac; 16]),
            content: Bytes::copy_from_slice(&[content; 16]),
            event_id: event.event_id.clone(),
            kept_ms: KEPT_MS,
            replaces: replaces.map_or_else(Bytes::new, |mac| Bytes::copy_from_slice(&[mac; 16])),
        };
        let append = Append { events: wanted.then_some(event).into_iter().collect(), token: Some(token) };
        let entry = Entry { time_ms, only_in_term: 0, commands: vec![Command { kind: Some(Kind::Append(append)) }] };
        let mut overlay = Overlay::over(rows);
        let mut replies = apply(&mut overlay, 1, &entry).unwrap().replies;
        let batch = overlay.into_batch();
        rows.write(batch);
        replies.pop().unwrap()
    }

    fn tokens(rows: &InMemory) -> (u64, usize, usize) {
        let count = |table| rows.scan(&Range::all(table, []), 1_000).unwrap().len();
        (read::meta(rows).unwrap().tokens, count(Table::Tokens), count(Table::TokenAges))
    }

    #[test]
    fn the_first_is_written_and_the_rest_are_told_of_it() {
        use bascule_model::uid::Sequence;
        let mut rows = InMemory::default();
        let told = |sequence| Reply::Appended(vec![Sequence(sequence)]);
        assert_eq!(put(&mut rows, 1_000, 1, 7, true), told(1));
        assert_eq!(put(&mut rows, 1_099, 1, 7, true), Reply::Repeated([7; 16]));
        assert_eq!(put(&mut rows, 1_099, 1, 8, true), Reply::TokenReused);
        assert_eq!(put(&mut rows, 1_099, 2, 8, true), told(2));
        assert_eq!(tokens(&rows), (2, 2, 2));
        // Its time is over: the token is as new.
        assert_eq!(put(&mut rows, 1_100, 1, 9, true), told(3));
        assert_eq!(put(&mut rows, 1_100, 1, 9, true), Reply::Repeated([9; 16]));
        // What nothing wants is remembered too.
        assert_eq!(put(&mut rows, 1_100, 3, 4, false), Reply::Appended(Vec::new()));
        assert_eq!(put(&mut rows, 1_100, 3, 4, false), Reply::Repeated([4; 16]));
        assert_eq!(tokens(&rows), (3, 3, 3));
    }

    #[test]
    fn a_token_of_no_more_use_goes_with_the_next() {
        let mut rows = InMemory::default();
        put(&mut rows, 1_000, 1, 1, true);
        for mac in 2..50 {
            put_over(&mut rows, 1_000, (mac, Some(mac - 1)), mac, true);
            assert_eq!(put_over(&mut rows, 1_000, (mac, Some(mac)), mac, true), Reply::Repeated([mac; 16]));
            assert_eq!(tokens(&rows), (1, 1, 1));
        }
        // One that is not there is passed over.
        put_over(&mut rows, 1_000, (60, Some(59)), 60, true);
        assert_eq!(tokens(&rows), (2, 2, 2));
    }

    #[test]
    fn old_tokens_go_faster_than_new_ones_come() {
        let mut rows = InMemory::default();
        for mac in 0..100 {
            put(&mut rows, 1_000, mac, mac, true);
        }
        assert_eq!(tokens(&rows), (100, 100, 100));
        for mac in 100..150 {
            put(&mut rows, 2_000, mac, mac, true);
        }
        assert_eq!(tokens(&rows), (50, 50, 50));
    }
}
