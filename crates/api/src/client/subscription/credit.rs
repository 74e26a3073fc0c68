//! How much credit a server has, and when it gets more: not for each message, and before it has none.

/// The credit of one subscription, over all its streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Credit {
    /// Messages that may be held or on their way at the same time.
    limit: u32,
    /// Messages that are still to be taken, all in all.
    left: u64,
    /// Messages that the server may send on this stream.
    lent: u32,
}

impl Credit {
    /// Credit without an end.
    pub(super) const fn new(limit: u32) -> Self {
        Self { limit, left: u64::MAX, lent: 0 }
    }

    pub(super) const fn limit(&self) -> u32 {
        self.limit
    }

    /// No more than so many messages are to be taken from now on.
    pub(super) const fn at_most(&mut self, count: u64) {
        self.left = count;
    }

    /// Messages that may be held or on their way now.
    pub(super) fn room(&self) -> u32 {
        u32::try_from(self.left).unwrap_or(u32::MAX).min(self.limit)
    }

    /// A message came.
    pub(super) const fn came(&mut self) {
        self.lent = self.lent.saturating_sub(1);
    }

    /// A message was taken.
    pub(super) const fn taken(&mut self) {
        self.left = self.left.saturating_sub(1);
    }

    /// What a new stream begins with, while so many messages are held. A stream cannot begin with none, so that it may be one more
    /// than there is room for: if that one comes, it is not held.
    pub(super) fn anew(&mut self, held: u32) -> u32 {
        self.lent = self.room().saturating_sub(held).max(1);
        self.lent
    }

    /// Credit that is to be given now, while so many messages are held: half of all at once.
    pub(super) fn due(&self, held: u32) -> Option<u32> {
        let room = self.room();
        let due = room.saturating_sub(held.saturating_add(self.lent));
        (due > 0 && due >= room.div_ceil(2)).then_some(due)
    }

    /// It was given.
    pub(super) const fn given(&mut self, credits: u32) {
        self.lent = self.lent.saturating_add(credits);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credit_is_given_in_halves_and_never_too_much() {
        for (limit, most) in [1, 2, 3, 10, 1_000].into_iter().flat_map(|limit| [(limit, u64::MAX), (limit, 1_777)]) {
            let mut credit = Credit::new(limit);
            credit.at_most(most);
            let (mut server, mut held, mut taken) = (credit.anew(0), 0_u32, 0_u64);
            let mut given = 0;
            for turn in 0..5_000_u32 {
                // The server sends what it may, in bursts; the client takes one.
                for _ in 0..server.min(turn % 7) {
                    server -= 1;
                    held += 1;
                    credit.came();
                }
                if held > 0 {
                    held -= 1;
                    taken += 1;
                    credit.taken();
                }
                if let Some(due) = credit.due(held) {
                    credit.given(due);
                    server += due;
                    given += 1;
                }
                assert!(server + held <= limit, "{limit}: {server} and {held}");
                assert!(taken + u64::from(server + held) <= most, "{limit}: {taken}, {server} and {held}");
            }
            assert!(given > 0, "{limit}");
            assert!(most == u64::MAX || taken == most, "{limit}: {taken}");
            if limit == 1_000 && most == u64::MAX {
                assert!(given <= 10, "credit was given {given} times");
            }
        }
    }

    #[test]
    fn a_new_stream_begins_with_what_is_left() {
        for (limit, left, held, expected) in [
            (10, u64::MAX, 0, 10),
            (10, u64::MAX, 4, 6),
            (10, u64::MAX, 10, 1),
            (10, u64::MAX, 11, 1),
            (1, u64::MAX, 0, 1),
            (10, 3, 0, 3),
            (10, 3, 2, 1),
            (10, 0, 0, 1),
        ] {
            let mut credit = Credit { limit, left, lent: 3 };
            assert_eq!((credit.anew(held), credit.lent), (expected, expected), "{limit} {left} {held}");
        }
    }
}
