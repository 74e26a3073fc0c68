//! JSON's tokens, held to the grammar byte by byte. Why a text is refused is not said here: the reference reads it again and says it.

use crate::limits::JSON_LIMIT_DEPTH;

/// One in each byte.
const ONES: u64 = 0x0101_0101_0101_0101;
/// The top bit of each byte.
const TOPS: u64 = 0x8080_8080_8080_8080;

/// A text that is no JSON, or too deep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken;

/// A place in a text.
#[derive(Clone, Copy)]
pub struct Cursor<'t> {
    pub text: &'t [u8],
    pub at: usize,
}

/// A string between its quotes.
#[derive(Debug, Clone, Copy)]
pub struct Quoted {
    pub start: usize,
    pub len: usize,
    pub escaped: bool,
}

/// What kind of container is open at each level, bit by bit.
struct Levels {
    bits: [u64; JSON_LIMIT_DEPTH / 64 + 1],
    depth: usize,
}

impl Levels {
    fn is_object(&self) -> bool {
        let at = self.depth - 1;
        self.bits[at / 64] >> (at % 64) & 1 == 1
    }

    fn open(&mut self, is_object: bool) {
        let bit = 1 << (self.depth % 64);
        let word = &mut self.bits[self.depth / 64];
        *word = if is_object { *word | bit } else { *word & !bit };
        self.depth += 1;
    }
}

impl Cursor<'_> {
    /// The next byte that is no white space.
    #[inline]
    pub fn peek(&mut self) -> Result<u8, Broken> {
        loop {
            match self.text.get(self.at) {
                None => return Err(Broken),
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                Some(byte) => return Ok(*byte),
            }
        }
    }

    /// Passes the string at the cursor.
    #[inline]
    pub fn string(&mut self) -> Result<Quoted, Broken> {
        let start = self.at + 1;
        let mut escaped = false;
        let mut at = start;
        loop {
            at = plain(self.text, at);
            match self.text.get(at) {
                Some(b'"') => {
                    self.at = at + 1;
                    return Ok(Quoted { start, len: at - start, escaped });
                }
                Some(b'\\') => {
                    escaped = true;
                    at = escape(self.text, at)?;
                }
                // The end of the text, or a control character.
                _ => return Err(Broken),
            }
        }
    }

    /// Passes the number at the cursor.
    #[inline]
    pub fn number(&mut self) -> Result<(), Broken> {
        let whole = self.at + usize::from(self.text.get(self.at) == Some(&b'-'));
        let mut at = digits(self.text, whole);
        if at == whole || (self.text[whole] == b'0' && at > whole + 1) {
            return Err(Broken);
        }
        if self.text.get(at) == Some(&b'.') {
            let fraction = at + 1;
            at = digits(self.text, fraction);
            if at == fraction {
                return Err(Broken);
            }
        }
        if matches!(self.text.get(at), Some(b'e' | b'E')) {
            let exponent = at + 1 + usize::from(matches!(self.text.get(at + 1), Some(b'+' | b'-')));
            at = digits(self.text, exponent);
            if at == exponent {
                return Err(Broken);
            }
        }
        self.at = at;
        Ok(())
    }

    /// Passes `true`, `false` or `null` at the cursor and gives its first byte.
    #[inline]
    pub fn word(&mut self) -> Result<u8, Broken> {
        for word in [&b"true"[..], b"false", b"null"] {
            if self.text[self.at..].starts_with(word) {
                self.at += word.len();
                return Ok(word[0]);
            }
        }
        Err(Broken)
    }

    /// Passes the object or array at the cursor, which stands in `around` others.
    pub fn pass(&mut self, around: usize) -> Result<(), Broken> {
        let mut levels = Levels { bits: [0; JSON_LIMIT_DEPTH / 64 + 1], depth: 0 };
        loop {
            // A value.
            match self.peek()? {
                byte @ (b'{' | b'[') => {
                    if around + levels.depth >= JSON_LIMIT_DEPTH {
                        return Err(Broken);
                    }
                    self.at += 1;
                    levels.open(byte == b'{');
                    if self.peek()? != byte + 2 {
                        if byte == b'{' {
                            self.key()?;
                        }
                        continue;
                    }
                }
                b'"' => drop(self.string()?),
                b'-' | b'0'..=b'9' => self.number()?,
                _ => drop(self.word()?),
            }
            // What is behind it.
            loop {
                let is_object = levels.is_object();
                match self.peek()? {
                    b',' => {
                        self.at += 1;
                        if is_object {
                            self.key()?;
                        }
                        break;
                    }
                    b'}' if is_object => self.at += 1,
                    b']' if !is_object => self.at += 1,
                    _ => return Err(Broken),
                }
                levels.depth -= 1;
                if levels.depth == 0 {
                    return Ok(());
                }
            }
        }
    }

    /// Passes a key and its colon.
    #[inline]
    fn key(&mut self) -> Result<(), Broken> {
        if self.peek()? != b'"' {
            return Err(Broken);
        }
        self.string()?;
        if self.peek()? != b':' {
            return Err(Broken);
        }
        self.at += 1;
        Ok(())
    }
}

