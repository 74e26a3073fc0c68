//! Questions and answers read back, and what is neither is told.

use super::*;
use crate::codec::CodecError;
use crate::codec::shard::{CountRow, DeadLetterRow, Event, RefRow, Stamp};
use crate::limits::WHY_LIMIT_CHARS;
use crate::ports::propose::wire::tests::errors;
use crate::register::Table;
use crate::shard;
use crate::shard::reply::wire::tests::{bare_row, row};

const GROUP: GroupId = GroupId(7);
const ID: EventId = EventId([9; 16]);
const MOST: u64 = u64::MAX;

fn letters_question() -> Question {
    Question::Letters { group: GROUP, bus: Uid(2), after: (Sequence(4), Uid(5)), limit_rows: 2 }
}

fn event_question() -> Question {
    Question::Event { group: GROUP, bus: Uid(2), id: ID }
}

/// Every question, with as little and as much in it as there can be.
pub(crate) fn questions() -> Vec<Question> {
    let (group, queue, target, rule) = (GroupId(u32::MAX), Uid(MOST), Uid(MOST), Uid(MOST));
    let mark = PurgeMark { end: Sequence(MOST), due_ms: MOST };
    vec![
        Question::Hinted { queue: Uid(1) },
        Question::Hinted { queue },
        Question::Visible { queue: Uid(1), limit_ms: 0 },
        Question::Visible { queue, limit_ms: VISIBLE_LIMIT_MS },
        Question::Depth { group: GroupId(1), queue: Uid(1) },
        Question::Depth { group, queue },
        letters_question(),
        Question::Letters { group: GroupId(1), bus: Uid(1), after: (Sequence(0), Uid(0)), limit_rows: 1 },
        Question::Letters { group, bus: queue, after: (Sequence(MOST), target), limit_rows: LETTERS_LIMIT_ROWS },
        Question::Standing { group: GroupId(1), target: Uid(1), rule: Uid(1), minted: ControlIndex(0) },
        Question::Standing { group, target, rule, minted: ControlIndex(MOST) },
        event_question(),
        Question::Event { group, bus: queue, id: EventId([0; 16]) },
        Question::Purge { group, queue, mark: None },
        Question::Purge { group, queue, mark: Some(PurgeMark { end: Sequence(0), due_ms: 0 }) },
        Question::Purge { group: GroupId(1), queue: Uid(1), mark: Some(mark) },
    ]
}

fn letter(sequence: u64, target: u64) -> Letter {
    let row = DeadLetterRow { message: Some(row()), target };
    Letter { group: GROUP, sequence: Sequence(sequence), row }
}

fn event_row() -> EventRow {
    let id = Bytes::copy_from_slice(&ID.0);
    let stamp = Some(Stamp { control_index: MOST, rules: vec![1, MOST], ..Stamp::default() });
    let event = Event { event_id: id.clone(), arrival_id: id, bus: 2, stamp, frame: Bytes::from_static(&[1; 99]) };
    EventRow { event: Some(event), accepted_ms: MOST, owners: u32::MAX }
}

fn tracked() -> Tracked {
    let parked = RefRow { attempts: u32::MAX, due_ms: MOST, fault: "TIMEOUT".to_owned() };
    let deliveries = vec![
        (Uid(MOST), Delivery::Ended),
        (Uid(1), Delivery::Waits),
        (Uid(2), Delivery::Parked(parked)),
        (Uid(3), Delivery::Parked(RefRow::default())),
    ];
    Tracked { row: event_row(), deliveries }
}

