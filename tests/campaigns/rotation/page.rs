//! The page that the campaign of certificates leaves.

use std::fmt::Write as _;
use std::time::Duration;

use crate::arguments::Arguments;
use crate::evidence;
use crate::rotation::Campaign;
use crate::rotation::victims::Cause;

/// What is told.
pub(super) struct Page<'a> {
    pub(super) arguments: &'a Arguments,
    pub(super) commit: &'a str,
    pub(super) campaign: &'a Campaign,
    pub(super) took: Duration,
}

impl Page<'_> {
    /// The verdict in words.
    pub(super) fn verdict(&self) -> String {
        let Campaign { seen, rotations, wrong, .. } = self.campaign;
        if wrong.is_empty() {
            format!("PASSED: {rotations} rotations, {} calls, none failed", seen.calls())
        } else {
            format!("FAILED: {rotations} rotations, {} calls, {} findings", seen.calls(), wrong.len())
        }
    }

    pub(super) fn text(&self) -> String {
        let Campaign { seen, rotations, cuts, wrong, life, .. } = self.campaign;
        let mut rows = vec![
            ("rotations of the server's certificate".to_owned(), u64::from(*rotations) + 1),
            ("certificates that clients took".to_owned(), seen.renewals()),
            ("calls answered".to_owned(), seen.calls()),
            ("receives that waited up to 20 s".to_owned(), seen.waits()),
            ("calls failed".to_owned(), seen.failures().len() as u64),
            ("messages of the subscription".to_owned(), seen.received()),
            ("events of the tail".to_owned(), seen.tailed()),
        ];
        rows.extend(seen.ends().into_iter().map(|(end, count)| (format!("streams ended, {end}"), count)));
        for (cause, words) in [(Cause::Revoked, "revoked"), (Cause::AuthorityRemoved, "authority removed")] {
            let of = || cuts.iter().filter(|cut| cut.cause == cause);
            rows.push((format!("cuts, {words}"), of().count() as u64));
            rows.push((
                format!("{words}: open stream cut after, ms, most"),
                of().map(|cut| cut.stream_ms).max().unwrap_or(0),
            ));
            rows.push((
                format!("{words}: new connection refused after, ms, most"),
                of().map(|cut| cut.refused_ms).max().unwrap_or(0),
            ));
        }
        let mut table = String::new();
        for (what, count) in rows {
            let _ = writeln!(table, "| {what} | {count} |");
        }
        let found: String = wrong.iter().map(|wrong| evidence::finding(wrong)).collect();
        format!(
            "# Campaign `rotation`\n\n\
             Certificates live {life} s. At half of it server's and all clients' are replaced: the server's by new files, which the daemon\n\
             notices; a client takes its own by `Session::renew`. Four callers put one event after the other, one waits on an empty\n\
             queue, one follows a queue, one looks on by a tail. Between two replacements somebody with an idle stream is revoked, or their authority removed, in turn.\n\n\
             It passes if no call fails, if streams end for no other reason than that their connection retires before its certificate ends,\n\
             and if each cut comes within 5 s of the file's replacement, for the stream and for new connections.\n\n\
             | | |\n|---|---|\n| commit | {}, development build |\n| command | `./x campaign {}` |\n| machine | {} |\n| took | {} s |\n\n\
             | figure | count |\n|---|---|\n{table}\n**{}**\n{found}",
            self.commit,
            self.arguments.typed,
            evidence::machine(),
            self.took.as_secs(),
            self.verdict(),
            life = life.as_secs(),
        )
    }
}
