//! Reads JSON as the service's parser does: strictly, one token at a time, every repeated key handed on.

use crate::error::Invalid;
use crate::limits::JSON_LIMIT_DEPTH;

/// A token.
#[derive(Debug, Clone, PartialEq)]
pub enum Token<'t> {
    /// `{`
    ObjectStart,
    /// `}`
    ObjectEnd,
    /// `[`
    ArrayStart,
    /// `]`
    ArrayEnd,
    /// A key, unescaped.
    Key(Vec<u8>),
    /// A string, unescaped.
    String(Vec<u8>),
    /// A number as written.
    Number(&'t str),
    /// `true` or `false`.
    Boolean(bool),
    /// `null`.
    Null,
}

#[derive(Clone, Copy, PartialEq)]
enum Wants {
    Value,
    /// Behind `[`: a value or the end.
    ValueOrEnd,
    /// Behind `{`: a key or the end.
    KeyOrEnd,
    Key,
    /// Behind a value: a comma or the end.
    CommaOrEnd,
    Nothing,
}

/// Where the reader stands. It stops behind the first value: what follows is passed over.
pub struct Reader<'t> {
    text: &'t str,
    at: usize,
    /// Whether each container around the place is an object.
    objects: Vec<bool>,
    wants: Wants,
}

impl<'t> Reader<'t> {
    pub fn new(text: &'t str) -> Self {
        Self { text, at: 0, objects: Vec::new(), wants: Wants::Value }
    }

