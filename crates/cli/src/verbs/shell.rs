//! `bascule completion` and `bascule man`: what shells and `man` want to know of the command line; asks nobody.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory, ValueEnum};
use clap_complete::aot;

use crate::args::Arguments;
use crate::error::Error;
use crate::output::record::Record;
use crate::output::{Part, View};
use crate::verbs::Outcome;

/// A shell that can complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// `source <(bascule completion bash)`.
    Bash,
    /// `bascule completion zsh > "${fpath[1]}/_bascule"`.
    Zsh,
    /// `bascule completion fish | source`.
    Fish,
}

/// The shell to complete in.
#[derive(Debug, Args)]
pub struct Completion {
    /// Shell
    shell: Shell,
}

/// The pages to write.
#[derive(Debug, Args)]
pub struct Man {
    /// Noun and verb whose page is printed, such as `rule put` [default: the page of the command itself]
    #[arg(conflicts_with = "dir")]
    words: Vec<String>,
    /// Folder for all pages, one for each noun and verb; it is created if it is not there
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// The script that completes command lines.
pub fn completion(completion: &Completion) -> Outcome {
    let mut script = Vec::new();
    let mut command = Arguments::command();
    let shell = match completion.shell {
        Shell::Bash => aot::Shell::Bash,
        Shell::Zsh => aot::Shell::Zsh,
        Shell::Fish => aot::Shell::Fish,
    };
    aot::generate(shell, &mut command, "bascule", &mut script);
    raw("Script", &script)
}

/// One man page, or all of them.
///
/// # Errors
/// A folder that cannot be written, words that are no verb.
pub fn man(man: &Man) -> Result<Outcome, Error> {
    // The folder's page has the names and the options of every command in it, since it is built as a whole.
    let mut command = Arguments::command();
    command.build();
    let Some(dir) = &man.dir else {
        let mut found = &command;
        for word in &man.words {
            found = found.find_subcommand(word).ok_or_else(|| {
                let problem = format!("there is no verb `{}`; `bascule --help` lists the nouns", man.words.join(" "));
                Error::Argument { flag: "WORDS", problem }
            })?;
        }
        return Ok(raw("Page", &page(found)?));
    };
    let mut pages = Vec::new();
    gather(&command, "bascule", &mut pages)?;
    let unwritable = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Unwritable { what: "folder of man pages", path, source }
    };
    fs::create_dir_all(dir).map_err(unwritable(dir))?;
    for (name, page) in &pages {
        let path = dir.join(name);
        fs::write(&path, page).map_err(unwritable(&path))?;
    }
    let names: Vec<&String> = pages.iter().map(|(name, _)| name).collect();
    let text = format!("{} pages written to `{}`", pages.len(), dir.display());
    Ok(Outcome::done(View::line(text, Record::new().texts("Pages", &names))))
}

fn page(command: &clap::Command) -> Result<Vec<u8>, Error> {
    let mut page = Vec::new();
    let version = concat!("bascule ", env!("CARGO_PKG_VERSION"));
    clap_mangen::Man::new(command.clone()).source(version).manual("Bascule").render(&mut page)?;
    Ok(page)
}

fn gather(command: &clap::Command, name: &str, pages: &mut Vec<(String, Vec<u8>)>) -> Result<(), Error> {
    pages.push((format!("{name}.1"), page(command)?));
    for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
        gather(inner, &format!("{name}-{}", inner.get_name()), pages)?;
    }
    Ok(())
}

fn raw(key: &'static str, text: &[u8]) -> Outcome {
    let text = String::from_utf8_lossy(text).into_owned();
    let json = Record::new().text(key, &text);
    Outcome::done(View::new(vec![Part::Raw(text)], json))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(outcome: &Outcome) -> String {
        let mut out = Vec::new();
        outcome.view.write(crate::output::Format::Table, false, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_shell_gets_a_script_with_every_noun() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = printed(&completion(&Completion { shell }));
            for noun in Arguments::command().get_subcommands() {
                assert!(script.contains(noun.get_name()), "{shell:?} {}", noun.get_name());
            }
        }
    }

    #[test]
    fn each_verb_has_a_page() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("man1");
        man(&Man { words: Vec::new(), dir: Some(dir.clone()) }).unwrap();
        let put = fs::read_to_string(dir.join("bascule-rule-put.1")).unwrap();
        assert!(put.contains("bascule\\-rule\\-put") && put.contains("\\-\\-pattern"), "{put}");
        assert!(dir.join("bascule.1").is_file() && dir.join("bascule-version.1").is_file());
        let one = printed(&man(&Man { words: vec!["rule".into(), "put".into()], dir: None }).unwrap());
        assert_eq!(one, put);
        assert!(man(&Man { words: vec!["rle".into()], dir: None }).is_err());
    }
}
