//! The account finds what is planted: losses, repeats, strangers, counts that do not add up.

use super::*;

fn put(mark: &str, fate: Fate) -> Put {
    Put { mark: mark.to_owned(), fate }
}

fn arrived(mark: &str, id: &str) -> Arrived {
    Arrived { id: id.to_owned(), mark: mark.to_owned() }
}

/// Two acknowledged, one refused, one unknown, all for `hook`; the second for `queue` too.
fn ledger() -> Ledger {
    let mut ledger = Ledger::default();
    ledger.put(&put("a", Fate::Acknowledged("1".to_owned())), &["hook"]);
    ledger.put(&put("b", Fate::Acknowledged("2".to_owned())), &["hook", "queue"]);
    ledger.put(&put("c", Fate::Refused("no".to_owned())), &["hook"]);
    ledger.put(&put("d", Fate::Unknown("?".to_owned())), &["hook"]);
    ledger
}

fn delivered(pairs: &[(&str, &str, &str)]) -> Account {
    let mut ledger = ledger();
    for (lane, mark, id) in pairs {
        ledger.delivered(lane, &arrived(mark, id));
    }
    ledger.account()
}

const ALL: [(&str, &str, &str); 3] = [("hook", "a", "1"), ("hook", "b", "2"), ("queue", "b", "2")];

#[test]
fn a_complete_run_is_in_order() {
    let account = delivered(&ALL);
    account.demand_exact().unwrap();
    assert_eq!(account.owed, 3);
    // The unknown one may come, as whatever event.
    delivered(&[&ALL[..], &[("hook", "d", "9")]].concat()).demand_exact().unwrap();
}

#[test]
fn a_planted_loss_is_found() {
    for at in 0..ALL.len() {
        let mut rest = ALL.to_vec();
        let (lane, mark, _) = rest.remove(at);
        let account = delivered(&rest);
        assert_eq!(account.absent, [(lane.to_owned(), mark.to_owned())]);
        assert_eq!(account.lost, BTreeMap::from([(lane.to_owned(), 1)]));
        let text = account.demand_complete().unwrap_err().to_string();
        assert!(text.contains(&format!("LOST at `{lane}`: 1, among [\"{mark}\"]")), "{text}");
    }
}

#[test]
fn a_planted_repeat_is_found() {
    let account = delivered(&[&ALL[..], &[ALL[1], ALL[1]]].concat());
    assert_eq!(account.repeated, BTreeMap::from([(("hook".to_owned(), "b".to_owned()), 3)]));
    assert_eq!(account.repeats(), 2);
    account.demand_complete().unwrap();
    assert!(account.demand_exact().unwrap_err().to_string().contains("`b` came 3 times"));
}

#[test]
fn strangers_are_found() {
    for stranger in [("hook", "x", "7"), ("hook", "c", "8"), ("hook", "a", "5"), ("queue", "a", "1")] {
        let account = delivered(&[&ALL[..], &[stranger]].concat());
        assert_eq!(account.strangers, [(stranger.0.to_owned(), arrived(stranger.1, stranger.2))], "{stranger:?}");
        assert!(account.demand_complete().is_err());
    }
    // An unknown put that was written twice.
    let account = delivered(&[&ALL[..], &[("hook", "d", "8"), ("hook", "d", "9")]].concat());
    assert_eq!(account.strangers.len(), 1);
}

#[test]
fn dead_pending_and_cancelled_are_no_loss_and_counts_must_add_up() {
    let counts = |pending, cancelled| Counts { delivered: 1, pending, cancelled, ..Counts::default() };
    for (told, lost, balanced) in [
        (Some(counts(1, 0)), 0, true),
        (Some(counts(0, 1)), 0, true),
        (Some(counts(1, 1)), 0, true),
        (Some(counts(2, 1)), 0, false),
        (Some(counts(0, 0)), 1, false),
        (None, 1, true),
    ] {
        let mut ledger = ledger();
        ledger.delivered("queue", &arrived("b", "2"));
        ledger.delivered("hook", &arrived("a", "1"));
        if let Some(counts) = told {
            ledger.counted("hook", counts);
        }
        let account = ledger.account();
        assert_eq!(account.lost.get("hook").copied().unwrap_or(0), lost, "{told:?}");
        assert_eq!(account.unbalanced.is_empty(), balanced, "{told:?}");
    }
    let mut ledger = ledger();
    for (lane, mark, id) in ALL {
        ledger.dead(lane, &arrived(mark, id));
    }
    ledger.account().demand_exact().unwrap();
    ledger.delivered("hook", &arrived("a", "1"));
    assert_eq!(ledger.account().both, [("hook".to_owned(), "a".to_owned())]);
}

#[test]
fn events_are_read() {
    let event = r#"{"id":"1","detail":{"mark":"m","n":1}}"#;
    assert_eq!(read_event(event), Some(arrived("m", "1")));
    assert_eq!(read_event("{}"), Some(arrived("", "")));
    assert_eq!(read_event("no json"), None);
}