/// Every answer to its question, with as little and as much in it as there can be.
pub(crate) fn answers() -> Vec<(Question, Answer)> {
    let hinted = Question::Hinted { queue: Uid(1) };
    let depth = Question::Depth { group: GROUP, queue: Uid(1) };
    let standing = Question::Standing { group: GROUP, target: Uid(1), rule: Uid(1), minted: ControlIndex(1) };
    let purge = Question::Purge { group: GROUP, queue: Uid(1), mark: None };
    let counts = CountRow {
        delivered: MOST,
        dead_lettered: MOST,
        cancelled: MOST,
        undecryptable: MOST,
        expired: MOST,
        held: MOST,
    };
    let stands = |why| Standing { counts, pending: MOST, oldest_ms: MOST, more: true, detached: Some(why) };
    let mut answers = vec![
        (hinted, Answer::Groups(Vec::new())),
        (Question::Visible { queue: Uid(1), limit_ms: 5 }, Answer::Groups(vec![GroupId(9), GroupId(1)])),
        (hinted, Answer::Groups((1..=GROUPS_LIMIT_COUNT as u32).map(GroupId).collect())),
        (depth, Answer::Depth(Depth::default())),
        (depth, Answer::Depth(Depth { visible: MOST, in_flight: MOST, oldest_ms: MOST, more: true })),
        (letters_question(), Answer::Letters { letters: Vec::new(), more: false }),
        (letters_question(), Answer::Letters { letters: vec![letter(4, 6)], more: true }),
        (letters_question(), Answer::Letters { letters: vec![letter(5, 1), letter(MOST, 1)], more: false }),
        (standing, Answer::Standing(Standing::default())),
        (event_question(), Answer::Event(None)),
        (event_question(), Answer::Event(Some(tracked()))),
        (event_question(), Answer::Event(Some(Tracked { row: event_row(), deliveries: Vec::new() }))),
        (purge, Answer::Purged { count: 0, mark: None }),
        (purge, Answer::Purged { count: MOST, mark: Some(PurgeMark { end: Sequence(MOST), due_ms: MOST }) }),
    ];
    let whys = [Why::Slow, Why::Failing, Why::Forbidden, Why::Key];
    answers.extend(whys.map(|why| (standing, Answer::Standing(stands(why)))));
    answers
}

/// Errors that come back as they were.
pub(crate) fn failures() -> Vec<AskError> {
    let mut failures: Vec<_> = errors().into_iter().map(AskError::Propose).collect();
    failures.extend([
        AskError::NoLeader { group: GROUP },
        AskError::NoQueue,
        AskError::Behind { group: GROUP, index: ControlIndex(0) },
        AskError::Behind { group: GROUP, index: ControlIndex(MOST) },
        TableError::Disk { group: GROUP, verb: "read", why: "ß".repeat(WHY_LIMIT_CHARS) }.into(),
    ]);
    failures
}

#[test]
fn questions_read_back() {
    for question in questions() {
        let bytes = question.write();
        assert_eq!(Question::read(&bytes), Ok(question));
        assert!(bytes.len() <= QUESTION_LIMIT_BYTES);
    }
}

#[test]
fn answers_read_back() {
    for (question, answer) in answers() {
        assert_eq!(question.read_answer(&write_answer(&Ok(answer.clone()))), Ok(answer));
    }
    for failure in failures() {
        assert_eq!(event_question().read_answer(&write_answer(&Err(failure.clone()))), Err(failure));
    }
}

#[test]
fn failures_of_rows_come_back_as_the_nearest() {
    let group = GROUP;
    let source = shard::Error::Torn { table: Table::Events, invariant: "SH-7" };
    for (error, said) in [
        (TableError::Disk { group, verb: "written", why: "full".to_owned() }.into(), "full".to_owned()),
        (
            TableError::Damaged { group, table: 3, why: "torn".to_owned() }.into(),
            "a row of shard-7 in table 3 is damaged: torn".to_owned(),
        ),
        (
            TableError::Newer { group, table: 3, format: 9 }.into(),
            "a row of shard-7 in table 3 has format 9, newer than this build".to_owned(),
        ),
        (
            AskError::Rows { group, source: source.clone() },
            format!("the rows of shard-7 contradict themselves: {source}"),
        ),
        (
            TableError::Disk { group, verb: "read", why: "w".repeat(WHY_LIMIT_CHARS + 1) }.into(),
            "w".repeat(WHY_LIMIT_CHARS),
        ),
    ] {
        let expected = TableError::Disk { group, verb: "read", why: said };
        let back = event_question().read_answer(&write_answer(&Err(error)));
        assert_eq!(back, Err(AskError::Tables(expected)));
    }
}

