//! The one place that turns errors into text: what happened, why, what to do next, and the exit code.
//!
//! In: any error of a command, or of its command line.
//! Out: an explanation for people or programs, with the exit code.
//! Never: a secret, an error without a hint, or an exit code that claims more than is known.

use std::error::Error as _;
use std::io::{self, Write};

use bascule_api::client::retry::Repeat;
use bascule_api::error::Error as Failure;
use bascule_api::reasons::{Again, Reason};
use bascule_api::status::{Refusal, Violation};
use tonic::Code;

use crate::error::{Error, FailedCall, Intent};
use crate::output::record::{Item, Record};
use crate::output::{self, Format, visible};

mod hints;
mod settings;

/// How a command ended, as the process says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Done, and the answer is no: the pattern does not match, or some entries failed.
    Negative = 1,
    /// Something is wrong here: arguments, files, context.
    Usage = 2,
    /// The cluster refused.
    Refused = 3,
    /// The cluster cannot be reached or did not answer in time.
    Unreachable = 4,
    /// Something may have been changed or published, or not.
    Unknown = 5,
}

/// An error in the words of people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The reason's name, or that of the situation, UPPER_SNAKE_CASE.
    pub code: String,
    /// What happened.
    pub what: String,
    /// Why; empty when what happened says it.
    pub why: String,
    /// What to do next.
    pub hint: String,
    /// Fields and quotas, each with what is wrong.
    pub violations: Vec<Violation>,
    /// Name of the call in the audit log.
    pub request_id: Option<String>,
    /// How the process ends.
    pub exit: Exit,
}

impl Explanation {
    fn here(code: &str, what: String, why: impl Into<String>, hint: impl Into<String>) -> Self {
        let (code, why, hint) = (code.to_owned(), why.into(), hint.into());
        Self { code, what, why, hint, violations: Vec::new(), request_id: None, exit: Exit::Usage }
    }

    /// What is wrong with the command line, for programs; people get the parser's own text.
    pub fn of_usage(error: &clap::Error) -> Self {
        let text = error.to_string();
        // The first paragraph: a head, and under it what is missing or clashes.
        let lines: Vec<&str> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
        let what = lines.join(" ");
        let what = what.strip_prefix("error: ").unwrap_or(&what).to_owned();
        let tips: Vec<&str> = text.lines().filter_map(|line| line.trim().strip_prefix("tip: ")).collect();
        let hint = match tips.is_empty() {
            true => "try `--help`".to_owned(),
            false => tips.join("; "),
        };
        Self::here("USAGE", what, String::new(), hint)
    }

