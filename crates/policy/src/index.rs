//! Which statements of a policy can be about a request, by action and principal, so that a thousand others cost nothing.

use crate::request::{PrincipalKind, Request};
use crate::statement::{PrincipalPattern, Statement};
use crate::template::{Piece, Template};

/// Statements by a hash of principal and action. A collision costs time alone: each candidate is tried in full.
#[derive(Debug, Clone)]
pub struct Index {
    /// Hash, and where its statements stand in `statements`; sorted by hash.
    places: Box<[(u64, u32, u32)]>,
    statements: Box<[u32]>,
}

impl Index {
    pub fn of(statements: &[Statement]) -> Self {
        let mut pairs = Vec::new();
        for (at, statement) in (0_u32..).zip(statements) {
            for principal in principal_hashes(statement) {
                for action in action_hashes(statement) {
                    pairs.push((joined(principal, action), at));
                }
            }
        }
        pairs.sort_unstable();
        pairs.dedup();
        let mut places: Vec<(u64, u32, u32)> = Vec::new();
        for (at, (hash, _)) in (0_u32..).zip(&pairs) {
            match places.last_mut() {
                Some((last, _, end)) if last == hash => *end = at + 1,
                _ => places.push((*hash, at, at + 1)),
            }
        }
        Self { places: places.into(), statements: pairs.into_iter().map(|(_, at)| at).collect() }
    }

    /// Statements that can be about `asked`, a few of them twice.
    pub fn candidates(&self, asked: &Asked) -> impl Iterator<Item = usize> {
        let principals = asked.principals.iter().flatten();
        let hashes = principals.flat_map(|principal| asked.actions.iter().map(|action| joined(*principal, *action)));
        hashes.flat_map(|hash| self.of_hash(hash)).map(|at| usize::try_from(*at).unwrap_or(usize::MAX))
    }

    fn of_hash(&self, hash: u64) -> &[u32] {
        let found = self.places.binary_search_by_key(&hash, |(own, ..)| *own).ok().map(|at| self.places[at]);
        found.map_or(&[], |(_, from, to)| &self.statements[from as usize..to as usize])
    }
}

/// A request's hashes, made once for all policies.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    principals: [Option<u64>; 4],
    actions: [u64; 3],
}

impl Asked {
    pub fn of(request: &Request<'_>) -> Self {
        let who = &request.principal;
        let [one, other] = match who.kind {
            PrincipalKind::Root { .. } => [None, None],
            PrincipalKind::User { arn, .. } => [Some(arn), None],
            PrincipalKind::Session { role_arn, session_arn, .. } => [Some(role_arn), Some(session_arn)],
            PrincipalKind::Service { name } => [Some(name), None],
        };
        let text = |text: &str| hash_text(NAMED, text);
        let account = who.account.map(|account| hash_number(account.number()));
        let service = request.action.split(':').next().unwrap_or_default();
        Self {
            principals: [Some(ANYBODY), one.map(text), other.map(text), account],
            actions: [ANYTHING, hash_action(WHOLE, request.action), hash_action(SERVICE, service)],
        }
    }
}

const ANYBODY: u64 = 1;
const NAMED: u64 = 2;
const NUMBERED: u64 = 3;
const ANYTHING: u64 = 4;
const WHOLE: u64 = 5;
const SERVICE: u64 = 6;

fn principal_hashes(statement: &Statement) -> Vec<u64> {
    match &statement.principals {
        Some(listed) if !listed.negated => listed.items.iter().map(principal_hash).collect(),
        _ => vec![ANYBODY],
    }
}

fn principal_hash(pattern: &PrincipalPattern) -> u64 {
    match pattern {
        PrincipalPattern::Any => ANYBODY,
        PrincipalPattern::Account(account) => hash_number(account.number()),
        PrincipalPattern::Arn(text) | PrincipalPattern::Service(text) => hash_text(NAMED, text),
    }
}

fn action_hashes(statement: &Statement) -> Vec<u64> {
    if statement.actions.negated {
        return vec![ANYTHING];
    }
    statement.actions.items.iter().map(action_hash).collect()
}

fn action_hash(action: &Template) -> u64 {
    let start = match action.pieces().first() {
        Some(Piece::Text(text)) => text,
        _ => return ANYTHING,
    };
    match (action.literal(), start.split_once(':')) {
        (Some(whole), _) => hash_action(WHOLE, whole),
        (None, Some((service, _))) => hash_action(SERVICE, service),
        (None, None) => ANYTHING,
    }
}

/// FNV-1a, 64 bits.
fn hash_bytes(seed: u64, bytes: impl Iterator<Item = u8>) -> u64 {
    let start = 0xCBF2_9CE4_8422_2325 ^ seed;
    bytes.fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
}

fn hash_text(seed: u64, text: &str) -> u64 {
    hash_bytes(seed, text.bytes())
}

fn hash_action(seed: u64, text: &str) -> u64 {
    hash_bytes(seed, text.bytes().map(|byte| byte.to_ascii_lowercase()))
}

fn hash_number(number: u64) -> u64 {
    hash_bytes(NUMBERED, number.to_le_bytes().into_iter())
}

const fn joined(principal: u64, action: u64) -> u64 {
    principal.rotate_left(32) ^ action.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::policy::Policy;
    use crate::statement::Kind;

    #[test]
    fn what_differs_has_places_of_its_own() {
        let mut statements = String::new();
        let mut add = |principal: &str, action: &str| {
            write!(
                statements,
                r#"{{"Effect":"Allow","Principal":{{"AWS":"{principal}"}},"Action":"{action}","Resource":"*"}},"#
            )
            .unwrap();
        };
        const EACH: u64 = 800;
        for at in 0..EACH {
            add(&format!("{:012}", 111_122_223_333 + at), "events:PutEvents");
            add(&format!("arn:aws:iam::111122223333:user/u{at}"), "events:PutEvents");
            add("*", &format!("events:Put{at}"));
            add("111122223333", &format!("e{at}:*"));
            // The same in other letters is the same.
            add("*", &format!("EVENTS:PUT{at}"));
        }
        statements.pop();
        let text = format!(r#"{{"Statement":[{statements}]}}"#);
        let policy = Policy::parse_within(Kind::Resource, "p", &text, usize::MAX).unwrap();
        let index = Index::of(policy.statements());
        let mut sizes: Vec<u32> = index.places.iter().map(|(_, from, to)| to - from).collect();
        sizes.sort_unstable();
        let own = usize::try_from(EACH).unwrap();
        assert_eq!((sizes.len(), sizes[3 * own - 1], sizes[3 * own]), (4 * own, 1, 2));
    }
}