#[test]
fn what_is_no_question_is_told() {
    let check = |asked: Option<Asked>, said: &str| {
        let bytes = codec::encode(&message::Question { asked: asked.clone() });
        assert_eq!(Question::read(&bytes).unwrap_err().to_string(), said, "{asked:?}");
    };
    let (group, queue, bus) = (7, 1, 2);
    let letters = |limit_rows| {
        Some(Asked::Letters(message::LettersOf { group, bus, after_sequence: 0, after_target: 0, limit_rows }))
    };
    let event = |id: &'static [u8]| Some(Asked::Event(message::EventOf { group, bus, id: Bytes::from_static(id) }));
    let standing = |target, rule| Some(Asked::Standing(message::StandingOf { group, target, rule, minted: 0 }));
    check(None, "the message lacks the question");
    check(Some(Asked::Hinted(message::Hinted { queue: 0 })), "the message lacks the queue of a question");
    check(
        Some(Asked::Visible(message::Visible { queue, limit_ms: 60_001 })),
        "there are `60001` milliseconds of waiting, the limit is 60000",
    );
    check(
        Some(Asked::Visible(message::Visible { queue: 0, limit_ms: 1 })),
        "the message lacks the queue of a question",
    );
    check(Some(Asked::Depth(message::DepthOf { group: 0, queue })), "the message lacks its group");
    check(Some(Asked::Depth(message::DepthOf { group, queue: 0 })), "the message lacks the queue of a question");
    check(letters(0), "the message lacks the limit of a question");
    check(letters(1_025), "there are `1025` dead letters, the limit is 1024");
    check(
        Some(Asked::Letters(message::LettersOf { group, limit_rows: 1, ..Default::default() })),
        "the message lacks the bus of a question",
    );
    check(
        Some(Asked::Letters(message::LettersOf { bus, limit_rows: 1, ..Default::default() })),
        "the message lacks its group",
    );
    check(standing(0, 1), "the message lacks the target of a question");
    check(standing(1, 0), "the message lacks the rule of a question");
    check(event(&[1; 15]), "the event id of a question has `15` bytes instead of `16`");
    check(Some(Asked::Purge(message::Purge { group: 0, queue, mark: None })), "the message lacks its group");
    check(
        Some(Asked::Purge(message::Purge { group, queue: 0, mark: None })),
        "the message lacks the queue of a question",
    );
    assert_eq!(Question::read(&Bytes::new()), Err(CodecError::Empty.into()));
    let long = Bytes::from(vec![1; QUESTION_LIMIT_BYTES + 1]);
    let many = FormError::TooMany { what: "bytes of a message", count: 1_025, limit: 1_024 };
    assert_eq!(Question::read(&long), Err(many));
}

/// What cannot be read leaves the outcome open, with the reason in it.
fn check_unread(question: Question, bytes: &Bytes, said: &str) {
    let why = format!("its leader's answer cannot be read: {said}");
    let group = question.group().unwrap_or(GroupId::CONTROL);
    let expected = AskError::Propose(ProposeError::Unknown { group, why });
    assert_eq!(question.read_answer(bytes), Err(expected), "{question:?}");
}

fn check_answer(question: Question, answered: Option<Answered>, said: &str) {
    check_unread(question, &codec::encode(&message::Answer { answered }), said);
}

#[test]
fn answers_to_other_questions_are_told() {
    let kinds = answers();
    let number = |answer: &Answer| std::mem::discriminant(answer);
    for (question, own) in &kinds {
        for (_, other) in kinds.iter().filter(|(_, other)| number(other) != number(own)) {
            let bytes = write_answer(&Ok(other.clone()));
            check_unread(*question, &bytes, "the message answers another question: it is of another kind");
        }
    }
    let found = write_answer(&Ok(Answer::Event(Some(tracked()))));
    let other = "the message answers another question: it is about another event";
    check_unread(Question::Event { group: GROUP, bus: Uid(2), id: EventId([8; 16]) }, &found, other);
    check_unread(Question::Event { group: GROUP, bus: Uid(3), id: ID }, &found, other);
    let circle = "the message answers another question: its dead letters do not ascend from where they were asked for";
    let letters = |letters: Vec<Letter>, said: &str| {
        let more = false;
        check_unread(letters_question(), &write_answer(&Ok(Answer::Letters { letters, more })), said);
    };
    letters(vec![letter(4, 5)], circle);
    letters(vec![letter(3, 9)], circle);
    letters(vec![letter(5, 2), letter(5, 2)], circle);
    letters(vec![letter(5, 2), letter(5, 1)], circle);
    letters(vec![letter(5, 1), letter(5, 2), letter(5, 3)], "there are `3` dead letters, the limit is 2");
}

