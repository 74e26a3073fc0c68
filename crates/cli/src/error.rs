//! What can go wrong in a command: one variant for each situation, with what is needed to explain it.

use std::io;
use std::path::PathBuf;

use bascule_api::client::retry::Repeat;
use bascule_model::ambient::NoEntropy;

use crate::session::Place;

/// Whether a call changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intent {
    /// It reads; a lost answer loses nothing.
    Read,
    /// It changes something; a lost answer leaves the outcome unknown.
    Write,
}

/// A call without the answer that was asked for.
#[derive(Debug, thiserror::Error)]
#[error("{operation} failed")]
pub struct FailedCall {
    /// The operation, for instance `PutRule`.
    pub operation: String,
    /// Whether it changes something.
    pub intent: Intent,
    /// Whether it may happen twice.
    pub repeat: Repeat,
    /// The name that the call was given so that it can be repeated.
    pub request_id: Option<String>,
    /// What the connection said, if that is what failed.
    pub broken: Option<String>,
    /// What the client says.
    pub source: bascule_api::error::Error,
}

/// Why a command did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no context file in any of the places.
    #[error("there is no context file, so it is not known where the cluster is")]
    NoContext {
        /// The places, in the order in which they were looked at.
        looked: Vec<PathBuf>,
    },
    /// The environment names no folder of settings.
    #[error("there is no folder of settings to write to")]
    NoSettingsFolder,
    /// There is no context of that name.
    #[error("there is no context `{name}`")]
    ContextUnknown {
        /// The name.
        name: String,
        /// The one that may have been meant.
        nearest: Option<String>,
        /// All that there are.
        known: Vec<String>,
    },
    /// A file cannot be written.
    #[error("the {what} `{}` cannot be written", .path.display())]
    Unwritable {
        /// What the file is.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file cannot be read.
    #[error("the {what} `{}` cannot be read", .path.display())]
    Unreadable {
        /// What the file is, for instance `context file`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file is larger than files of its kind may be.
    #[error("the {what} `{}` is larger than `{max_bytes}` bytes", .path.display())]
    TooLarge {
        /// What the file is.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The limit, in bytes.
        max_bytes: u64,
    },
    /// A file is no text.
    #[error("the {what} `{}` is no utf-8 text", .path.display())]
    NotText {
        /// What the file is.
        what: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// A file with a key or token that others than its owner may read or write.
    #[error("the {what} `{}` is open to others than its owner, by its mode `{mode:04o}`", .path.display())]
    KeyOpen {
        /// What the file is.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// A file that holds a secret is empty.
    #[error("the secret file `{}` is empty", .path.display())]
    SecretEmpty {
        /// The file.
        path: PathBuf,
    },
    /// Two arguments want to read the standard input.
    #[error("`{flag}` wants to read the standard input, which another argument has read")]
    StdinTwice {
        /// The second of them.
        flag: &'static str,
    },
    /// The context file is no TOML.
    #[error("`{}` line {line}: {problem}", .path.display())]
    ContextSyntax {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What the parser says.
        problem: String,
    },
    /// The context file has a key that means nothing.
    #[error("`{}` line {line}: there is no key `{key}`", .path.display())]
    ContextKey {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The key.
        key: String,
        /// The key that may have been meant.
        nearest: Option<&'static str>,
        /// All keys that there are.
        keys: Vec<&'static str>,
    },
    /// A value of the context file is no text.
    #[error("`{}` line {line}: `{key}` is no text", .path.display())]
    ContextValue {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The key.
        key: String,
    },
    /// The context file lacks a key.
    #[error("`{}` lacks `{key}`", .path.display())]
    ContextLacks {
        /// The file.
        path: PathBuf,
        /// The key.
        key: &'static str,
    },
    /// The pattern is refused.
    #[error("the pattern is invalid: {reason}")]
    Pattern {
        /// The service's reason.
        reason: String,
    },
    /// A file of a folder of settings is wrong.
    #[error("`{}` line {line}: {problem}", .path.display())]
    Folder {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// What is wrong.
        problem: String,
        /// What to do.
        hint: String,
    },
    /// Secrets that a folder refers to are not there.
    #[error("secrets that are needed are not there")]
    SecretsMissing {
        /// Connections and the variables that they need.
        missing: Vec<(String, String)>,
    },
    /// A variable cannot hold a secret.
    #[error("the variable `{name}` cannot be a secret: {problem}")]
    SecretVariable {
        /// Its name.
        name: String,
        /// What is wrong, without its value.
        problem: String,
    },
    /// An entry of a call failed.
    #[error("it was refused ({code})")]
    EntryFailed {
        /// The reason's name.
        code: String,
        /// The cluster's words.
        message: String,
    },
    /// Something is there already, and cannot be made what it should be.
    #[error("the {kind} `{name}` cannot be changed: {fields}")]
    Unchangeable {
        /// What it is.
        kind: &'static str,
        /// Its name.
        name: String,
        /// What would change.
        fields: String,
    },
    /// Something was created, and what was to be attached to it then was not.
    #[error("{created} was created, and not all was attached to it")]
    NotAttached {
        /// What is there now.
        created: String,
        /// The command that does what is left.
        command: String,
        /// Why it was not attached.
        source: Box<Error>,
    },
    /// An argument has a value that cannot be right.
    #[error("`{flag}`: {problem}")]
    Argument {
        /// The argument.
        flag: &'static str,
        /// What is wrong with its value.
        problem: String,
    },
    /// There is no session with the cluster.
    #[error("there is no session with the cluster")]
    Connect {
        /// What the client says.
        source: bascule_api::error::Error,
    },
    /// A call failed.
    #[error(transparent)]
    Call(Box<FailedCall>),
    /// The cluster ended the connection over the certificate, before it read anything of the call.
    #[error("{operation} was not sent: the cluster refuses the certificate")]
    NotAdmitted {
        /// The operation.
        operation: String,
        /// The TLS alert that it ended the connection with, for instance `CertificateExpired`.
        alert: String,
    },
    /// The cluster does not know the caller, who calls with the token of a role's session.
    #[error("{source}")]
    SessionUnknown {
        /// Where the token stands.
        place: Place,
        /// The refusal.
        source: Box<Error>,
    },
    /// A name without its account, and the caller may not ask which is its own.
    #[error("the account of `{name}` is not known")]
    AccountUnknown {
        /// The name.
        name: String,
        /// The ARN that is likely meant, if the refusal says who calls.
        likely: Option<String>,
        /// The refusal.
        source: Box<Error>,
    },
    /// The daemon's program, which does the work, is not on this machine.
    #[error("there is no `basculed` beside this command or on the `PATH`, and that is what does this")]
    NoDaemon {
        /// What to run where it is.
        command: String,
    },
    /// The daemon's program cannot be run.
    #[error("`{}` cannot be run", .path.display())]
    DaemonNotRun {
        /// The program.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A rolling restart of a node that is alone.
    #[error("there is no other node, so that nothing can go on while this one restarts")]
    Alone,
    /// A rolling restart stopped before its end.
    #[error("the rolling restart stopped")]
    RestartHalted {
        /// At which node, and why.
        why: String,
        /// The nodes that were not restarted, or not seen to be back, in order.
        left: Vec<u64>,
    },
    /// Somebody stopped the command.
    #[error("stopped before the end")]
    Stopped,
    /// The cluster answered without what it must answer.
    #[error("the answer to {operation} lacks `{field}`")]
    AnswerLacks {
        /// The operation.
        operation: &'static str,
        /// What is missing.
        field: &'static str,
    },
    /// A list has no end.
    #[error("the list has no end: a page names itself as the next one, or there are more than `{pages}` pages")]
    EndlessList {
        /// Most pages that are followed.
        pages: usize,
    },
    /// The system gave no random bytes.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    /// The answer cannot be written.
    #[error("the answer cannot be written")]
    Output(#[from] io::Error),
}
