//! The way to the cluster: opens a session when a verb first needs it, and makes calls with names and intents.

use std::error::Error as _;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bascule_api::client::retry::Repeat;
use bascule_api::client::{Deadlines, Session};
use bascule_api::error::Error as Failure;
use bascule_model::ambient::Entropy;
use tonic::{Request, Response, Status};

use crate::chance;
use crate::context::book::Book;
use crate::context::{self, Variable};
use crate::error::{Error, FailedCall, Intent};
use crate::limits::PAGES_MAX_COUNT;
use crate::session::Source;

/// What is needed to open a session.
pub enum Dial {
    /// By the context file.
    Context {
        /// The context or its file, if the command line names one.
        named: Option<PathBuf>,
        /// How long a call may take in all, in seconds; none for the client's own deadlines.
        timeout_seconds: Option<u64>,
        /// Reads a variable of the environment.
        variable: Variable,
        /// As whom to call.
        source: Source,
        /// Chance for request ids and waits.
        entropy: Arc<dyn Entropy>,
    },
    /// It is open already.
    #[cfg(test)]
    Open(Session, Source, Arc<dyn Entropy>),
}

impl Dial {
    /// As whom to call.
    pub fn source(&self) -> &Source {
        match self {
            Dial::Context { source, .. } => source,
            #[cfg(test)]
            Dial::Open(_, source, _) => source,
        }
    }

    /// Opens a session with the cluster that the context names, and calls as the role of a token, if there is one.
    ///
    /// # Errors
    /// What is wrong with the context or the token; [`Error::Connect`].
    pub async fn link(&self) -> Result<Link, Error> {
        // Before there is a connection: what is wrong here is told at once.
        let token = self.source().token()?;
        let link = self.open().await?;
        match token {
            Some(token) => Ok(Link { session: token.worn_by(link.session)?, ..link }),
            None => Ok(link),
        }
    }

    async fn open(&self) -> Result<Link, Error> {
        let (named, timeout_seconds, variable, entropy) = match self {
            Dial::Context { named, timeout_seconds, variable, entropy, .. } => {
                (named, timeout_seconds, variable, entropy)
            }
            #[cfg(test)]
            Dial::Open(session, _, entropy) => return Ok(Link::over(session.clone(), entropy.clone())),
        };
        let book = Book::read(context::folder(&**variable).as_deref())?;
        let spot = context::find(named.as_deref(), &**variable, &book, Path::is_file)?;
        let context = context::load(context::settings(&spot, &book)?)?;
        let deadlines = deadlines(*timeout_seconds);
        // Who takes the connection and then says nothing would otherwise be waited for without end.
        let opened = tokio::time::timeout(Duration::from_millis(deadlines.call_ms), context.connect(entropy.clone()));
        let late = |_| Failure::Deadline { deadline_ms: deadlines.call_ms };
        let session = opened.await.map_err(late).flatten().map_err(|source| Error::Connect { source })?;
        Ok(Link { session: session.with_deadlines(deadlines), entropy: entropy.clone(), deadlines })
    }
}

fn deadlines(timeout_seconds: Option<u64>) -> Deadlines {
    match timeout_seconds {
        // Who names a time wants to wait that long, so one attempt may use it all.
        Some(seconds) => {
            Deadlines { attempt_ms: seconds.saturating_mul(1_000), call_ms: seconds.saturating_mul(1_000) }
        }
        None => Deadlines::default(),
    }
}

/// A session with the cluster.
pub struct Link {
    /// Its stubs.
    pub session: Session,
    entropy: Arc<dyn Entropy>,
    deadlines: Deadlines,
}

/// How a call is made.
#[derive(Debug, Clone, Copy)]
pub struct Manner<'a> {
    /// Name of the stub's function, for instance `put_rule`.
    pub function: &'static str,
    /// Whether it changes something.
    pub intent: Intent,
    /// Whether it may happen twice.
    pub repeat: Repeat,
    /// The request's name, where that makes the call idempotent.
    pub request_id: Option<&'a str>,
}

