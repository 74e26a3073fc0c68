//! What roles and users share beside their names: paths, descriptions, how long a role's session lasts.

use crate::fault::Fault;
use crate::limits::{
    PATH_LIMIT_CHARS, PRINCIPAL_DESCRIPTION_LIMIT_CHARS, SESSION_LEAST_SECONDS, SESSION_LIMIT_SECONDS,
};

/// The path of what has none.
pub const NO_PATH: &str = "/";

/// Checks a path: `/`, or text of visible ASCII between two slashes, at most 512 characters (`API_CreateRole`). It is part of
/// the ARN and of no name: two roles of one name cannot stand on different paths.
///
/// # Errors
/// [`Fault::Invalid`].
pub fn check_path(path: &str) -> Result<(), Fault> {
    if path.len() > PATH_LIMIT_CHARS {
        return Err(Fault::invalid("Path", format!("it must have at most {PATH_LIMIT_CHARS} characters"), path));
    }
    let visible = path.bytes().all(|byte| (0x21..0x7f).contains(&byte));
    // What is a wildcard in policies would make a path that is written into one mean another.
    let plain = !path.contains(['*', '?', '$', ':']) && !path.contains("//");
    if !path.starts_with('/') || !path.ends_with('/') || !visible || !plain {
        let reason = "it must begin and end with `/`, and have visible ASCII without `//`, `*`, `?`, `$` and `:`";
        return Err(Fault::invalid("Path", reason, path));
    }
    Ok(())
}

/// Checks a description: at most 1,000 characters.
///
/// # Errors
/// [`Fault::Invalid`].
pub fn check_description(text: &str) -> Result<(), Fault> {
    Fault::unless_at_most("Description", text, PRINCIPAL_DESCRIPTION_LIMIT_CHARS)
}

/// Checks how long a role's sessions may last: 3,600 to 43,200 s.
///
/// # Errors
/// [`Fault::Invalid`].
pub fn check_session(seconds: u32) -> Result<(), Fault> {
    if !(SESSION_LEAST_SECONDS..=SESSION_LIMIT_SECONDS).contains(&seconds) {
        let reason = format!("it must be {SESSION_LEAST_SECONDS} to {SESSION_LIMIT_SECONDS}");
        return Err(Fault::invalid("MaxSessionDuration", reason, &seconds.to_string()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_durations_hold_at_their_borders() {
        let of = |length: usize| format!("/{}/", "a".repeat(length - 2));
        for (path, good) in [
            (NO_PATH, true),
            ("/a/", true),
            ("/a/b.c-d_e!/", true),
            (of(512).as_str(), true),
            (of(513).as_str(), false),
            ("", false),
            ("/a", false),
            ("a/", false),
            ("//", false),
            ("/a//b/", false),
            ("/*/", false),
            ("/a b/", false),
            ("/ä/", false),
            ("/a:b/", false),
        ] {
            assert_eq!(check_path(path).is_ok(), good, "{path}");
        }
        for (seconds, good) in [(3_599, false), (3_600, true), (43_200, true), (43_201, false)] {
            assert_eq!(check_session(seconds).is_ok(), good, "{seconds}");
        }
        assert!(check_description(&"ä".repeat(1_000)).is_ok() && check_description(&"ä".repeat(1_001)).is_err());
    }
}
