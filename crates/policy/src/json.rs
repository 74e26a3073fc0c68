//! Reads JSON strictly: every repeated key is kept for the reader above to refuse, every number stays as it is written.

use crate::error::Invalid;
use crate::limits::DOCUMENT_LIMIT_DEPTH;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    Null,
    Boolean(bool),
    Number(String),
    Text(String),
    List(Vec<Node>),
    /// In order, repeated keys included.
    Object(Vec<(String, Node)>),
}

impl Node {
    /// What it is, for messages.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::List(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

/// The one value of `text`.
pub fn read(text: &str) -> Result<Node, Invalid> {
    let mut reader = Reader { text, at: 0 };
    let node = reader.value(0)?;
    match reader.peek() {
        None => Ok(node),
        Some(_) => Err(reader.refused("nothing may follow the policy")),
    }
}

/// Characters of `text` that are no white space, or stand inside a string. For text that is JSON.
pub fn characters_without_space(text: &str) -> usize {
    let (mut count, mut inside, mut escaped) = (0, false, false);
    for letter in text.chars() {
        if inside || !matches!(letter, ' ' | '\t' | '\n' | '\r') {
            count += 1;
        }
        if letter == '"' && !escaped {
            inside = !inside;
        }
        escaped = inside && letter == '\\' && !escaped;
    }
    count
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl Reader<'_> {
    fn refused(&self, reason: &'static str) -> Invalid {
        Invalid::Json { at: self.at, reason }
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        while matches!(self.byte(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
        self.byte()
    }

    fn takes(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    /// Recurses no deeper than the limit.
    fn value(&mut self, depth: usize) -> Result<Node, Invalid> {
        match self.peek() {
            Some(b'{' | b'[') if depth == DOCUMENT_LIMIT_DEPTH => {
                Err(Invalid::Deep { at: self.at, limit: DOCUMENT_LIMIT_DEPTH })
            }
            Some(b'{') => self.object(depth + 1),
            Some(b'[') => self.list(depth + 1),
            Some(b'"') => self.string().map(Node::Text),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.word(),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Node, Invalid> {
        self.at += 1;
        let mut members = Vec::new();
        if self.takes(b'}') {
            return Ok(Node::Object(members));
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.refused("a key in double quotes must stand here"));
            }
            let key = self.string()?;
            if !self.takes(b':') {
                return Err(self.refused("a colon must stand here"));
            }
            members.push((key, self.value(depth)?));
            if self.takes(b'}') {
                return Ok(Node::Object(members));
            }
            if !self.takes(b',') {
                return Err(self.refused("a comma or `}` must stand here"));
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Node, Invalid> {
        self.at += 1;
        let mut items = Vec::new();
        if self.takes(b']') {
            return Ok(Node::List(items));
        }
        loop {
            items.push(self.value(depth)?);
            if self.takes(b']') {
                return Ok(Node::List(items));
            }
            if !self.takes(b',') {
                return Err(self.refused("a comma or `]` must stand here"));
            }
        }
    }

    fn word(&mut self) -> Result<Node, Invalid> {
        let rest = &self.text[self.at..];
        for (word, node) in [("null", Node::Null), ("true", Node::Boolean(true)), ("false", Node::Boolean(false))] {
            if rest.starts_with(word) {
                self.at += word.len();
                return Ok(node);
            }
        }
        Err(self.refused("a value must stand here"))
    }

    fn digits(&mut self) -> Result<(), Invalid> {
        let from = self.at;
        while self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == from { Err(self.refused("a digit must stand here")) } else { Ok(()) }
    }

    fn number(&mut self) -> Result<Node, Invalid> {
        let from = self.at;
        self.at += usize::from(self.byte() == Some(b'-'));
        let zero = self.byte() == Some(b'0');
        let whole = self.at;
        self.digits()?;
        if zero && self.at > whole + 1 {
            return Err(self.refused("a number may not begin with zeros"));
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.byte(), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(Node::Number(self.text[from..self.at].to_owned()))
    }

    fn string(&mut self) -> Result<String, Invalid> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let plain = self.at;
            while self.byte().is_some_and(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
                self.at += 1;
            }
            out.push_str(&self.text[plain..self.at]);
            match self.byte() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => {
                    let letter = self.escape()?;
                    out.push(letter);
                }
                Some(_) => return Err(self.refused("a control character must be escaped")),
                None => return Err(self.refused("the string does not end")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Invalid> {
        self.at += 1;
        let letter = match self.byte() {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{C}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.scalar(),
            _ => return Err(self.refused("there is no such escape")),
        };
        self.at += 1;
        Ok(letter)
    }

    /// Reads what follows `\`, from its `u`.
    fn scalar(&mut self) -> Result<char, Invalid> {
        let first = self.unit()?;
        if !(0xD800..0xDC00).contains(&first) {
            return char::from_u32(first).ok_or_else(|| self.refused("half a character may not stand alone"));
        }
        if self.byte() != Some(b'\\') {
            return Err(self.refused("half a character may not stand alone"));
        }
        self.at += 1;
        let second = self.unit()?;
        let low = second.checked_sub(0xDC00).filter(|low| *low < 0x400);
        low.and_then(|low| char::from_u32(0x1_0000 + ((first - 0xD800) << 10) + low))
            .ok_or_else(|| self.refused("half a character may not stand alone"))
    }

    fn unit(&mut self) -> Result<u32, Invalid> {
        let digits = self.text.get(self.at + 1..self.at + 5);
        let unit = digits.filter(|_| self.byte() == Some(b'u')).and_then(hexadecimal);
        self.at += 5;
        unit.ok_or(Invalid::Json { at: self.at - 5, reason: "four hexadecimal digits must stand here" })
    }
}

fn hexadecimal(digits: &str) -> Option<u32> {
    // `from_str_radix` would take a sign.
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_as_they_are_written() {
        for text in ["0", "-0", "7", "10", "-120", "0.5", "-0.050", "12.25", "1e5", "1E5", "1e+05", "1e-5", "-1.5E-10"]
        {
            assert_eq!(read(text), Ok(Node::Number(text.to_owned())), "{text}");
            let listed = Node::List(vec![Node::Number(text.to_owned()), Node::Null]);
            assert_eq!(read(&format!(" [ {text} , null ] ")), Ok(listed), "{text}");
        }
        let refused = [
            ("-", 1, "a digit must stand here"),
            ("+1", 0, "a value must stand here"),
            (".5", 0, "a value must stand here"),
            ("01", 2, "a number may not begin with zeros"),
            ("-012", 4, "a number may not begin with zeros"),
            ("00", 2, "a number may not begin with zeros"),
            ("1.", 2, "a digit must stand here"),
            ("1.e5", 2, "a digit must stand here"),
            ("1e", 2, "a digit must stand here"),
            ("1e+", 3, "a digit must stand here"),
            ("1e5.5", 3, "nothing may follow the policy"),
            ("1x", 1, "nothing may follow the policy"),
            ("--1", 1, "a digit must stand here"),
        ];
        for (text, at, reason) in refused {
            assert_eq!(read(text), Err(Invalid::Json { at, reason }), "{text}");
        }
    }

    #[test]
    fn strings_are_read_with_their_escapes() {
        let rows = [
            (r#""""#, ""),
            (r#""a b""#, "a b"),
            (r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"),
            (r#""\u0041\u00e4\u20AC""#, "Aä€"),
            (r#""\ud83d\ude00x""#, "😀x"),
            (r#""\uD800\uDC00\uDBFF\uDFFF""#, "\u{10000}\u{10FFFF}"),
            ("\"ä€😀\u{7F}\"", "ä€😀\u{7F}"),
        ];
        for (text, expected) in rows {
            assert_eq!(read(text), Ok(Node::Text(expected.to_owned())), "{text}");
            let object = Node::Object(vec![(expected.to_owned(), Node::Boolean(true))]);
            assert_eq!(read(&format!("{{{text}:true}}")), Ok(object), "{text}");
        }
        let half = "half a character may not stand alone";
        let digits = "four hexadecimal digits must stand here";
        let refused = [
            ("\"a", 2, "the string does not end"),
            ("\"a\\", 3, "there is no such escape"),
            ("\"\\x\"", 2, "there is no such escape"),
            ("\"a\nb\"", 2, "a control character must be escaped"),
            ("\"\u{1F}\"", 1, "a control character must be escaped"),
            (r#""\u12""#, 2, digits),
            (r#""\u+123""#, 2, digits),
            (r#""\u00g0""#, 2, digits),
            (r#""\ud800""#, 7, half),
            (r#""\udc00""#, 7, half),
            (r#""\ud800\u0041""#, 13, half),
            (r#""\ud800\ue000""#, 13, half),
            (r#""\ud800\n""#, 8, digits),
        ];
        for (text, at, reason) in refused {
            assert_eq!(read(text), Err(Invalid::Json { at, reason }), "{text}");
        }
    }

    #[test]
    fn words_lists_and_objects_are_read_to_their_ends() {
        let number = |text: &str| Node::Number(text.to_owned());
        let rows = [
            ("null", Node::Null),
            ("true", Node::Boolean(true)),
            (" false\r\n\t", Node::Boolean(false)),
            ("[]", Node::List(vec![])),
            ("{ }", Node::Object(vec![])),
            ("[1,[2]]", Node::List(vec![number("1"), Node::List(vec![number("2")])])),
            ("{\"a\":1,\"a\":2}", Node::Object(vec![("a".to_owned(), number("1")), ("a".to_owned(), number("2"))])),
        ];
        for (text, expected) in rows {
            assert_eq!(read(text), Ok(expected), "{text}");
        }
        let refused = [
            ("", 0, "a value must stand here"),
            ("nul", 0, "a value must stand here"),
            ("True", 0, "a value must stand here"),
            ("[1", 2, "a comma or `]` must stand here"),
            ("[1 2]", 3, "a comma or `]` must stand here"),
            ("[1,]", 3, "a value must stand here"),
            ("[", 1, "a value must stand here"),
            ("{1:2}", 1, "a key in double quotes must stand here"),
            ("{\"a\" 1}", 5, "a colon must stand here"),
            ("{\"a\":1", 6, "a comma or `}` must stand here"),
            ("{\"a\":1,}", 7, "a key in double quotes must stand here"),
            ("{}{}", 2, "nothing may follow the policy"),
        ];
        for (text, at, reason) in refused {
            assert_eq!(read(text), Err(Invalid::Json { at, reason }), "{text}");
        }
        let deep = |count: usize| format!("{}{}", "[".repeat(count), "]".repeat(count));
        assert!(read(&deep(DOCUMENT_LIMIT_DEPTH)).is_ok());
        let at = DOCUMENT_LIMIT_DEPTH;
        assert_eq!(read(&deep(at + 1)), Err(Invalid::Deep { at, limit: DOCUMENT_LIMIT_DEPTH }));
        assert_eq!(read(&"{\"a\":".repeat(at + 1)), Err(Invalid::Deep { at: 5 * at, limit: DOCUMENT_LIMIT_DEPTH }));
    }

    #[test]
    fn white_space_counts_inside_strings_alone() {
        for (text, count) in [
            ("{ \"a\" :\t\"b c\"\r\n}", 11),
            (r#"{"a":"x\" y"}"#, 13),
            (r#"{"a":"x\\" , "b":1}"#, 17),
            (r#"{"a":"x\\\" "}"#, 14),
            ("[ \"ä \" ]", 6),
        ] {
            assert_eq!(characters_without_space(text), count, "{text}");
        }
    }
}
