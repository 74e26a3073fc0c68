//! Whether a client of HTTP/2 ends what it begins, and says something: looked at frame by frame, as far as their heads go. Pure.
//!
//! In: the bytes that a connection brings, the time.
//! Out: since when its preface, a header block or a small frame is unfinished; whether it sends little but frames that ask for nothing.
//! Never: a byte kept, or a frame understood: that is the library's, and is judged there.

use bascule_model::time::BootMillis;

use crate::limits::{EMPTY_FRAMES_LIMIT_COUNT, EMPTY_FRAMES_WINDOW_MS};

/// `PRI * HTTP/2.0…`, RFC 9113, section 3.4.
const PREFACE_BYTES: usize = 24;
const HEAD_BYTES: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

/// What a connection has brought so far.
#[derive(Debug)]
pub(super) struct Pace {
    at: At,
    /// The connection has yet to bring its first frame, or a header block goes on.
    owed: bool,
    unfinished_since: Option<BootMillis>,
    empty_count: u32,
    empty_since: BootMillis,
}

#[derive(Debug)]
enum At {
    Preface { left: usize },
    Head { have: usize, head: [u8; HEAD_BYTES] },
    Body { left: usize, data: bool },
}

const NEXT: At = At::Head { have: 0, head: [0; HEAD_BYTES] };

impl Pace {
    /// Of a connection that has just been made.
    pub(super) const fn new(now: BootMillis) -> Self {
        let at = At::Preface { left: PREFACE_BYTES };
        Self { at, owed: true, unfinished_since: Some(now), empty_count: 0, empty_since: now }
    }

    /// Since when something is unfinished that takes a client no time to end.
    pub(super) const fn unfinished_since(&self) -> Option<BootMillis> {
        self.unfinished_since
    }

    /// Takes in what was read. Whether that may go on: not if too many frames of late asked for nothing.
    pub(super) fn take(&mut self, mut bytes: &[u8], now: impl Fn() -> BootMillis) -> bool {
        let mut orderly = true;
        let mut ended = false;
        while !bytes.is_empty() {
            match &mut self.at {
                At::Preface { left } => {
                    let taken = bytes.len().min(*left);
                    *left -= taken;
                    bytes = &bytes[taken..];
                    if *left == 0 {
                        self.at = NEXT;
                    }
                }
                At::Head { have, head } => {
                    let taken = bytes.len().min(HEAD_BYTES - *have);
                    head[*have..*have + taken].copy_from_slice(&bytes[..taken]);
                    *have += taken;
                    bytes = &bytes[taken..];
                    if *have == HEAD_BYTES {
                        let head = *head;
                        orderly &= self.begin(head, &now);
                    }
                }
                At::Body { left, .. } => {
                    let taken = bytes.len().min(*left);
                    *left -= taken;
                    bytes = &bytes[taken..];
                }
            }
            if let At::Body { left: 0, .. } = self.at {
                self.at = NEXT;
                ended |= !self.owed;
            }
        }
        if !self.is_unfinished() {
            self.unfinished_since = None;
        } else if ended || self.unfinished_since.is_none() {
            self.unfinished_since = Some(now());
        }
        orderly
    }

    fn is_unfinished(&self) -> bool {
        self.owed
            || match self.at {
                At::Preface { .. } => true,
                At::Head { have, .. } => have > 0,
                // A message may take its time: its call has a deadline.
                At::Body { data, .. } => !data,
            }
    }

    fn begin(&mut self, head: [u8; HEAD_BYTES], now: impl Fn() -> BootMillis) -> bool {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let (kind, flags) = (head[3], head[4]);
        self.owed = matches!(kind, HEADERS | CONTINUATION) && flags & END_HEADERS == 0;
        self.at = At::Body { left: length, data: kind == DATA };
        let asks = match kind {
            DATA => length > 0 || flags & END_STREAM != 0,
            HEADERS | WINDOW_UPDATE => true,
            // Settings, pings, resets, priorities, parts of a header block, and what nobody knows.
            _ => false,
        };
        asks || self.bears(now())
    }

