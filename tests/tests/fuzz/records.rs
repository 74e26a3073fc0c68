//! Records of the replicated truth: entries of both machines and their rows. What is read is written again to the same length.

use bytes::Bytes;
use prost::Message;

use bascule_statemachine::codec::{self, control, shard};

use super::{realm, run};

fn reads<M: Message + Default + PartialEq + std::fmt::Debug>(input: &Bytes) {
    let Ok(message) = codec::decode::<M>(input) else { return };
    let again = codec::encode(&message);
    assert_eq!(again.len(), input.len(), "nothing was passed over");
    assert_eq!(codec::decode::<M>(&again).as_ref(), Ok(&message), "what is written is read back");
}

fn event() -> shard::Event {
    let direct = shard::Direct { target: 12, queue: 5, rule: 4 };
    let stamp = shard::Stamp { control_index: 77, rules: vec![3, 4, 1 << 40], direct: vec![direct], hops: 1 };
    let bytes = Bytes::from_static(&[7; 16]);
    shard::Event {
        event_id: bytes.clone(),
        arrival_id: bytes,
        bus: 2,
        stamp: Some(stamp),
        frame: Bytes::from_static(&[9; 300]),
    }
}

fn shard_corpus() -> Vec<Vec<u8>> {
    let outcome = shard::Outcome { sequence: 8, target: 12, terminal: 3, reason: "rule-gone".to_owned() };
    let owed = shard::Owed { sequence: 9, attempts: 2, due_ms: 1 << 41, fault: "TIMEOUT".to_owned() };
    let attribute = shard::Attribute { name: "ERROR_CODE".to_owned(), value: "TIMEOUT".to_owned() };
    let receipt = shard::Receipt { queue: 5, sequence: 9, target: 12, received: 1 };
    let kinds = [
        shard::Kind::Append(shard::Append { events: vec![event(), event()], token: None }),
        shard::Kind::Checkpoint(shard::Checkpoint { watermark: 9, outcomes: vec![outcome] }),
        shard::Kind::Detach(shard::Detach {
            target: 12,
            rule: 4,
            owed: vec![owed],
            followed: 10,
            lane: true,
            why: 1,
            minted: 70,
        }),
        shard::Kind::Attach(shard::Attach { target: 12 }),
        shard::Kind::DeadLetter(shard::DeadLetter {
            sequence: 9,
            target: 12,
            attributes: vec![attribute],
            ..Default::default()
        }),
        shard::Kind::Enqueue(shard::Enqueue { sequence: 9, target: 12, queue: 5, frame: Bytes::from_static(&[1; 99]) }),
        shard::Kind::Receive(shard::Receive { queue: 5, limit: 10, visibility_ms: 30_000, redrive: None }),
        shard::Kind::Settle(shard::Settle {
            settlements: vec![shard::Settlement { receipt: Some(receipt), visible_in_ms: Some(0), unseen: true }],
        }),
        shard::Kind::Tombstone(shard::Tombstone { uid: 5 }),
    ];
    let commands: Vec<_> = kinds.into_iter().map(|kind| shard::Command { kind: Some(kind) }).collect();
    let row = shard::EventRow { event: Some(event()), accepted_ms: 1 << 41, owners: 2 };
    let message = shard::MessageRow {
        event_id: Bytes::from_static(&[7; 16]),
        enqueued_ms: 1 << 41,
        kind: 1,
        ..Default::default()
    };
    let mut corpus: Vec<Vec<u8>> = commands.iter().map(|command| codec::encode(command).to_vec()).collect();
    corpus.push(codec::encode(&shard::Entry { time_ms: 1 << 41, only_in_term: 3, commands }).to_vec());
    corpus.push(codec::encode(&row).to_vec());
    corpus.push(codec::encode(&message).to_vec());
    corpus.push(codec::encode(&shard::DeadLetterRow { message: Some(message), target: 12 }).to_vec());
    corpus
}

