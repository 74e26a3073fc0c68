//! `bascule context`: list, show, use, add, remove; asks no cluster.
//!
//! In: the book of named contexts, the files that its entries name.
//! Out: names, addresses and paths.
//! Never: what a key or certificate holds, or a copy of one.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::context::book::{Book, Entry, is_name};
use crate::context::{self, Settings, Spot};
use crate::error::Error;
use crate::output::View;
use crate::output::record::Record;
use crate::verbs::{Desk, Outcome};

/// What to do with contexts.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// List the named contexts
    List,
    /// Show where a context leads to and as whom
    Show(Named),
    /// Make a context the one that is used unless another is named
    Use(Use),
    /// Write a context down under a name; keys stay where they are
    Add(Add),
    /// Strike a context out; its files stay
    Remove(Use),
}

/// The context to show.
#[derive(Debug, Args)]
pub struct Named {
    /// Name or file [default: the one in use]
    name: Option<PathBuf>,
}

/// A context by its name.
#[derive(Debug, Args)]
pub struct Use {
    /// Name
    name: String,
}

/// The context to write down.
#[derive(Debug, Args)]
pub struct Add {
    /// Name, 1 to 64 of `-_A-Za-z0-9`
    name: String,
    /// Context file, such as `basculed dev` and `basculed init` write; it is read whenever the context is used
    #[arg(long, value_name = "PATH", required_unless_present = "endpoint",
        conflicts_with_all = ["endpoint", "ca", "certificate", "key"])]
    file: Option<PathBuf>,
    /// Address of the cluster, `https://HOST:PORT`
    #[arg(long, value_name = "URL", requires_all = ["ca", "certificate", "key"])]
    endpoint: Option<String>,
    /// PEM file of the authorities that may vouch for the cluster
    #[arg(long, value_name = "PATH", requires = "endpoint")]
    ca: Option<PathBuf>,
    /// PEM file of your certificate chain
    #[arg(long, value_name = "PATH", requires = "endpoint")]
    certificate: Option<PathBuf>,
    /// PEM file of its key, readable by you alone
    #[arg(long, value_name = "PATH", requires = "endpoint")]
    key: Option<PathBuf>,
    /// Replace a context of this name
    #[arg(long)]
    replace: bool,
    /// Make it the one in use
    #[arg(long = "use")]
    in_use: bool,
}

/// Does it.
///
/// # Errors
/// Why it could not.
pub fn run(verb: Verb, desk: &Desk) -> Result<Outcome, Error> {
    let folder = context::folder(&*desk.variable);
    let mut book = Book::read(folder.as_deref())?;
    match verb {
        Verb::List => Ok(Outcome::done(list(&book, chosen(desk, &book).ok()))),
        Verb::Show(named) => {
            let word = named.name.as_deref().or(desk.named.as_deref());
            let spot = context::find(word, &*desk.variable, &book, Path::is_file)?;
            Ok(Outcome::done(View::one(record(&spot, &book, &context::settings(&spot, &book)?))))
        }
        Verb::Use(Use { name }) => {
            book.get(&name).ok_or_else(|| book.unknown(&name))?;
            let undo = book.current.replace(name.clone()).filter(|before| *before != name);
            book.write(&written(folder)?)?;
            let mut outcome = Outcome::done(said(desk, &name, "is the one in use"));
            outcome.undo = undo.map(|before| format!("bascule context use {before}"));
            Ok(outcome)
        }
        Verb::Add(add) => {
            let name = add.name.clone();
            if !is_name(&name) {
                let problem = format!("`{name}` is no name: it has 1 to 64 of `-_A-Za-z0-9`");
                return Err(Error::Argument { flag: "NAME", problem });
            }
            if book.get(&name).is_some() && !add.replace {
                let problem = format!("there is a context `{name}`; `--replace` replaces it");
                return Err(Error::Argument { flag: "NAME", problem });
            }
            let is_new = book.get(&name).is_none();
            let (in_use, entry) = (add.in_use, add.entry()?);
            book.put(&name, entry);
            if in_use {
                book.current = Some(name.clone());
            }
            // What cannot be used is better told now than at the first call.
            context::load(context::settings(&Spot::Named(name.clone()), &book)?)?;
            book.write(&written(folder)?)?;
            let mut outcome = Outcome::done(said(desk, &name, "written down"));
            outcome.undo = is_new.then(|| format!("bascule context remove {name}"));
            Ok(outcome)
        }
        Verb::Remove(Use { name }) => {
            if !book.remove(&name) {
                return Err(book.unknown(&name));
            }
            book.write(&written(folder)?)?;
            Ok(Outcome::done(said(desk, &name, "struck out")))
        }
    }
}