    fn bears(&mut self, now: BootMillis) -> bool {
        if now.since(self.empty_since) > EMPTY_FRAMES_WINDOW_MS {
            (self.empty_count, self.empty_since) = (0, now);
        }
        self.empty_count += 1;
        self.empty_count <= EMPTY_FRAMES_LIMIT_COUNT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PING: u8 = 6;

    fn frame(kind: u8, flags: u8, body: &[u8]) -> Vec<u8> {
        let length = (body.len() as u32).to_be_bytes();
        [&length[1..], &[kind, flags, 0, 0, 0, 1], body].concat()
    }

    fn pace() -> Pace {
        Pace::new(BootMillis(1))
    }

    /// Takes each piece at its time; since when something is unfinished after the last one.
    fn check(pieces: &[(u64, &[u8])], expected: Option<u64>) {
        let mut whole = pace();
        for (ms, bytes) in pieces {
            assert!(whole.take(bytes, || BootMillis(*ms)));
        }
        assert_eq!(whole.unfinished_since(), expected.map(BootMillis), "{pieces:?}");
    }

    #[test]
    fn what_is_begun_is_unfinished_until_it_ends() {
        let preface = &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..];
        let settings = frame(4, 0, &[]);
        let open = [preface, &settings].concat();
        let (part, end) = (frame(HEADERS, 0, b"abc"), frame(CONTINUATION, END_HEADERS, b"def"));
        let (more, whole) = (frame(CONTINUATION, 0, b"x"), frame(HEADERS, END_HEADERS, b"abc"));
        let data = frame(DATA, END_STREAM, &[7; 100]);
        check(&[], Some(1));
        check(&[(5, &preface[..20])], Some(1));
        check(&[(5, preface)], Some(1));
        check(&[(5, preface), (6, &settings[..4])], Some(1));
        check(&[(5, &open)], None);
        check(&[(5, &open), (7, &settings[..4])], Some(7));
        check(&[(5, &open), (7, &part)], Some(7));
        check(&[(5, &open), (7, &part), (8, &more), (9, &more)], Some(7));
        check(&[(5, &open), (7, &part), (8, &more), (9, &end)], None);
        // One ends and another begins in the same piece.
        check(&[(5, &open), (7, &part), (9, &[&end[..], &part].concat())], Some(9));
        check(&[(5, &open), (7, &whole[..10])], Some(7));
        check(&[(5, &open), (7, &whole), (8, &data[..20])], None);
        check(&[(5, &open), (7, &whole), (8, &data), (9, &data[..3])], Some(9));
        // Byte by byte it is the same.
        let mut slow = pace();
        for (ms, byte) in [&open[..], &whole, &data, &part].concat().iter().enumerate() {
            assert!(slow.take(&[*byte], || BootMillis(ms as u64 + 2)));
        }
        let begun = open.len() + whole.len() + data.len() + 2;
        assert_eq!(slow.unfinished_since(), Some(BootMillis(begun as u64)));
    }

    #[test]
    fn frames_that_ask_for_nothing_are_borne_so_many_at_a_time() {
        let ping = frame(PING, 0, &[0; 8]);
        let mut flooded = pace();
        assert!(flooded.take(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", || BootMillis(1)));
        for round in 0..3 {
            let now = || BootMillis(1 + round * (EMPTY_FRAMES_WINDOW_MS + 1));
            for _ in 0..EMPTY_FRAMES_LIMIT_COUNT {
                assert!(flooded.take(&ping, now), "round {round}");
            }
        }
        let now = || BootMillis(1 + 2 * (EMPTY_FRAMES_WINDOW_MS + 1));
        for asks in [frame(DATA, 0, b"x"), frame(HEADERS, END_HEADERS, b""), frame(WINDOW_UPDATE, 0, &[0, 0, 0, 1])] {
            assert!(flooded.take(&asks, now), "{asks:?}");
        }
        for empty in [frame(DATA, 0, b""), frame(3, 0, &[0; 4]), frame(4, 0, &[]), frame(99, 0, b"x"), ping] {
            assert!(!flooded.take(&empty, now), "{empty:?}");
        }
    }
}
