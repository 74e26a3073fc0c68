//! `bascule`: operators' and developers' commands over the public API.
//!
//! In: arguments, a context file, the files that arguments name, the standard input.
//! Out: answers on the standard output, errors on the standard error, an exit code that says how it ended.
//! Never: a prompt, a secret from the command line or in any output, colours anywhere but on a terminal.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{CommandFactory, FromArgMatches};
use tokio::runtime;

use crate::args::{Arguments, Glance};
use crate::context::Variable;
use crate::error::Error;
use crate::explain::{Exit, Explanation, explain};
use crate::inputs::Inputs;
use crate::link::Dial;
use crate::session::Source;
use crate::verbs::follow::{Stop, outlet, show};
use crate::verbs::{Desk, Outcome};

mod args;
mod chance;
mod context;
mod entries;
mod error;
mod explain;
mod folder;
mod inputs;
mod limits;
mod link;
mod output;
mod quote;
mod session;
mod verbs;

fn main() -> ExitCode {
    let runtime = match runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: the command cannot begin: {error}");
            return ExitCode::from(Exit::Usage as u8);
        }
    };
    let exit = runtime.block_on(begin());
    // A write that nobody reads would otherwise be waited for.
    runtime.shutdown_background();
    ExitCode::from(exit as u8)
}

async fn begin() -> Exit {
    let words: Vec<OsString> = std::env::args_os().collect();
    let glance = args::glance(&words);
    let said = match parse(words, glance) {
        Ok(arguments) => Box::pin(answer(arguments)).await,
        Err(error) => misused(&error, glance),
    };
    said.unwrap_or_else(|error| {
        let told = explain(&Error::Output(error));
        // Where the standard error is broken too, the exit code is all that can be said.
        let _ = told.write(glance.format, false, &mut io::stderr().lock());
        told.exit
    })
}

/// Whoever reads may stop reading, `| head` for instance; that is no failure, and changes nothing of how it ended.
fn quiet(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

fn parse(words: Vec<OsString>, glance: Glance) -> Result<Arguments, clap::Error> {
    let choice = match glance.color {
        args::Color::Auto => clap::ColorChoice::Auto,
        args::Color::Always => clap::ColorChoice::Always,
        args::Color::Never => clap::ColorChoice::Never,
    };
    let mut command = Arguments::command().color(choice);
    let matches = command.try_get_matches_from_mut(words)?;
    Arguments::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// Help, or what is wrong with the command line.
fn misused(error: &clap::Error, glance: Glance) -> io::Result<Exit> {
    if !error.use_stderr() {
        quiet(error.print())?;
        return Ok(Exit::Done);
    }
    if !glance.format.is_for_people() {
        quiet(Explanation::of_usage(error).write(glance.format, false, &mut io::stderr().lock()))?;
    } else {
        quiet(error.print())?;
    }
    Ok(Exit::Usage)
}

async fn answer(arguments: Arguments) -> io::Result<Exit> {
    let Arguments { output: format, context, session_token_file, timeout, color, noun } = arguments;
    let colour_out = args::coloured(color, io::stdout().is_terminal(), variable);
    let colour_err = args::coloured(color, io::stderr().is_terminal(), variable);
    let named = context.clone();
    let variable: Variable = Arc::new(variable);
    let mut desk = Desk {
        dial: Dial::Context {
            named: context,
            timeout_seconds: timeout,
            variable: variable.clone(),
            source: Source::find(session_token_file.as_deref(), &*variable),
            entropy: Arc::new(chance::System),
        },
        inputs: Inputs::new(Box::new(io::BufReader::new(io::stdin()))),
        format,
        watched: io::stderr().is_terminal(),
        out: outlet(io::stdout().as_fd())?,
        aside: outlet(io::stderr().as_fd())?,
        named,
        variable,
    };
    match verbs::run(noun, &mut desk).await {
        Ok(Outcome { view, exit, trouble, undo }) => {
            let mut out = io::BufWriter::new(io::stdout().lock());
            quiet(view.write(format, colour_out, &mut out).and_then(|()| out.flush()))?;
            if let Some(undo) = undo.filter(|_| format.is_for_people()) {
                quiet(writeln!(io::stderr().lock(), "undo: {}", output::visible(&undo)))?;
            }
            if let Some(error) = trouble {
                tell(&error, &mut desk, colour_err).await?;
            }
            Ok(exit)
        }
        Err(error) => {
            tell(&error, &mut desk, colour_err).await?;
            Ok(explain(&error).exit)
        }
    }
}

/// Explains an error on the standard error, until a signal: a command that followed something has taken them from the system.
async fn tell(error: &Error, desk: &mut Desk, colour: bool) -> io::Result<()> {
    let mut text = Vec::new();
    explain(error).write(desk.format, colour, &mut text)?;
    let mut stop = Stop::heed();
    tokio::select! {
        biased;
        () = stop.asked() => Ok(()),
        told = show(&mut desk.aside, &text) => match told {
            Err(Error::Output(error)) => Err(error),
            _ => Ok(()),
        }
    }
}