/// The place of the first byte from `at` on that is no digit, or the text's end.
#[inline]
fn digits(text: &[u8], mut at: usize) -> usize {
    const LOW: u64 = 0x7F7F_7F7F_7F7F_7F7F;
    while let Some(chunk) = text.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        // Digits become 0 to 9, and only what is more than 9 reaches a byte's top bit.
        let values = u64::from_le_bytes(*chunk) ^ (ONES * u64::from(b'0'));
        let others = (((values & LOW) + ONES * (0x80 - 10)) | values) & TOPS;
        if others != 0 {
            return at + others.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while text.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    at
}

/// The place of the first quote, backslash or control character from `at` on, or the text's end.
#[inline]
fn plain(text: &[u8], mut at: usize) -> usize {
    while let Some(chunk) = text.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*chunk);
        let zeros = |word: u64| word.wrapping_sub(ONES) & !word & TOPS;
        let quotes = zeros(word ^ (ONES * u64::from(b'"')));
        let escapes = zeros(word ^ (ONES * u64::from(b'\\')));
        let controls = word.wrapping_sub(ONES * 0x20) & !word & TOPS;
        let found = quotes | escapes | controls;
        if found != 0 {
            // Only the lowest mark is certain, and it is the one that counts.
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while text.get(at).is_some_and(|byte| *byte >= 0x20 && *byte != b'"' && *byte != b'\\') {
        at += 1;
    }
    at
}

/// The place behind the escape at `at`.
#[inline]
fn escape(text: &[u8], at: usize) -> Result<usize, Broken> {
    match text.get(at + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
        Some(b'u') if text.get(at + 2..at + 6).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)) => Ok(at + 6),
        _ => Err(Broken),
    }
}

/// Appends what a string says whose escapes were passed before; a lone surrogate as three bytes that no character has.
pub fn unescape(raw: &[u8], out: &mut Vec<u8>) {
    let mut rest = raw;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        out.extend_from_slice(&rest[..at]);
        let (letter, behind) = (rest.get(at + 1).copied().unwrap_or_default(), rest.get(at + 2..).unwrap_or_default());
        rest = behind;
        match letter {
            b'u' => rest = unit_pair(behind, out),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            plain => out.push(plain),
        }
    }
    out.extend_from_slice(rest);
}

fn unit(hex: &[u8]) -> u32 {
    hex.iter().take(4).fold(0, |unit, digit| unit << 4 | (*digit as char).to_digit(16).unwrap_or(0))
}

/// Appends the character whose first unit `text` begins with, and gives what is behind it.
fn unit_pair<'t>(text: &'t [u8], out: &mut Vec<u8>) -> &'t [u8] {
    let (mut scalar, mut rest) = (unit(text), text.get(4..).unwrap_or_default());
    if (0xD800..0xDC00).contains(&scalar)
        && let Some(second) = rest.strip_prefix(b"\\u")
        && (0xDC00..0xE000).contains(&unit(second))
    {
        scalar = 0x1_0000 + ((scalar - 0xD800) << 10) + (unit(second) - 0xDC00);
        rest = second.get(4..).unwrap_or_default();
    }
    match char::from_u32(scalar) {
        Some(character) => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        None => out.extend_from_slice(&[
            0xE0 | (scalar >> 12) as u8 & 0x0F,
            0x80 | (scalar >> 6) as u8 & 0x3F,
            0x80 | scalar as u8 & 0x3F,
        ]),
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Eight bytes at a time as one by one, for every byte at every place.
    #[test]
    fn many_bytes_at_once() {
        for length in 0..20 {
            for place in 0..length.max(1) {
                for byte in 0..=255_u8 {
                    let one = |fill: u8| {
                        let mut text = vec![fill; length];
                        if let Some(at) = text.get_mut(place) {
                            *at = byte;
                        }
                        text
                    };
                    let (number, string) = (one(b'7'), one(b'x'));
                    let first = |text: &[u8], stops: &dyn Fn(u8) -> bool| {
                        text.iter().position(|byte| stops(*byte)).unwrap_or(text.len())
                    };
                    assert_eq!(digits(&number, 0), first(&number, &|byte| !byte.is_ascii_digit()), "{number:?}");
                    let stops = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
                    assert_eq!(plain(&string, 0), first(&string, &stops), "{string:?}");
                }
            }
        }
    }
}
