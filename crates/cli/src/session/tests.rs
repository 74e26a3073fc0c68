//! Where tokens come from, what cannot be one, and that none is shown.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use super::*;
use crate::explain::explain;

fn file(bytes: &[u8], mode: u32) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("token");
    fs::write(&path, bytes).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    (folder, path)
}

/// The token, or the code of the error and its exit code.
fn read(source: &Source) -> Result<Option<String>, (String, u8)> {
    source.token().map(|token| token.map(|token| token.0)).map_err(|error| {
        let told = explain(&error);
        assert!(!format!("{error:?} {told:?}").contains("hunter2"), "{error:?} {told:?}");
        (told.code, told.exit as u8)
    })
}

#[test]
fn tokens_come_from_the_file_that_is_named_else_from_the_environment() {
    let (_folder, path) = file(b"of.file\n", 0o600);
    let rows = [
        (Some(&*path), Some("of.variable"), Some("of.file"), Some(Place::File(path.clone()))),
        (Some(&*path), None, Some("of.file"), Some(Place::File(path.clone()))),
        (None, Some("of.variable"), Some("of.variable"), Some(Place::Variable)),
        (None, Some(""), None, None),
        (None, None, None, None),
    ];
    for (named, set, token, place) in rows {
        let source = Source::find(named, |name| set.filter(|_| name == VARIABLE).map(OsString::from));
        assert_eq!((read(&source), source.place()), (Ok(token.map(str::to_owned)), place));
    }
}

#[test]
fn what_is_no_token_is_refused_and_not_shown() {
    let unusable = Err(("CREDENTIALS_UNUSABLE", 2));
    type Row<'a> = (&'a [u8], u32, Result<&'a str, (&'a str, u8)>);
    let long = [b'x'; 16 * 1024 + 1];
    let rows: [Row<'_>; 9] = [
        (b" hunter2.a-b_c=\r\n", 0o400, Ok("hunter2.a-b_c=")),
        (b"\n", 0o600, Err(("ARGUMENT_INVALID", 2))),
        (b"", 0o600, Err(("ARGUMENT_INVALID", 2))),
        (b"hunter2 hunter2", 0o600, unusable),
        (b"hunter2\nhunter2", 0o600, unusable),
        (b"hunter2\xff", 0o600, unusable),
        ("hunter2ä".as_bytes(), 0o600, unusable),
        (b"hunter2", 0o640, Err(("TOKEN_FILE_OPEN", 2))),
        (&long, 0o600, Err(("FILE_UNUSABLE", 2))),
    ];
    for (bytes, mode, expected) in rows {
        let (_folder, path) = file(bytes, mode);
        let expected = expected.map(|token| Some(token.to_owned())).map_err(|(code, exit)| (code.to_owned(), exit));
        assert_eq!(read(&Source::File(path)), expected, "{:?}", String::from_utf8_lossy(bytes));
    }
    assert_eq!(read(&Source::File("/nowhere/at/all".into())), Err(("FILE_UNREADABLE".to_owned(), 2)));
    assert_eq!(read(&Source::Variable("hunter2\u{7f}".into())), Err(("CREDENTIALS_UNUSABLE".to_owned(), 2)));
    assert_eq!(read(&Source::Variable(" ".into())), Err(("ARGUMENT_INVALID".to_owned(), 2)));
}

#[test]
fn tokens_are_not_shown() {
    let source = Source::Variable("hunter2".into());
    let token = source.token().unwrap();
    assert_eq!(format!("{source:?} {token:?}"), "Source(Some(Variable)) Some(Token(..))");
}