    /// The next token; `None` behind the first value.
    pub fn next(&mut self) -> Result<Option<Token<'t>>, Invalid> {
        if self.wants == Wants::Nothing {
            return Ok(None);
        }
        if self.wants == Wants::CommaOrEnd {
            let object = self.objects.last() == Some(&true);
            match self.peek()? {
                ',' => {
                    self.at += 1;
                    self.wants = if object { Wants::Key } else { Wants::Value };
                }
                found if found == Self::closing(object) => return self.close(object).map(Some),
                found => {
                    let expected =
                        if object { "comma to separate Object entries" } else { "comma to separate Array entries" };
                    return Err(Invalid::Character { found, expected });
                }
            }
        }
        let found = self.peek()?;
        match self.wants {
            Wants::KeyOrEnd if found == '}' => self.close(true).map(Some),
            Wants::ValueOrEnd if found == ']' => self.close(false).map(Some),
            Wants::KeyOrEnd | Wants::Key => self.key(found).map(Some),
            _ => self.value(found).map(Some),
        }
    }

    fn closing(object: bool) -> char {
        if object { '}' } else { ']' }
    }

    fn close(&mut self, object: bool) -> Result<Token<'t>, Invalid> {
        self.at += 1;
        self.objects.pop();
        self.after();
        Ok(if object { Token::ObjectEnd } else { Token::ArrayEnd })
    }

    fn after(&mut self) {
        self.wants = if self.objects.is_empty() { Wants::Nothing } else { Wants::CommaOrEnd };
    }

    /// The next character that is no white space.
    fn peek(&mut self) -> Result<char, Invalid> {
        let rest = self.text[self.at..].trim_start_matches([' ', '\t', '\n', '\r']);
        self.at = self.text.len() - rest.len();
        rest.chars().next().ok_or(Invalid::Ended)
    }

    fn key(&mut self, found: char) -> Result<Token<'t>, Invalid> {
        if found != '"' {
            return Err(Invalid::Character { found, expected: "double-quote to start field name" });
        }
        let key = self.string()?;
        match self.peek()? {
            ':' => self.at += 1,
            found => {
                return Err(Invalid::Character { found, expected: "a colon to separate field name and value" });
            }
        }
        self.wants = Wants::Value;
        Ok(Token::Key(key))
    }

    fn value(&mut self, found: char) -> Result<Token<'t>, Invalid> {
        let token = match found {
            '{' | '[' => {
                if self.objects.len() >= JSON_LIMIT_DEPTH {
                    return Err(Invalid::Deep { limit: JSON_LIMIT_DEPTH });
                }
                self.at += 1;
                self.objects.push(found == '{');
                self.wants = if found == '{' { Wants::KeyOrEnd } else { Wants::ValueOrEnd };
                return Ok(if found == '{' { Token::ObjectStart } else { Token::ArrayStart });
            }
            '"' => Token::String(self.string()?),
            '-' | '0'..='9' => Token::Number(self.number()?),
            _ if found.is_alphabetic() || found == '_' || found == '$' => self.word()?,
            found => {
                let expected = "a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')";
                return Err(Invalid::Character { found, expected });
            }
        };
        self.after();
        Ok(token)
    }

    fn word(&mut self) -> Result<Token<'t>, Invalid> {
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).unwrap_or(rest.len());
        self.at += end;
        match &rest[..end] {
            "null" => Ok(Token::Null),
            "true" => Ok(Token::Boolean(true)),
            "false" => Ok(Token::Boolean(false)),
            token => Err(Invalid::Token { token: token.chars().take(256).collect() }),
        }
    }

    fn number(&mut self) -> Result<&'t str, Invalid> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        let digits = |mut at: usize| {
            while bytes.get(at).is_some_and(u8::is_ascii_digit) {
                at += 1;
            }
            at
        };
        let mut at = start + usize::from(bytes[start] == b'-');
        let whole = at;
        at = digits(at);
        if at == whole {
            return Err(Invalid::Scalar("Expected digit to follow minus sign, for a valid numeric value"));
        }
        if bytes[whole] == b'0' && at > whole + 1 {
            return Err(Invalid::Scalar("Invalid numeric value: Leading zeroes not allowed"));
        }
        if bytes.get(at) == Some(&b'.') {
            let fraction = digits(at + 1);
            if fraction == at + 1 {
                return Err(Invalid::Scalar("Decimal point not followed by a digit"));
            }
            at = fraction;
        }
        if matches!(bytes.get(at), Some(b'e' | b'E')) {
            let sign = at + 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
            let exponent = digits(sign);
            if exponent == sign {
                return Err(Invalid::Scalar("Exponent indicator not followed by a digit"));
            }
            at = exponent;
        }
        if let Some(found) = self.text[at..].chars().next().filter(|c| c.is_alphanumeric() || "_.$+-\"".contains(*c)) {
            return Err(Invalid::Character { found, expected: "space to separate root-level values" });
        }
        self.at = at;
        Ok(&self.text[start..at])
    }

    fn string(&mut self) -> Result<Vec<u8>, Invalid> {
        let bytes = self.text.as_bytes();
        let mut out = Vec::new();
        let mut at = self.at + 1;
        loop {
            let plain = at;
            while bytes.get(at).is_some_and(|byte| *byte >= 0x20 && *byte != b'"' && *byte != b'\\') {
                at += 1;
            }
            out.extend_from_slice(&bytes[plain..at]);
            match bytes.get(at) {
                None => return Err(Invalid::Ended),
                Some(b'"') => {
                    self.at = at + 1;
                    return Ok(out);
                }
                Some(b'\\') => at = self.escape(at + 1, &mut out)?,
                Some(_) => {
                    return Err(Invalid::Scalar(
                        "Illegal unquoted character: has to be escaped using backslash to be included in string value",
                    ));
                }
            }
        }
    }

    /// Reads the escape whose letter stands at `at`, and gives the place behind it.
    fn escape(&self, at: usize, out: &mut Vec<u8>) -> Result<usize, Invalid> {
        let plain = match self.text.as_bytes().get(at) {
            None => return Err(Invalid::Ended),
            Some(byte @ (b'"' | b'\\' | b'/')) => *byte,
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'u') => return self.unit_pair(at + 1, out),
            Some(_) => return Err(Invalid::Scalar("Unrecognized character escape")),
        };
        out.push(plain);
        Ok(at + 1)
    }

    fn unit(&self, at: usize) -> Result<u32, Invalid> {
        let bad = Invalid::Scalar("Unexpected character: expected a hex-digit for character escape sequence");
        let digits = self.text.get(at..at + 4).ok_or(bad.clone())?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(bad);
        }
        u32::from_str_radix(digits, 16).map_err(|_| bad)
    }

    fn unit_pair(&self, at: usize, out: &mut Vec<u8>) -> Result<usize, Invalid> {
        let unit = self.unit(at)?;
        let mut end = at + 4;
        let mut scalar = unit;
        if (0xD800..0xDC00).contains(&unit) && self.text[end..].starts_with("\\u") {
            let low = self.unit(end + 2)?;
            if (0xDC00..0xE000).contains(&low) {
                scalar = 0x1_0000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
                end += 6;
            }
        }
        match char::from_u32(scalar) {
            Some(character) => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
            // A lone surrogate: three bytes that no character has, so that it equals itself and nothing else.
            None => {
                let byte = |shift: u32, mask: u32, mark: u32| u8::try_from(mark | ((scalar >> shift) & mask));
                out.extend([byte(12, 0x0F, 0xE0), byte(6, 0x3F, 0x80), byte(0, 0x3F, 0x80)].into_iter().flatten());
            }
        }
        Ok(end)
    }
}