impl Link {
    /// A link over a session that is open already.
    #[cfg(test)]
    pub fn over(session: Session, entropy: Arc<dyn Entropy>) -> Self {
        Self { session, entropy, deadlines: Deadlines::default() }
    }

    /// The same link whose attempts last at least `ms`; for calls that wait on purpose.
    #[must_use]
    pub fn patient(self, ms: u64) -> Self {
        let deadlines =
            Deadlines { attempt_ms: self.deadlines.attempt_ms.max(ms), call_ms: self.deadlines.call_ms.max(ms) };
        Self { session: self.session.with_deadlines(deadlines), entropy: self.entropy, deadlines }
    }

    /// The request id that was given, or a new one: with it a write may be repeated safely.
    ///
    /// # Errors
    /// [`Error::Entropy`].
    pub fn request_id(&self, given: Option<&String>) -> Result<String, Error> {
        match given {
            Some(id) => Ok(id.clone()),
            None => Ok(chance::request_id(&*self.entropy)?),
        }
    }

    /// Makes a call; mostly written with one of the macros `read!` and `write!`.
    ///
    /// # Errors
    /// [`Error::Call`].
    pub async fn call<Q, A, F, W>(&self, manner: Manner<'_>, request: Q, send: F) -> Result<A, Error>
    where
        Q: Clone,
        F: Fn(Request<Q>) -> W,
        W: Future<Output = Result<Response<A>, Status>>,
    {
        let broken = Broken::default();
        let noted = |request| {
            let answer = send(request);
            async { answer.await.inspect_err(|status| broken.note(status)) }
        };
        let answer = self.session.call(manner.repeat, request, noted).await;
        answer.map_err(|source| {
            let operation = operation(manner.function);
            if let Some(alert) = broken.alert() {
                return Error::NotAdmitted { operation, alert };
            }
            Error::Call(Box::new(FailedCall {
                operation,
                intent: manner.intent,
                repeat: manner.repeat,
                request_id: manner.request_id.map(str::to_owned),
                broken: broken.last(),
                source,
            }))
        })
    }
}

/// What the connection said of the failed attempts of one call; the client's own error keeps none of it.
#[derive(Default)]
struct Broken(Mutex<Vec<Option<String>>>);

impl Broken {
    fn note(&self, status: &Status) {
        let said = status.source().map(crate::explain::chain);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(said);
    }

    fn last(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).last().cloned().flatten()
    }

    /// The alert of a handshake, if that is how each attempt ended: then the other side read nothing of the call.
    fn alert(&self) -> Option<String> {
        let said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut alerts = said.iter().map(|said| certificate_alert(said.as_deref().unwrap_or_default()));
        alerts.next().flatten().filter(|_| alerts.all(|alert| alert.is_some())).map(str::to_owned)
    }
}

/// The TLS alert in the connection's words, if it is one that is sent about a certificate. Under TLS 1.3 a client hears of it
/// only after it takes the handshake for done.
fn certificate_alert(said: &str) -> Option<&str> {
    let (_, alert) = said.split_once("received fatal alert: ")?;
    let about = alert.contains("Certificate") || matches!(alert, "UnknownCA" | "AccessDenied" | "DecryptError");
    about.then_some(alert)
}

/// The operation's name from that of the stub's function.
fn operation(function: &str) -> String {
    let upper = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
    function.split('_').filter(|word| !word.is_empty()).map(upper).collect()
}

/// Makes a call that reads: `ask!(link, rules.describe_rule, request)`.
macro_rules! ask {
    ($link:expr, $stub:ident.$function:ident, $request:expr) => {{
        let link: &$crate::link::Link = &$link;
        let manner = $crate::link::Manner {
            function: stringify!($function),
            intent: $crate::error::Intent::Read,
            repeat: bascule_api::client::retry::Repeat::Freely,
            request_id: None,
        };
        link.call(manner, $request, |request| {
            let mut stub = link.session.$stub();
            async move { stub.$function(request).await }
        })
    }};
}