fn control_corpus() -> Vec<Vec<u8>> {
    let (bus, name) = ("default".to_owned(), "r".to_owned());
    let rule = control::RuleName { bus: bus.clone(), name: name.clone() };
    let pair = control::Pair { name: "n".to_owned(), value: "v".to_owned() };
    let target = control::Target {
        id: "a".to_owned(),
        arn: "arn:aws:sqs:us-east-1:000000000000:q".to_owned(),
        input_path: Some("$.detail".to_owned()),
        headers: vec![pair],
        retry_attempts: 185,
        ..Default::default()
    };
    let auth = control::Auth { kind: 1, shown: Bytes::from_static(b"x"), secret: Bytes::from_static(&[5; 180]) };
    let kinds = [
        control::Kind::Init(control::Init {
            cluster_id: Bytes::from_static(&[4; 16]),
            groups: (1..=12).collect(),
            ..Default::default()
        }),
        control::Kind::PutRule(control::Rule {
            bus,
            name: name.clone(),
            pattern: "{\"a\":[1]}".to_owned(),
            state: 1,
            ..Default::default()
        }),
        control::Kind::DeleteRule(rule.clone()),
        control::Kind::PutTargets(control::PutTargets { rule: Some(rule.clone()), targets: vec![target] }),
        control::Kind::RemoveTargets(control::RemoveTargets { rule: Some(rule), ids: vec!["a".to_owned()] }),
        control::Kind::CreateConnection(control::Connection { name, auth: Some(auth), ..Default::default() }),
        control::Kind::CreateQueue(control::Queue {
            name: "q".to_owned(),
            visibility_ms: 30_000,
            retention_ms: 1 << 30,
            redrive_to: "arn:aws:sqs:us-east-1:000000000000:dead".to_owned(),
            redrive_after: 5,
        }),
        control::Kind::ConfirmTombstone(control::ConfirmTombstone { uid: 9, group: 12 }),
    ];
    let realm = [realm::of_organization(), realm::of_principals(), realm::of_policies()].into_iter().flatten();
    let entries = kinds.into_iter().chain(realm).map(|kind| {
        let command =
            control::Command { account: 1, request_id: "i".to_owned(), kind: Some(kind), ..Default::default() };
        control::Entry { time_ms: 1 << 41, only_in_term: 2, command: Some(command), record: Bytes::from_static(b"r") }
    });
    entries.map(|entry| codec::encode(&entry).to_vec()).chain(realm::rows()).collect()
}

#[test]
fn shard_records_are_read_or_refused() {
    run::each("shard records", &shard_corpus(), |input| {
        let input = Bytes::copy_from_slice(input);
        reads::<shard::Entry>(&input);
        reads::<shard::Command>(&input);
        reads::<shard::EventRow>(&input);
        reads::<shard::MessageRow>(&input);
        reads::<shard::DeadLetterRow>(&input);
        reads::<shard::LaneRow>(&input);
        reads::<shard::RefRow>(&input);
        reads::<shard::MetaRow>(&input);
    });
}

#[test]
fn control_records_are_read_or_refused() {
    run::each("control records", &control_corpus(), |input| {
        let input = Bytes::copy_from_slice(input);
        reads::<control::Entry>(&input);
        reads::<control::Command>(&input);
        reads::<control::rows::MetaRow>(&input);
        reads::<control::rows::RuleRow>(&input);
        reads::<control::rows::TargetRow>(&input);
        reads::<control::rows::ConnectionRow>(&input);
        reads::<control::rows::RequestRow>(&input);
        reads::<control::rows::OrganizationRow>(&input);
        reads::<control::rows::UnitRow>(&input);
        reads::<control::rows::UnitNameRow>(&input);
        reads::<control::rows::AccountRow>(&input);
        reads::<control::rows::RoleRow>(&input);
        reads::<control::rows::UserRow>(&input);
        reads::<control::rows::IdentityRow>(&input);
        reads::<control::rows::PolicyRow>(&input);
        reads::<control::rows::BusRow>(&input);
        reads::<control::rows::QueueRow>(&input);
        reads::<control::credentials::Credentials>(&input);
    });
}
