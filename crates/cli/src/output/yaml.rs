//! YAML: a value as text that reads back as the same value, whichever characters it holds.

use std::io;

use serde::{Serialize, Serializer};

use crate::output::obeyed;

/// One document, with a line break at its end. Texts of several lines stand quoted on one, unless they are [`Verbatim`].
///
/// # Errors
/// A value that YAML cannot say.
pub fn text(value: &impl Serialize) -> io::Result<String> {
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false, min_fold_chars: 0 };
    let text = serde_saphyr::to_string_with_options(value, options).map_err(io::Error::other)?;
    // JSON is YAML too, and all of its texts can be spelled in plain characters.
    match text.contains(|c: char| c != '\n' && obeyed(c)) {
        true => Ok(crate::output::safe(&serde_json::to_string_pretty(value)?) + "\n"),
        false if text.ends_with('\n') => Ok(text),
        false => Ok(text + "\n"),
    }
}

/// A text that stands as it is below its key, so that people need not read through quotes.
pub struct Verbatim<'a>(pub &'a str);

impl Serialize for Verbatim<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        // A block keeps neither spaces before its first line nor what is not printed; there quotes are right.
        let plain = |c: char| c == '\n' || !obeyed(c);
        match self.0.chars().all(plain) && self.0.trim() == self.0 && !self.0.is_empty() {
            true => serde_saphyr::LitStr(self.0).serialize(to),
            false => to.serialize_str(self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn every_text_reads_back() {
        let texts = [
            "",
            " a ",
            "a: b # c",
            "no",
            "null",
            "~",
            "1.10",
            "0x1f",
            "2026-11-23",
            "a\nb\n",
            "{\"a\":[1]}",
            "- x",
            "'\"\\",
            "\u{9b}31m",
            "\u{85}",
            "\u{202e}x",
            "\u{7}",
            "ü€𝄞",
            "*a",
            "&a",
            "!x",
            "%x",
            "@x",
            "`x",
            "|",
            "\t",
            "\u{feff}",
            "a\r\nb",
            "=",
            "<<",
        ];
        for words in texts {
            let map: BTreeMap<&str, &str> = BTreeMap::from([("Key", words)]);
            let verbatim = BTreeMap::from([("Key", Verbatim(words)), ("Last", Verbatim("x"))]);
            let block = self::text(&verbatim).unwrap();
            let back: BTreeMap<String, String> = serde_saphyr::from_str(&block).unwrap();
            assert_eq!((back["Key"].as_str(), back["Last"].as_str()), (words, "x"), "{block}");
            let text = self::text(&map).unwrap();
            let back: BTreeMap<String, String> = serde_saphyr::from_str(&text).unwrap();
            assert_eq!(back["Key"], words, "{text}");
            assert!(!text.chars().any(|c| c != '\n' && obeyed(c)), "{text:?}");
        }
    }
}
