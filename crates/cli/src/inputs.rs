//! What comes from files and the standard input: documents, PEM files and secrets, each within its limit.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use bascule_api::v1::Secret;

use crate::error::Error;
use crate::limits::{DOCUMENT_MAX_BYTES, KEY_FILE_OPEN_MODE_BITS, POLICY_MAX_BYTES, SECRET_MAX_BYTES};

/// The word that stands for the standard input.
pub const STDIN: &str = "-";

/// The bytes of a file.
///
/// # Errors
/// [`Error::Unreadable`] or [`Error::TooLarge`].
pub fn bytes(what: &'static str, path: &Path, max_bytes: u64) -> Result<Vec<u8>, Error> {
    let unreadable = |source| Error::Unreadable { what, path: path.to_owned(), source };
    limited(what, path, File::open(path).map_err(unreadable)?, max_bytes)
}

/// The bytes of a file that only its owner may read.
///
/// # Errors
/// As [`bytes`], and [`Error::KeyOpen`].
pub fn private(what: &'static str, path: &Path, max_bytes: u64) -> Result<Vec<u8>, Error> {
    let unreadable = |source| Error::Unreadable { what, path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    // Asked of the open file, so that nobody can swap the path between the question and the reading.
    let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o7777;
    match mode & KEY_FILE_OPEN_MODE_BITS {
        0 => limited(what, path, file, max_bytes),
        _ => Err(Error::KeyOpen { what, path: path.to_owned(), mode }),
    }
}

/// The text of a file.
///
/// # Errors
/// As [`bytes`], and [`Error::NotText`].
pub fn text(what: &'static str, path: &Path, max_bytes: u64) -> Result<String, Error> {
    utf8(what, path, bytes(what, path, max_bytes)?)
}

fn limited(what: &'static str, path: &Path, from: impl Read, max_bytes: u64) -> Result<Vec<u8>, Error> {
    let mut all = Vec::new();
    let read = from.take(max_bytes.saturating_add(1)).read_to_end(&mut all);
    read.map_err(|source| Error::Unreadable { what, path: path.to_owned(), source })?;
    match u64::try_from(all.len()).is_ok_and(|len| len <= max_bytes) {
        true => Ok(all),
        false => Err(Error::TooLarge { what, path: path.to_owned(), max_bytes }),
    }
}

fn utf8(what: &'static str, path: &Path, bytes: Vec<u8>) -> Result<String, Error> {
    // The conversion's own error holds the bytes, which may be a secret.
    String::from_utf8(bytes).map_err(|_| Error::NotText { what, path: path.to_owned() })
}

/// Something to be read line by line.
pub struct Lines {
    /// What is read.
    pub from: Box<dyn BufRead>,
    /// How large it is, where that is known: of a plain file, which also never makes its reader wait.
    pub size_bytes: Option<u64>,
}

/// What a command may read, the standard input once.
pub struct Inputs {
    stdin: Option<Box<dyn BufRead>>,
}

impl Inputs {
    /// Inputs with this standard input.
    pub fn new(stdin: Box<dyn BufRead>) -> Self {
        Self { stdin: Some(stdin) }
    }

    /// Lines of a file, or of the standard input for `-`.
    ///
    /// # Errors
    /// [`Error::Unreadable`], [`Error::StdinTwice`].
    pub fn lines(&mut self, flag: &'static str, path: &Path) -> Result<Lines, Error> {
        if path.as_os_str() == STDIN {
            let from = self.stdin.take().ok_or(Error::StdinTwice { flag })?;
            return Ok(Lines { from, size_bytes: None });
        }
        let unreadable = |source| Error::Unreadable { what: "file", path: path.to_owned(), source };
        let file = File::open(path).map_err(unreadable)?;
        let about = file.metadata().map_err(unreadable)?;
        let size_bytes = about.is_file().then_some(about.len());
        Ok(Lines { from: Box::new(BufReader::new(file)), size_bytes })
    }

    /// A document: the value itself, the text of a file for `@FILE`, or of the standard input for `-`.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn document(&mut self, flag: &'static str, value: &str) -> Result<String, Error> {
        let path = match value.strip_prefix('@') {
            Some(path) => PathBuf::from(path),
            None if value == STDIN => PathBuf::from(STDIN),
            None => return Ok(value.to_owned()),
        };
        self.whole(flag, &path)
    }

    /// The document of a policy from a file, or from the standard input for `-`.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn policy(&mut self, flag: &'static str, path: &Path) -> Result<String, Error> {
        let what = "policy document";
        let bytes = limited(what, path, self.lines(flag, path)?.from, POLICY_MAX_BYTES)?;
        utf8(what, path, bytes)
    }

    /// The whole text of a file, or of the standard input for `-`.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn whole(&mut self, flag: &'static str, path: &Path) -> Result<String, Error> {
        let bytes = limited("file", path, self.lines(flag, path)?.from, DOCUMENT_MAX_BYTES)?;
        utf8("file", path, bytes)
    }

    /// A secret from a file, or from the standard input for `-`. One line break at its end is the editor's and is
    /// taken off.
    ///
    /// # Errors
    /// What is wrong with the file; never what it holds.
    pub fn secret(&mut self, flag: &'static str, path: &Path) -> Result<Secret, Error> {
        let what = "secret file";
        let from = self.lines(flag, path).map_err(|error| match error {
            Error::Unreadable { path, source, .. } => Error::Unreadable { what, path, source },
            other => other,
        })?;
        // Two bytes more for the line break.
        let mut value = utf8(what, path, limited(what, path, from.from, SECRET_MAX_BYTES + 2)?)?;
        if value.ends_with('\n') {
            value.pop();
            if value.ends_with('\r') {
                value.pop();
            }
        }
        match value.len() {
            0 => Err(Error::SecretEmpty { path: path.to_owned() }),
            len if len as u64 > SECRET_MAX_BYTES => {
                Err(Error::TooLarge { what, path: path.to_owned(), max_bytes: SECRET_MAX_BYTES })
            }
            _ => Ok(Secret { value }),
        }
    }
}

