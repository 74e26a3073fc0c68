//! `bascule role assume`: a session of a role, whose token goes to programs or, if it is asked for, to a shell.

use std::path::PathBuf;

use bascule_api::iam::v1::AssumeRoleRequest;
use clap::Args;

use crate::error::Error;
use crate::link::ask;
use crate::output::{View, session};
use crate::quote;
use crate::session::VARIABLE;
use crate::verbs::follow::show;
use crate::verbs::pairs::named;
use crate::verbs::{Desk, Outcome, whoami};

/// What is said at the end of the help.
pub const AFTER: &str = "`eval \"$(bascule role assume ROLE --export)\"` lets the commands that follow in this shell act as the role; \
`unset BASCULE_SESSION_TOKEN` ends that. With `-o json`, `jsonl` or `yaml` the token is the field `SessionToken`. A session is \
good together with the certificate that it was given to, and nothing without it.";

/// The session to begin.
#[derive(Debug, Args)]
pub struct Assume {
    /// ARN of the role, with its path; or its name, if it is one of your own account
    role: String,
    /// Name of the session, 2 to 64 of `A-Za-z0-9_+=,.@-`; logs show it
    #[arg(long, value_name = "NAME", default_value = "bascule-cli")]
    session: String,
    /// How long it lasts, 15m to 12h and at most what the role allows, such as `45m` or `1h30m` [default: 1h]
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    duration: Option<u32>,
    /// File with a session policy, `-` for the standard input: the session may do what both it and the role allow
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// What whoever set the role up told you to give
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    external_id: String,
    /// Who really acts; it stays in all sessions that are begun from this one
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    source_identity: String,
    /// Session tag; may be repeated
    #[arg(long = "tag", value_name = "KEY=VALUE")]
    tags: Vec<String>,
    /// Print the line that puts the token into a shell's environment, for `eval`
    #[arg(long)]
    export: bool,
}

/// Begins a session.
///
/// # Errors
/// Why it could not.
pub async fn assume(it: Assume, desk: &mut Desk) -> Result<Outcome, Error> {
    if it.export && !desk.format.is_for_people() {
        let problem = "it prints a line for a shell; with `-o` the token is a field: leave one of them out".to_owned();
        return Err(Error::Argument { flag: "--export", problem });
    }
    let tags = named("--tag", &it.tags)?;
    let policy = it.policy.as_deref().map(|path| desk.inputs.policy("--policy", path)).transpose()?;
    let link = desk.dial.link().await?;
    let role_arn = match it.role.starts_with("arn:") {
        true => it.role.clone(),
        // As `bascule authz` names it, too.
        false => whoami::own(&link, &format!("role/{}", it.role.strip_prefix("role/").unwrap_or(&it.role))).await?,
    };
    let same = again(&it, &role_arn);
    let request = AssumeRoleRequest {
        role_arn,
        role_session_name: it.session,
        duration_seconds: it.duration.unwrap_or_default(),
        policy: policy.unwrap_or_default(),
        external_id: it.external_id,
        source_identity: it.source_identity,
        tags,
    };
    // A session that nobody heard of is nobody's: asking again does no harm.
    let answer = ask!(link, sessions.assume_role, request).await?;
    if answer.session_token.is_empty() {
        return Err(Error::AnswerLacks { operation: "AssumeRole", field: "session_token" });
    }
    if it.export {
        let line = format!("export {VARIABLE}={}\n", quote::word(&answer.session_token));
        // Past the answer's own text, where nothing that is made for people holds it.
        show(&mut desk.out, line.as_bytes()).await?;
        return Ok(Outcome::done(View::written()));
    }
    Ok(Outcome::done(session::begun(answer, how(&same))))
}

/// The same command: without an option that narrows it, the session could do more. What is between the caller and whoever set the role
/// up is not repeated.
fn again(it: &Assume, role_arn: &str) -> String {
    let mut words = vec![quote::word(role_arn), "--session".to_owned(), quote::word(&it.session)];
    let mut option = |name: &str, value: &str| words.extend([name.to_owned(), quote::word(value)]);
    if let Some(seconds) = it.duration {
        option("--duration", &format!("{seconds}s"));
    }
    if let Some(path) = &it.policy {
        option("--policy", &path.to_string_lossy());
    }
    if !it.external_id.is_empty() {
        option("--external-id", "ID");
    }
    if !it.source_identity.is_empty() {
        option("--source-identity", &it.source_identity);
    }
    for tag in &it.tags {
        option("--tag", tag);
    }
    format!("bascule role assume {}", words.join(" "))
}

/// How to get at the token, which is not shown to who did not ask for it.
fn how(same: &str) -> Vec<String> {
    vec![
        "the token is not shown; the same command with `--export` puts it into this shell:".to_owned(),
        format!("  eval \"$({same} --export)\""),
        format!("`unset {VARIABLE}` ends that"),
    ]
}

/// Seconds of a text such as `1h30m`, `45m`, `900s` or `900`.
fn seconds(text: &str) -> Result<u32, String> {
    let wrong = || "the form is `45m`, `1h30m` or `900s`".to_owned();
    let (mut total, mut count) = (0_u32, None::<u32>);
    let mut below = u32::MAX;
    for c in text.chars() {
        if let Some(digit) = c.to_digit(10) {
            count = Some(count.unwrap_or(0).checked_mul(10).and_then(|ten| ten.checked_add(digit)).ok_or_else(wrong)?);
            continue;
        }
        let unit = match c {
            'h' => 3_600,
            'm' => 60,
            's' => 1,
            _ => return Err(wrong()),
        };
        // Each unit once and from large to small, or `1m1h` would hide a slip.
        if unit >= below {
            return Err(wrong());
        }
        below = unit;
        let part = count.take().and_then(|count| count.checked_mul(unit)).ok_or_else(wrong)?;
        total = total.checked_add(part).ok_or_else(wrong)?;
    }
    match (count, below) {
        (None, below) if below < u32::MAX => {}
        // A bare number counts seconds.
        (Some(count), u32::MAX) => total = count,
        _ => return Err(wrong()),
    }
    // 0 would ask for the default.
    if total == 0 { Err("a session lasts 15m at least".to_owned()) } else { Ok(total) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        let rows = [
            ("1h", Some(3_600)),
            ("45m", Some(2_700)),
            ("1h30m", Some(5_400)),
            ("1h0m5s", Some(3_605)),
            ("900s", Some(900)),
            ("900", Some(900)),
            ("", None),
            ("h", None),
            ("1m1h", None),
            ("1h30", None),
            ("1d", None),
            ("-1h", None),
            ("0", None),
            ("0h", None),
            ("9999999h", None),
            ("99999999999", None),
        ];
        for (text, expected) in rows {
            assert_eq!(seconds(text).ok(), expected, "{text}");
        }
    }
}
