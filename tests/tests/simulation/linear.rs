//! What a queue's name holds between calls of the control group, for the search of an order that fits them.

use bascule_tests::linear;

use super::history::{Call, Told, Wish};

/// What is there under a name. A uid that nobody was told is unknown until somebody is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) enum There {
    #[default]
    Nothing,
    Queue(Option<u64>, u64),
}

/// What is there after the call, if what it was told fits.
fn after(call: &Call, there: There) -> Option<There> {
    let is = |known: Option<u64>, uid: u64| known.is_none_or(|known| known == uid);
    match (call.wish, call.told, there) {
        (Wish::Create(setting), Told::Done(uid), There::Nothing) => Some(There::Queue(Some(uid), setting)),
        (Wish::Create(setting), Told::Done(uid), There::Queue(known, other)) => {
            (is(known, uid) && setting == other).then_some(There::Queue(Some(uid), other))
        }
        (Wish::Create(setting), Told::Exists, There::Queue(_, other)) => (setting != other).then_some(there),
        (Wish::Create(setting), Told::Unknown, There::Nothing) => Some(There::Queue(None, setting)),
        (Wish::Delete, Told::Done(uid), There::Queue(known, _)) => is(known, uid).then_some(There::Nothing),
        (Wish::Delete, Told::Missing, There::Nothing) => Some(there),
        (Wish::Delete, Told::Unknown, _) => Some(There::Nothing),
        (Wish::Create(_), Told::Unknown, There::Queue(..)) => Some(there),
        (Wish::Read, Told::Missing, There::Nothing) => Some(there),
        (Wish::Read, Told::Found(uid, setting), There::Queue(known, other)) => {
            (is(known, uid) && setting == other).then_some(There::Queue(Some(uid), other))
        }
        _ => None,
    }
}

impl linear::Call for Call {
    type There = There;

    fn began(&self) -> u64 {
        self.began
    }

    fn ended(&self) -> Option<u64> {
        (self.told != Told::Unknown).then_some(self.ended)
    }

    fn after(&self, there: There) -> Option<There> {
        after(self, there)
    }
}

/// The calls about one name that fit no order, if they do not.
pub(crate) fn check(calls: &[Call]) -> Result<(), String> {
    let calls: Vec<Call> = calls.iter().copied().filter(|call| call.told != Told::Nothing).collect();
    linear::check(&calls)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bascule_model::uid::NodeId;

    #[test]
    fn orders_that_fit_are_found_and_others_are_not() {
        use Told::{Done, Exists, Found, Missing, Unknown};
        use Wish::{Create, Delete, Read};
        type Row<'a> = (&'a [(Wish, u64, u64, Told)], bool);
        let rows: [Row<'_>; 9] = [
            (
                &[
                    (Create(1), 1, 2, Done(7)),
                    (Read, 3, 4, Found(7, 1)),
                    (Delete, 5, 6, Done(7)),
                    (Read, 7, 8, Missing),
                ],
                true,
            ),
            // Read after a deletion that was confirmed.
            (&[(Create(1), 1, 2, Done(7)), (Delete, 3, 4, Done(7)), (Read, 5, 6, Found(7, 1))], false),
            // The same at the same time.
            (&[(Create(1), 1, 2, Done(7)), (Delete, 3, 6, Done(7)), (Read, 4, 5, Found(7, 1))], true),
            // Two that read at once and see it come and go again.
            (&[(Create(1), 1, 9, Done(7)), (Read, 2, 3, Found(7, 1)), (Read, 4, 5, Missing)], false),
            // Unknown may come late, or never.
            (&[(Create(1), 1, 2, Unknown), (Read, 3, 4, Missing), (Read, 5, 6, Found(3, 1))], true),
            (&[(Create(1), 1, 2, Unknown), (Read, 3, 4, Missing)], true),
            (&[(Create(1), 1, 2, Unknown), (Read, 3, 4, Found(3, 1)), (Read, 5, 6, Found(4, 1))], false),
            (&[(Create(1), 1, 2, Done(7)), (Create(2), 3, 4, Exists), (Create(1), 5, 6, Done(7))], true),
            (&[(Create(1), 1, 2, Done(7)), (Create(1), 3, 4, Done(8))], false),
        ];
        for (calls, fits) in rows {
            let calls: Vec<Call> = calls
                .iter()
                .map(|(wish, began, ended, told)| Call {
                    node: NodeId(1),
                    name: 0,
                    wish: *wish,
                    began: *began,
                    ended: *ended,
                    told: *told,
                })
                .collect();
            assert_eq!(check(&calls).is_ok(), fits, "{calls:?}");
        }
    }
}