impl Add {
    fn entry(self) -> Result<Entry, Error> {
        let absolute = |path: PathBuf| {
            std::path::absolute(&path).map_err(|source| Error::Unreadable { what: "file", path, source })
        };
        match (self.file, self.endpoint, self.ca, self.certificate, self.key) {
            (Some(file), ..) => Ok(Entry::File(absolute(file)?)),
            (None, Some(endpoint), Some(ca), Some(certificate), Some(key)) => Ok(Entry::Settings(Settings {
                endpoint,
                ca: absolute(ca)?,
                certificate: absolute(certificate)?,
                key: absolute(key)?,
            })),
            // The parser demands one or the other.
            _ => Err(Error::Argument { flag: "--file", problem: "it is missing".to_owned() }),
        }
    }
}

/// Which context a command would use.
fn chosen(desk: &Desk, book: &Book) -> Result<Spot, Error> {
    context::find(desk.named.as_deref(), &*desk.variable, book, Path::is_file)
}

fn written(folder: Option<PathBuf>) -> Result<PathBuf, Error> {
    folder.ok_or(Error::NoSettingsFolder)
}

/// The words for a change, with a warning where the environment goes before the book.
fn said(desk: &Desk, name: &str, done: &str) -> View {
    let mut view = View::line(format!("context `{name}` {done}"), Record::new().text("Name", name));
    if context::set(&*desk.variable, context::VARIABLE).is_some() {
        let text = format!("`{}` is set in this shell and goes before the context in use", context::VARIABLE);
        view.add(crate::output::Part::Line(text));
    }
    view
}

fn list(book: &Book, chosen: Option<Spot>) -> View {
    let one = |(name, _): (&str, &Entry)| {
        let spot = Spot::Named(name.to_owned());
        let in_use = chosen.as_ref() == Some(&spot);
        match context::settings(&spot, book) {
            Ok(settings) => record(&spot, book, &settings).flag("InUse", in_use),
            // One that is broken must not hide the others.
            Err(error) => Record::new().text("Name", name).text("Error", &error.to_string()).flag("InUse", in_use),
        }
    };
    let records = book.entries().map(one).collect();
    let columns = [("NAME", "Name"), ("IN USE", "InUse"), ("ENDPOINT", "Endpoint"), ("FILE", "File")];
    let more = [("CA", "Ca"), ("CERTIFICATE", "Certificate"), ("KEY", "Key"), ("ERROR", "Error")];
    View::list("Contexts", records, &columns, &more, "no contexts; `bascule context add NAME --file PATH` adds one")
}

fn record(spot: &Spot, book: &Book, settings: &Settings) -> Record {
    let (name, file) = match spot {
        Spot::File(path) => ("", path.to_string_lossy().into_owned()),
        Spot::Named(name) => match book.get(name) {
            Some(Entry::File(path)) => (name.as_str(), path.to_string_lossy().into_owned()),
            _ => (name.as_str(), String::new()),
        },
    };
    Record::new()
        .text("Name", name)
        .text("File", &file)
        .text("Endpoint", &settings.endpoint)
        .text("Ca", &settings.ca.to_string_lossy())
        .text("Certificate", &settings.certificate.to_string_lossy())
        .text("Key", &settings.key.to_string_lossy())
}

#[cfg(test)]
mod tests;
