//! Arguments of the form `NAME=VALUE`, taken apart here and not by the parser, whose errors would repeat the value: it may be a
//! secret that somebody put in the wrong place.

use std::collections::BTreeMap;

use bascule_api::v1::ParameterPlace;

use crate::error::Error;

/// Parameters by name, each name once. A value may hold `=` and may be empty.
///
/// # Errors
/// [`Error::Argument`], without the value.
pub fn named(flag: &'static str, pairs: &[String]) -> Result<BTreeMap<String, String>, Error> {
    let mut map = BTreeMap::new();
    for pair in pairs {
        let (name, value) = split(flag, pair, "NAME=VALUE")?;
        if map.insert(name.to_owned(), value.to_owned()).is_some() {
            return Err(Error::Argument { flag, problem: format!("`{name}` is given twice") });
        }
    }
    Ok(map)
}

/// A parameter's place, name and value; `form` says what is expected, such as `PLACE:NAME=VALUE`.
///
/// # Errors
/// [`Error::Argument`], without the value.
pub fn placed<'a>(
    flag: &'static str,
    text: &'a str,
    form: &'static str,
) -> Result<(ParameterPlace, &'a str, &'a str), Error> {
    let places =
        [("header:", ParameterPlace::Header), ("query:", ParameterPlace::QueryString), ("body:", ParameterPlace::Body)];
    let found = places.iter().find_map(|(prefix, place)| Some((*place, text.strip_prefix(prefix)?)));
    let Some((place, pair)) = found else {
        let problem = format!("the form is `{form}`, where PLACE is `header`, `query` or `body`");
        return Err(Error::Argument { flag, problem });
    };
    let (name, value) = split(flag, pair, form)?;
    Ok((place, name, value))
}

fn split<'a>(flag: &'static str, pair: &'a str, form: &'static str) -> Result<(&'a str, &'a str), Error> {
    let parts = pair.split_once('=').filter(|(name, _)| !name.is_empty());
    parts.ok_or_else(|| Error::Argument { flag, problem: format!("the form is `{form}`") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_taken_apart_or_refused_without_their_value() {
        type Row<'a> = (&'a [&'a str], Result<&'a [(&'a str, &'a str)], &'a str>);
        let rows: [Row<'_>; 7] = [
            (&[], Ok(&[])),
            (&["a=b", "c=d=e"], Ok(&[("a", "b"), ("c", "d=e")])),
            (&["a="], Ok(&[("a", "")])),
            (&["a=b", "A=b"], Ok(&[("A", "b"), ("a", "b")])),
            (&["=hunter2"], Err("`--header`: the form is `NAME=VALUE`")),
            (&["hunter2"], Err("`--header`: the form is `NAME=VALUE`")),
            (&["a=hunter2", "a=hunter3"], Err("`--header`: `a` is given twice")),
        ];
        for (pairs, expected) in rows {
            let pairs: Vec<String> = pairs.iter().map(|pair| (*pair).to_owned()).collect();
            match (named("--header", &pairs), expected) {
                (Ok(map), Ok(wanted)) => {
                    let map: Vec<(&str, &str)> =
                        map.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                    assert_eq!(map, wanted);
                }
                (Err(error), Err(wanted)) => assert_eq!(error.to_string(), wanted),
                (other, _) => panic!("{pairs:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn places_are_told_or_refused_without_their_value() {
        let form = "PLACE:NAME=VALUE";
        let rows = [
            ("header:x-a=b=c", Ok((ParameterPlace::Header, "x-a", "b=c"))),
            ("query:a=", Ok((ParameterPlace::QueryString, "a", ""))),
            ("body:a.b=c:d", Ok((ParameterPlace::Body, "a.b", "c:d"))),
            (
                "a=hunter2",
                Err("`--parameter`: the form is `PLACE:NAME=VALUE`, where PLACE is `header`, `query` or `body`"),
            ),
            (
                "cookie:a=hunter2",
                Err("`--parameter`: the form is `PLACE:NAME=VALUE`, where PLACE is `header`, `query` or `body`"),
            ),
            ("header:hunter2", Err("`--parameter`: the form is `PLACE:NAME=VALUE`")),
            ("header:=hunter2", Err("`--parameter`: the form is `PLACE:NAME=VALUE`")),
        ];
        for (text, expected) in rows {
            let read = placed("--parameter", text, form).map_err(|error| error.to_string());
            assert_eq!(read, expected.map_err(str::to_owned), "{text}");
        }
    }
}