    fn ending(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// Writes it as lines for people, or as one JSON document.
    ///
    /// # Errors
    /// What the system says about `to`.
    pub fn write(&self, format: Format, colour: bool, to: &mut dyn Write) -> io::Result<()> {
        match format {
            Format::Table | Format::Wide => self.lines(colour, to),
            Format::Json | Format::Jsonl | Format::Yaml => output::program(&self.record(), format, to),
        }
    }

    fn lines(&self, colour: bool, to: &mut dyn Write) -> io::Result<()> {
        let request = self.request_id.as_ref().map(|id| format!(", request {id}")).unwrap_or_default();
        let paint = |code: &str, text: &str| match colour {
            true => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            false => text.to_owned(),
        };
        let what = visible(&format!("{} ({}{request})", self.what, self.code));
        writeln!(to, "{} {what}", paint("1;31", "error:"))?;
        if !self.why.is_empty() {
            writeln!(to, "  {} {}", paint("1", "why:"), visible(&self.why))?;
        }
        for violation in &self.violations {
            writeln!(to, "    {}", visible(&format!("`{}`: {}", violation.subject, violation.description)))?;
        }
        writeln!(to, "  {} {}", paint("1;36", "hint:"), visible(&self.hint))
    }

    fn record(&self) -> Record {
        let violation = |it: &Violation| {
            Item::Record(Record::new().text("Field", &it.subject).text("Description", &it.description))
        };
        let error = Record::new()
            .text("Code", &self.code)
            .text("Message", &self.what)
            .text("Reason", &self.why)
            .text("Hint", &self.hint)
            .list("Violations", self.violations.iter().map(violation).collect())
            .text("RequestId", self.request_id.as_deref().unwrap_or_default())
            .number("ExitCode", self.exit as u64);
        Record::new().record("Error", error)
    }
}

/// Explains any error of a command.
pub fn explain(error: &Error) -> Explanation {
    let what = error.to_string();
    let cause = || error.source().map(chain).unwrap_or_default();
    let here = |code, why: String, hint: &str| Explanation::here(code, what.clone(), why, hint);
    match error {
        Error::NoContext { .. }
        | Error::ContextUnknown { .. }
        | Error::ContextSyntax { .. }
        | Error::ContextKey { .. }
        | Error::ContextValue { .. }
        | Error::ContextLacks { .. } => settings::context(error),
        Error::Unreadable { .. } => here("FILE_UNREADABLE", cause(), "check the path and your rights to the file"),
        Error::Unwritable { .. } => here("FILE_UNWRITABLE", cause(), "check the path and your rights to the folder"),
        Error::NoSettingsFolder => here(
            "NO_SETTINGS_FOLDER",
            "neither `XDG_CONFIG_HOME` nor `HOME` is set".to_owned(),
            "set `XDG_CONFIG_HOME` to a folder of yours",
        ),
        Error::TooLarge { .. } | Error::NotText { .. } => {
            here("FILE_UNUSABLE", String::new(), "check that it is the file you mean")
        }
        Error::KeyOpen { what, path, .. } => settings::open(error, what, path),
        Error::SecretEmpty { .. } => here(
            "SECRET_EMPTY",
            "a secret has at least one byte; one line break at the end does not count".to_owned(),
            "write the secret into the file, or pipe it in and give `-`",
        ),
        Error::StdinTwice { .. } => {
            here("STDIN_TAKEN", String::new(), "give a file for all but one of the arguments that say `-`")
        }
        Error::Pattern { .. } => {
            here("EVENT_PATTERN_INVALID", String::new(), "mend the pattern; each field has a list of what it may be")
        }
        Error::Folder { .. }
        | Error::SecretsMissing { .. }
        | Error::SecretVariable { .. }
        | Error::EntryFailed { .. }
        | Error::Unchangeable { .. } => settings::folder(error),
        Error::NotAttached { created, command, source } => not_attached(created, command, source),
        Error::Argument { .. } => here("ARGUMENT_INVALID", String::new(), "try the same command with `--help`"),
        Error::Connect { source } => connect(source),
        Error::Call(failed) => call(failed),
        Error::NotAdmitted { alert, .. } => here(
            "CERTIFICATE_REFUSED",
            format!("it ended the connection with the alert `{alert}`"),
            hints::alert(alert),
        )
        .ending(Exit::Unreachable),
        Error::SessionUnknown { place, source } => Explanation { hint: hints::session(place), ..explain(source) },
        Error::AccountUnknown { name, likely, source } => account_unknown(what, name, likely.as_deref(), source),
        Error::NoDaemon { .. } | Error::DaemonNotRun { .. } | Error::Alone | Error::RestartHalted { .. } => node(error),
        Error::Stopped => {
            here("STOPPED", String::new(), "go on from the first line that was not sent").ending(Exit::Negative)
        }
        Error::AnswerLacks { .. } | Error::EndlessList { .. } => here(
            "ANSWER_INVALID",
            "the other side does not speak this contract, or speaks a newer one".to_owned(),
            "check the endpoint, and that `bascule version` fits the cluster",
        )
        .ending(Exit::Refused),
        Error::Entropy(_) => here("ENTROPY_UNAVAILABLE", String::new(), hints::ENTROPY),
        Error::Output(source) => here("OUTPUT_FAILED", source.to_string(), "check where the output goes"),
    }
}

/// What has to do with the programs of nodes.
fn node(error: &Error) -> Explanation {
    let here = |code, why: String, hint: &str| Explanation::here(code, error.to_string(), why, hint);
    match error {
        Error::NoDaemon { command } => {
            here("DAEMON_MISSING", String::new(), &format!("on the machine of the node, run `{command}`"))
        }
        Error::RestartHalted { why, left } => {
            here("RESTART_HALTED", why.clone(), &restart_goes_on(left)).ending(Exit::Negative)
        }
        Error::Alone => here("NODE_ALONE", String::new(), "restart it by itself: `systemctl restart basculed`")
            .ending(Exit::Refused),
        _ => {
            let cause = error.source().map(chain).unwrap_or_default();
            here("DAEMON_NOT_RUN", cause, "check the program and your rights to it")
        }
    }
}

/// How a rolling restart goes on that stopped.
fn restart_goes_on(left: &[u64]) -> String {
    let nodes = left.iter().map(u64::to_string).collect::<Vec<String>>().join(",");
    format!("see `bascule cluster status`, mend what is wrong, and go on with the same command and `--nodes {nodes}`")
}

/// Why something was not attached, with what is there all the same.
fn not_attached(created: &str, command: &str, source: &Error) -> Explanation {
    let told = explain(source);
    Explanation { hint: format!("{created} is there without it; `{command}` attaches it; {}", told.hint), ..told }
}

/// Why a name needs its account, with the refusal that keeps it from being known.
fn account_unknown(what: String, name: &str, likely: Option<&str>, source: &Error) -> Explanation {
    let told = explain(source);
    let hint = match likely {
        Some(arn) => format!("give the ARN instead of `{name}`, likely `{arn}`"),
        None => format!("give the ARN instead of `{name}`"),
    };
    Explanation { why: format!("{}: {}", told.what, told.why), what, hint, ..told }
}

/// Everything that an error is caused by, joined; each cause once.
pub fn chain(first: &(dyn std::error::Error + 'static)) -> String {
    let mut texts = vec![first.to_string()];
    let mut next = first.source();
    while let Some(error) = next {
        let text = error.to_string();
        if texts.last() != Some(&text) {
            texts.push(text);
        }
        next = error.source();
    }
    texts.join(": ")
}

fn connect(source: &Failure) -> Explanation {
    let what = source.to_string();
    let why = source.source().map(chain).unwrap_or_default();
    match source {
        Failure::Unreachable { .. } | Failure::Silent { .. } => {
            let hint = hints::unreachable(&why);
            Explanation::here("UNREACHABLE", what, why, hint).ending(Exit::Unreachable)
        }
        Failure::Deadline { deadline_ms } => Explanation::here(
            "UNREACHABLE",
            "there is no session with the cluster".to_owned(),
            format!("nothing that speaks TLS answered within {} s", seconds(*deadline_ms)),
            hints::unreachable(""),
        )
        .ending(Exit::Unreachable),
        Failure::Credentials { .. } => Explanation::here(
            "CREDENTIALS_UNUSABLE",
            what,
            why,
            "check that `ca`, `certificate` and `key` of the context are PEM files, and that the key is the certificate's",
        ),
        Failure::Token => Explanation::here(
            "CREDENTIALS_UNUSABLE",
            what,
            why,
            "`BASCULE_SESSION_TOKEN`, or the file of `--session-token-file`, must hold the token whole, as it was handed out",
        ),
        Failure::Entropy(_) => Explanation::here("ENTROPY_UNAVAILABLE", what, why, hints::ENTROPY),
        Failure::Endpoint { .. } | Failure::Refused(_) | Failure::Foreign { .. } => {
            Explanation::here("ENDPOINT_INVALID", what, why, "mend `endpoint` in the context file")
        }
    }
}

fn call(failed: &FailedCall) -> Explanation {
    let FailedCall { operation, intent, repeat, request_id, broken, source } = failed;
    let mut told = match source {
        Failure::Refused(refusal) => refused(operation, *intent, refusal),
        Failure::Foreign { code, message } => foreign(operation, *intent, *code, broken.as_deref().unwrap_or(message)),
        Failure::Deadline { deadline_ms } => Explanation::here(
            "DEADLINE_EXCEEDED",
            format!("{operation} was not answered in time"),
            format!("there was no answer within {} s", seconds(*deadline_ms)),
            "give it longer with `--timeout SECONDS`, or look whether the cluster is well",
        )
        .ending(lost(*intent)),
        other => connect(other),
    };
    if told.exit == Exit::Unknown {
        told.what = format!("{}; whether it was done is unknown", told.what);
        told.hint = match (request_id, repeat) {
            (Some(id), _) => {
                format!("repeat it with `--request-id {id}` within 10 minutes: it is then done once at most")
            }
            (None, Repeat::Freely) => "repeat it: done twice it is as if it were done once".to_owned(),
            (None, Repeat::IfRefused) => "look whether it was done before you repeat it".to_owned(),
        };
    }
    told.request_id = told.request_id.or_else(|| request_id.clone());
    told
}

fn seconds(ms: u64) -> String {
    match ms % 1_000 {
        0 => (ms / 1_000).to_string(),
        rest => format!("{}.{rest:03}", ms / 1_000),
    }
}

/// How a call ends whose answer is lost.
fn lost(intent: Intent) -> Exit {
    match intent {
        Intent::Read => Exit::Unreachable,
        Intent::Write => Exit::Unknown,
    }
}

fn refused(operation: &str, intent: Intent, refusal: &Refusal) -> Explanation {
    let reason = refusal.reason;
    let what = match &refusal.resource {
        Some(it) => format!("{operation} was refused for the {} `{}`", it.kind, it.name),
        None => format!("{operation} was refused"),
    };
    let exit = match reason {
        // A canceled or outlived read has no outcome to be unsure of.
        Reason::Cancelled => lost(intent),
        _ if reason.again() == Again::Unknown => lost(intent),
        _ => Exit::Refused,
    };
    let mut hint = match &refusal.resource {
        _ if reason == Reason::AccessDenied => hints::denied(operation, &refusal.metadata),
        Some(it) if reason == Reason::ResourceNotFound => hints::not_found(&it.kind).to_owned(),
        Some(it) if reason == Reason::InvalidState => hints::invalid_state(&it.kind).to_owned(),
        _ => hints::reason(reason).to_owned(),
    };
    if let Some(wait) = refusal.retry_after {
        hint = format!("{hint}; wait {} s first", seconds(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)));
    }
    let violations = refusal.fields.iter().chain(&refusal.quotas).cloned().collect();
    Explanation {
        code: reason.name().to_owned(),
        what,
        why: refusal.message.clone(),
        hint,
        violations,
        request_id: refusal.request_id.clone(),
        exit,
    }
}

fn foreign(operation: &str, intent: Intent, code: Code, message: &str) -> Explanation {
    let what = format!("{operation} failed on the way");
    let why = if message.is_empty() { code.description() } else { message };
    match code {
        Code::Unavailable | Code::Unknown | Code::Cancelled | Code::DeadlineExceeded | Code::Internal => {
            Explanation::here(
                "UNREACHABLE",
                what,
                why,
                "check that the cluster runs and accepts the certificate of the context",
            )
            .ending(lost(intent))
        }
        _ => Explanation::here(
            "NOT_OURS",
            what,
            format!("{why} (gRPC code {code:?})"),
            "check that `endpoint` is a cluster's own, that no proxy stands between, and that `bascule version` fits the cluster",
        )
        .ending(Exit::Refused),
    }
}

#[cfg(test)]
mod tests;
