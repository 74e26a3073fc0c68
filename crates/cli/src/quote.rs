//! Words as a shell reads them: what is shown to be typed, or evaluated, means the same there.

/// The word as one word of a POSIX shell, in quotes only where it needs them.
pub fn word(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-+=./:@,%".contains(&byte);
    match !text.is_empty() && text.bytes().all(plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_one_word() {
        let rows = [
            ("arn:aws:iam::000000000001:role/a+b=c,d.e@f_g-h", "arn:aws:iam::000000000001:role/a+b=c,d.e@f_g-h"),
            ("", "''"),
            ("a b", "'a b'"),
            ("arn:*", "'arn:*'"),
            ("$(rm x)", "'$(rm x)'"),
            ("it's;", r"'it'\''s;'"),
            ("a\nb", "'a\nb'"),
        ];
        for (text, expected) in rows {
            assert_eq!(word(text), expected, "{text}");
        }
    }
}
