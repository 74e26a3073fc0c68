//! Files that are right and wrong, and the order in which contexts are looked for.

use super::*;

fn told(text: &str) -> String {
    match parse(Path::new("/etc/b/context.toml"), text) {
        Ok(settings) => format!("{} {}", settings.endpoint, settings.ca.display()),
        Err(error @ Error::ContextKey { .. }) => {
            let hint = crate::explain::explain(&error).hint;
            format!("{error} | {}", hint.split_once("? ").map_or("", |(first, _)| first))
        }
        Err(error) => error.to_string(),
    }
}

#[test]
fn files_are_read_or_refused_with_their_line() {
    let rest = "ca = \"ca.pem\"\ncertificate = \"c.pem\"\nkey = \"k.pem\"\n";
    let rows = [
        (format!("endpoint = \"https://a:1\"\n{rest}"), "https://a:1 /etc/b/ca.pem"),
        (
            format!("# mine\n\nendpont = \"https://a:1\"\n{rest}"),
            "`/etc/b/context.toml` line 3: there is no key `endpont` | did you mean `endpoint`",
        ),
        ("cert = \"c.pem\"".to_owned(), "`/etc/b/context.toml` line 1: there is no key `cert` | "),
        (
            "certificat = \"c.pem\"".to_owned(),
            "`/etc/b/context.toml` line 1: there is no key `certificat` | did you mean `certificate`",
        ),
        ("Key = \"c.pem\"".to_owned(), "`/etc/b/context.toml` line 1: there is no key `Key` | did you mean `key`"),
        ("password = \"x\"".to_owned(), "`/etc/b/context.toml` line 1: there is no key `password` | "),
        ("[cluster]\nendpoint = \"x\"".to_owned(), "`/etc/b/context.toml` line 1: there is no key `cluster` | "),
        ("\nendpoint = 6470".to_owned(), "`/etc/b/context.toml` line 2: `endpoint` is no text"),
        (rest.to_owned(), "`/etc/b/context.toml` lacks `endpoint`"),
        (format!("endpoint = \"\"\n{rest}"), "`/etc/b/context.toml` lacks `endpoint`"),
        ("endpoint = \"a\"\nca = \"/x/ca.pem\"\ncertificate = \"c\"\nkey = \"k\"".to_owned(), "a /x/ca.pem"),
        ("endpoint = \"a\"\nca = \"b\"\ncertificate = \"c\"".to_owned(), "`/etc/b/context.toml` lacks `key`"),
    ];
    for (text, expected) in rows {
        assert_eq!(told(&text), expected, "{text}");
    }
    for (text, line) in [("endpoint: https", 1), ("ca = \"a\"\nca = \"b\"", 2), ("ca = \"a\"\n\nkey = \"", 3)] {
        let told = told(text);
        assert!(told.starts_with(&format!("`/etc/b/context.toml` line {line}: ")), "{text}: {told}");
    }
}

#[test]
fn the_file_is_found_in_order() {
    let all = [(VARIABLE, "/env.toml"), ("XDG_CONFIG_HOME", "/xdg"), ("HOME", "/home/me")];
    let xdg = [("XDG_CONFIG_HOME", "/xdg"), ("HOME", "/home/me")];
    let odd = [(VARIABLE, ""), ("XDG_CONFIG_HOME", "relative"), ("HOME", "/home/me")];
    type Row<'a> = (Option<&'a str>, &'a [(&'a str, &'a str)], bool, Result<&'a str, usize>);
    let rows: [Row<'_>; 7] = [
        (Some("/named.toml"), &all, false, Ok("/named.toml")),
        (None, &all, false, Ok("/env.toml")),
        (None, &xdg, true, Ok("/xdg/bascule/context.toml")),
        (None, &xdg, false, Err(1)),
        (None, &odd, true, Ok("/home/me/.config/bascule/context.toml")),
        (None, &odd, false, Err(1)),
        (None, &[], true, Err(0)),
    ];
    let book = Book::default();
    for (named, variables, exists, expected) in rows {
        let variable =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value));
        match (find(named.map(Path::new), variable, &book, |_| exists), expected) {
            (Ok(spot), Ok(wanted)) => assert_eq!(spot, Spot::File(wanted.into())),
            (Err(Error::NoContext { looked }), Err(count)) => assert_eq!(looked.len(), count, "{looked:?}"),
            (other, _) => panic!("{variables:?}: {other:?}"),
        }
    }
}