/// Makes a call that changes something; its request has a `request_id`, which makes repeating it harmless:
/// `tell!(link, rules.put_rule, request)`.
macro_rules! tell {
    ($link:expr, $stub:ident.$function:ident, $request:expr) => {{
        let link: &$crate::link::Link = &$link;
        let request = $request;
        let request_id = request.request_id.clone();
        async move {
            let manner = $crate::link::Manner {
                function: stringify!($function),
                // What is only validated has no outcome to be unsure of.
                intent: if request.validate_only { $crate::error::Intent::Read } else { $crate::error::Intent::Write },
                repeat: bascule_api::client::retry::Repeat::Freely,
                request_id: Some(&request_id),
            };
            link.call(manner, request, |request| {
                let mut stub = link.session.$stub();
                async move { stub.$function(request).await }
            })
            .await
        }
    }};
}

/// Makes a change as `writing` says, under its name or a new one, and ends the verb if it fails:
/// `change!(link, writing, users.delete_user(DeleteUserRequest { user_name: name }))`.
macro_rules! change {
    ($link:expr, $writing:expr, $stub:ident.$function:ident($request:ident { $($field:ident $(: $value:expr)?),* $(,)? })) => {{
        let writing: &$crate::verbs::Writing = &$writing;
        let request = $request {
            $($field $(: $value)?,)*
            request_id: $link.request_id(writing.request_id.as_ref())?,
            validate_only: writing.validate_only,
        };
        $crate::link::tell!($link, $stub.$function, request).await?
    }};
}

/// Reads a list to its end, and ends the verb if that fails:
/// `listed!(link, users.list_users(ListUsersRequest { path_prefix: p.clone(), allow_stale: false }).users)`.
macro_rules! listed {
    ($link:expr, $stub:ident.$function:ident($request:ident { $($field:ident: $value:expr),* $(,)? }).$items:ident) => {
        $crate::link::every(|page_token| {
            let request = $request { $($field: $value,)* page_size: $crate::limits::PAGE_MAX_COUNT, page_token };
            let page = $crate::link::ask!($link, $stub.$function, request);
            async move { page.await.map(|page| (page.$items, page.next_page_token)) }
        })
        .await?
    };
}

pub(crate) use {ask, change, listed, tell};

/// Everything of a list. `page` is given the token of the page before, first an empty one, and answers its items and the
/// next token.
///
/// # Errors
/// Those of `page`, and [`Error::EndlessList`].
pub async fn every<T, F, W>(page: F) -> Result<Vec<T>, Error>
where
    F: FnMut(String) -> W,
    W: Future<Output = Result<(Vec<T>, String), Error>>,
{
    first(usize::MAX, page).await.map(|(all, _)| all)
}

/// What follows the items of a list that were asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// Nothing.
    Nothing,
    /// Others.
    More,
}

/// The first items of a list, `max_count` at most, and whether there are others. `page` is as for [`every`].
///
/// # Errors
/// As [`every`].
pub async fn first<T, F, W>(max_count: usize, mut page: F) -> Result<(Vec<T>, Rest), Error>
where
    F: FnMut(String) -> W,
    W: Future<Output = Result<(Vec<T>, String), Error>>,
{
    let mut all = Vec::new();
    let mut token = String::new();
    for _ in 0..PAGES_MAX_COUNT {
        let (items, next) = page(token.clone()).await?;
        all.extend(items);
        let over = all.len() > max_count;
        all.truncate(max_count);
        if over || (all.len() == max_count && !next.is_empty()) {
            return Ok((all, Rest::More));
        }
        if next.is_empty() {
            return Ok((all, Rest::Nothing));
        }
        if next == token {
            break;
        }
        token = next;
    }
    Err(Error::EndlessList { pages: PAGES_MAX_COUNT })
}

#[cfg(test)]
mod tests;