#[test]
fn what_is_no_answer_is_told() {
    use message::Reason;
    let hinted = Question::Hinted { queue: Uid(1) };
    let standing = Question::Standing { group: GROUP, target: Uid(1), rule: Uid(1), minted: ControlIndex(1) };
    let groups = |groups| Some(Answered::Groups(message::Groups { groups }));
    let letters = |letters, more| Some(Answered::Letters(message::Letters { letters, more }));
    let letter = |row| letters(vec![message::Letter { sequence: 9, row }], false);
    let stands = |counts, detached| {
        Some(Answered::Standing(message::Standing { counts, detached, pending: 0, oldest_ms: 0, more: false }))
    };
    let found =
        |row, deliveries| Some(Answered::Event(message::Found { tracked: Some(message::Tracked { row, deliveries }) }));
    let event = |change: fn(&mut Event)| {
        let mut row = event_row();
        change(row.event.as_mut().unwrap());
        found(Some(row), Vec::new())
    };
    let delivery = |target, stands| found(Some(event_row()), vec![message::Delivery { target, stands }]);
    let failed = |reason| Some(Answered::Failed(message::Failure { reason }));
    let counts = Some(CountRow::default());
    check_answer(hinted, None, "the message lacks the answer");
    check_answer(hinted, groups(vec![1, 0]), "the message lacks its group");
    check_answer(hinted, groups(vec![1; GROUPS_LIMIT_COUNT + 1]), "there are `4097` groups, the limit is 4096");
    check_answer(letters_question(), letters(Vec::new(), true), "the message lacks the first dead letter");
    check_answer(letters_question(), letter(None), "the message lacks the row of a dead letter");
    let row = |message, target| Some(DeadLetterRow { message, target });
    check_answer(letters_question(), letter(row(None, 1)), "the message lacks the message of a dead letter");
    check_answer(letters_question(), letter(row(Some(bare_row()), 0)), "the message lacks the target of a dead letter");
    let short = crate::codec::shard::MessageRow { event_id: Bytes::new(), ..bare_row() };
    let said = "the event id of a message has `0` bytes instead of `16`";
    check_answer(letters_question(), letter(row(Some(short), 1)), said);
    check_answer(standing, stands(None, None), "the message lacks the counts of a target");
    let unknown = |number: i32| format!("the reason of a detached lane `{number}` is none that this build knows");
    check_answer(standing, stands(counts, Some(0)), &unknown(0));
    check_answer(standing, stands(counts, Some(5)), &unknown(5));
    check_answer(event_question(), found(None, Vec::new()), "the message lacks the row of an event");
    check_answer(
        event_question(),
        found(Some(EventRow::default()), Vec::new()),
        "the message lacks the event of a row",
    );
    check_answer(event_question(), event(|event| event.stamp = None), "the message lacks the stamp of an event");
    let said = "the arrival id of an event has `0` bytes instead of `16`";
    check_answer(event_question(), event(|event| event.arrival_id.clear()), said);
    let said = "the id of an event has `17` bytes instead of `16`";
    check_answer(event_question(), event(|event| event.event_id = Bytes::from_static(&[9; 17])), said);
    check_answer(event_question(), delivery(1, None), "the message lacks how a delivery stands");
    let waits = Some(message::Stands::Waits(Blank {}));
    check_answer(event_question(), delivery(0, waits), "the message lacks the target of a delivery");
    check_answer(hinted, failed(None), "the message lacks why there is no answer");
    let propose = codec::propose::ProposeError::default();
    check_answer(hinted, failed(Some(Reason::Propose(propose))), "the message lacks why there is no answer");
    let said = "there are `257` characters of a reason, the limit is 256";
    check_answer(hinted, failed(Some(Reason::Rows("w".repeat(WHY_LIMIT_CHARS + 1)))), said);
    check_unread(hinted, &Bytes::new(), "the record is empty");
}
