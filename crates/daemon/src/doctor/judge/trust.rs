//! Certificates: whether the listener takes them, when they end, and what a client would say of them.

use bascule_model::time::Millis;
use bascule_pki::inventory::Facts;

use crate::doctor::finding::{Check, Finding, Status};
use crate::doctor::judge::Asked;
use crate::doctor::readings::Trust;
use crate::limits::EXPIRY_WARN_SECONDS;

const RENEW: &str = "`basculed renew --config FILE`: docs/runbooks/certificate-expired.md";
const RENEW_ELSEWHERE: &str = "have them issued anew where they come from: docs/runbooks/certificate-expired.md";

/// All checks of the certificates.
pub fn all(trust: &Trust, now: Millis, asked: Asked) -> [Finding; 4] {
    [listener(trust), expiry(trust, now, asked), handshake(trust), targets(trust)]
}

const fn renew(trust: &Trust) -> &'static str {
    if trust.foreign { RENEW_ELSEWHERE } else { RENEW }
}

fn listener(trust: &Trust) -> Finding {
    const CHECK: Check = Check::Certificates;
    match &trust.listener {
        Ok(Ok(())) => Finding::ok(CHECK, "the listener takes chain, key, authorities and lists"),
        Ok(Err(why)) => Finding::fail(CHECK, why, renew(trust)),
        Err(why) => Finding::skipped(CHECK, why),
    }
}

fn expiry(trust: &Trust, now: Millis, asked: Asked) -> Finding {
    const CHECK: Check = Check::CertificateExpiry;
    let now_unix_s = i64::try_from(now.0 / 1_000).unwrap_or(i64::MAX);
    let certificates = trust.files.iter().flat_map(|file| {
        let name = format!("{} in `{}`", file.purpose, file.path.display());
        file.facts.iter().flatten().map(move |facts| Ending {
            status: match ends(facts, now_unix_s, asked) {
                // If none is left the listener says so, or the calls to targets do.
                Status::Fail if file.bundle => Status::Warn,
                status => status,
            },
            until_unix_s: facts.not_after_unix_s,
            name: name.clone(),
        })
    });
    let lists = trust.lists_until_unix_s.map(|until_unix_s| {
        let left = until_unix_s.saturating_sub(now_unix_s);
        // A list lives for days at most, so only what was asked for is a warning.
        let soon = asked.expiry_seconds.is_some_and(|asked| left < asked);
        Ending { status: status(left, soon), until_unix_s, name: "a revocation list".to_owned() }
    });
    let mut all: Vec<Ending> = certificates.chain(lists).collect();
    all.sort_by_key(|ending| (std::cmp::Reverse(ending.status), ending.until_unix_s));
    let Some(worst) = all.first() else {
        return Finding::skipped(CHECK, trust.listener.as_ref().err().map_or("there are none yet", String::as_str));
    };
    if worst.status == Status::Ok {
        return Finding::ok(CHECK, format!("of {}, the first to end is {}", all.len(), worst.told()));
    }
    let bad = all.iter().filter(|ending| ending.status != Status::Ok);
    let seen: Vec<String> = bad
        .map(|ending| match ending.status {
            Status::Fail => format!("is over or has not begun: {}", ending.told()),
            _ => format!("ends soon, or is left out: {}", ending.told()),
        })
        .collect();
    Finding { check: CHECK, status: worst.status, seen: seen.join("; "), advice: renew(trust).to_owned() }
}

/// When one certificate or list ends, and what that means.
struct Ending {
    status: Status,
    until_unix_s: i64,
    name: String,
}

impl Ending {
    fn told(&self) -> String {
        let until = Millis(u64::try_from(self.until_unix_s).unwrap_or_default().saturating_mul(1_000));
        format!("{}, until {}", self.name, until.rfc3339_seconds())
    }
}

fn ends(facts: &Facts, now_unix_s: i64, asked: Asked) -> Status {
    let life = facts.not_after_unix_s.saturating_sub(facts.not_before_unix_s);
    let early = asked.expiry_seconds.unwrap_or_else(|| EXPIRY_WARN_SECONDS.min(life / 3));
    let left = facts.not_after_unix_s.saturating_sub(now_unix_s);
    if facts.not_before_unix_s > now_unix_s { Status::Fail } else { status(left, left < early) }
}

const fn status(left_seconds: i64, soon: bool) -> Status {
    match (left_seconds < 0, soon) {
        (true, _) => Status::Fail,
        (false, true) => Status::Warn,
        (false, false) => Status::Ok,
    }
}

fn targets(trust: &Trust) -> Finding {
    const CHECK: Check = Check::TargetTrust;
    match &trust.targets {
        Ok(()) => Finding::ok(CHECK, "the authorities of targets are read"),
        Err(why) => {
            let advice =
                "install the system's authorities (Debian: ca-certificates), and see `delivery.roots`: PEM, or unset";
            Finding::fail(CHECK, why, advice)
        }
    }
}

fn handshake(trust: &Trust) -> Finding {
    const CHECK: Check = Check::Handshake;
    let done = match &trust.handshakes {
        Ok(done) => done,
        Err(why) => return Finding::skipped(CHECK, why),
    };
    let refused: Vec<String> = done
        .iter()
        .filter_map(|(name, outcome)| outcome.as_ref().err().map(|why| format!("as `{name}`: {why}")))
        .collect();
    if refused.is_empty() {
        let names: Vec<&str> = done.iter().map(|(name, _)| name.as_str()).collect();
        return Finding::ok(CHECK, format!("as the operator, by the names {}", names.join(", ")));
    }
    let advice = format!("see that `tls.names` holds what clients call the node by; {}", renew(trust));
    Finding::fail(CHECK, refused.join("; "), advice)
}