/// One line without its line break; none at the end.
///
/// # Errors
/// What the system says, and `InvalidData` for a line of more than `max_bytes`; nothing can be read after that.
pub fn line(from: &mut dyn BufRead, max_bytes: u64) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    from.take(max_bytes.saturating_add(1)).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if line.len() as u64 > max_bytes {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a line is longer than {max_bytes} bytes")));
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(Some(line))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn inputs(stdin: &[u8]) -> Inputs {
        Inputs::new(Box::new(Cursor::new(stdin.to_vec())))
    }

    #[test]
    fn secrets_lose_one_line_break_and_are_never_told() {
        let long = [vec![b'x'; 8_192], b"\r\n".to_vec()].concat();
        let longer = vec![b'x'; 8_193];
        type Row<'a> = (&'a [u8], Result<&'a [u8], &'a str>);
        let rows: [Row<'_>; 8] = [
            (b"hunter2", Ok(b"hunter2")),
            (b"hunter2\n", Ok(b"hunter2")),
            (b"hunter2\r\n", Ok(b"hunter2")),
            (b" hunter2\n\n", Ok(b" hunter2\n")),
            (b"\n", Err("the secret file `-` is empty")),
            (b"hunter2\xff", Err("the secret file `-` is no utf-8 text")),
            (&long, Ok(&long[..8_192])),
            (&longer, Err("the secret file `-` is larger than `8192` bytes")),
        ];
        for (text, expected) in rows {
            let read = inputs(text).secret("--basic-password-file", Path::new(STDIN));
            match (read, expected) {
                (Ok(secret), Ok(wanted)) => {
                    assert_eq!(secret.value.as_bytes(), wanted);
                    assert!(!format!("{secret:?}").contains("hunter2"));
                }
                (Err(error), Err(wanted)) => {
                    assert_eq!(error.to_string(), wanted);
                    assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
                }
                (other, _) => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn documents_come_from_three_places() {
        let mut all = inputs(b"{\"a\":1}");
        assert_eq!(all.document("--detail", "{}").unwrap(), "{}");
        assert_eq!(all.document("--detail", "-").unwrap(), "{\"a\":1}");
        assert!(matches!(all.document("--event", "-"), Err(Error::StdinTwice { flag: "--event" })));
        let manifest = format!("@{}/Cargo.toml", env!("CARGO_MANIFEST_DIR"));
        assert!(all.document("--detail", &manifest).unwrap().contains("bascule-cli"));
        assert!(matches!(all.document("--detail", "@/nowhere/at/all"), Err(Error::Unreadable { .. })));
        assert!(matches!(
            all.secret("--signing-secret-file", Path::new("/nowhere/at/all")),
            Err(Error::Unreadable { what: "secret file", .. })
        ));
    }

    #[test]
    fn lines_are_cut_at_their_ends() {
        let mut from = Cursor::new(b"a\r\n\nbcd\ne".to_vec());
        let mut seen = Vec::new();
        while let Some(read) = line(&mut from, 3).unwrap() {
            seen.push(String::from_utf8(read).unwrap());
        }
        assert_eq!(seen, ["a", "", "bcd", "e"]);
        assert!(line(&mut Cursor::new(b"abcd".to_vec()), 3).is_err());
        assert!(line(&mut Cursor::new(b"abcd\n".to_vec()), 3).is_err());
    }
}
