//! From a pattern's text to its alternatives. `$or` multiplies what stands before it; a path that comes again replaces the earlier.

use crate::address::{Address, Block};
use crate::ast::{Conjunction, Matcher, Path, Pattern, Range, Text};
use crate::error::Invalid;
use crate::json::{Reader, Token};
use crate::limits::{OR_LIMIT_COMBINATIONS, PATTERN_LIMIT_DEPTH};
use crate::number::Number;
use crate::wildcard;

/// Makes a matcher of an operand.
type Build = fn(Text) -> Result<Matcher, Invalid>;

const OR: &[u8] = b"$or";
const RESERVED: [&[u8]; 9] = [
    b"exists",
    b"prefix",
    b"suffix",
    b"anything-but",
    b"numeric",
    b"cidr",
    b"wildcard",
    b"equals-ignore-case",
    b"exactly",
];

/// See [`Pattern::parse`].
pub fn pattern(text: &str) -> Result<Pattern, Invalid> {
    let mut parser = Parser { reader: Reader::new(text), path: Path::new(), depth: 0 };
    match parser.token()? {
        Token::ObjectStart => Ok(Pattern { alternatives: parser.object(vec![Conjunction::new()], false)? }),
        _ => Err(Invalid::NotAnObject),
    }
}

struct Parser<'t> {
    reader: Reader<'t>,
    path: Path,
    depth: usize,
}

impl<'t> Parser<'t> {
    fn token(&mut self) -> Result<Token<'t>, Invalid> {
        self.reader.next()?.ok_or(Invalid::Ended)
    }

    /// Reads the rest of an object into every alternative so far.
    fn object(&mut self, mut alternatives: Vec<Conjunction>, in_or: bool) -> Result<Vec<Conjunction>, Invalid> {
        self.depth += 1;
        if self.depth > PATTERN_LIMIT_DEPTH {
            return Err(Invalid::Deep { limit: PATTERN_LIMIT_DEPTH });
        }
        let mut empty = true;
        while let Token::Key(key) = self.token()? {
            empty = false;
            if in_or && RESERVED.contains(&key.as_slice()) {
                return Err(Invalid::OrReserved { name: lossy(&key) });
            }
            let value = self.token()?;
            if key == OR && value == Token::ArrayStart {
                alternatives = self.or(&alternatives)?;
                continue;
            }
            let above = self.path.len();
            self.path.extend(key.split(|byte| *byte == b'.').map(Text::from));
            match value {
                Token::ObjectStart => alternatives = self.object(alternatives, false)?,
                Token::ArrayStart => {
                    let matchers = self.values()?;
                    for alternative in &mut alternatives {
                        alternative.insert(self.path.clone(), matchers.clone());
                    }
                }
                _ => return Err(Invalid::Scalars { field: lossy(&key) }),
            }
            self.path.truncate(above);
        }
        self.depth -= 1;
        if empty { Err(Invalid::EmptyObject) } else { Ok(alternatives) }
    }

    fn or(&mut self, before: &[Conjunction]) -> Result<Vec<Conjunction>, Invalid> {
        let mut alternatives = Vec::new();
        let mut objects = 0;
        loop {
            match self.token()? {
                Token::ObjectStart => alternatives.extend(self.object(before.to_vec(), true)?),
                Token::ArrayEnd if objects < 2 => return Err(Invalid::OrCount),
                Token::ArrayEnd => return Ok(alternatives),
                _ => return Err(Invalid::OrMember),
            }
            objects += 1;
            if alternatives.len() > OR_LIMIT_COMBINATIONS {
                return Err(Invalid::Complex);
            }
        }
    }

    /// Reads the rest of a field's array.
    fn values(&mut self) -> Result<Vec<Matcher>, Invalid> {
        let mut matchers = Vec::new();
        loop {
            matchers.push(match self.token()? {
                Token::ArrayEnd if matchers.is_empty() => return Err(Invalid::EmptyArray),
                Token::ArrayEnd => return Ok(matchers),
                Token::ObjectStart => self.operator()?,
                Token::Null => Matcher::Null,
                Token::Boolean(value) => Matcher::Boolean(value),
                Token::Number(text) => Matcher::Number(Number::read(text)),
                Token::String(text) => exact(&text),
                _ => return Err(Invalid::Value),
            });
        }
    }

    fn operator(&mut self) -> Result<Matcher, Invalid> {
        let Token::Key(name) = self.token()? else { return Err(Invalid::OneKey) };
        let matcher = match name.as_slice() {
            b"exists" => match self.token()? {
                Token::Boolean(exists) => Matcher::Exists(exists),
                _ => return Err(Invalid::Exists),
            },
            b"exactly" => Matcher::String(self.string("exactly")?),
            b"prefix" => self.affix("prefix", Matcher::Prefix, Matcher::PrefixIgnoreCase)?,
            b"suffix" => self.affix("suffix", Matcher::Suffix, Matcher::SuffixIgnoreCase)?,
            b"equals-ignore-case" => Matcher::EqualsIgnoreCase(self.string("equals-ignore-case")?),
            b"wildcard" => Matcher::Wildcard(wildcard::read(&self.string("wildcard")?)?),
            // The service's text for this operator names the other one.
            b"cidr" => Matcher::Cidr(Block::read(&lossy(&self.string("prefix")?))?),
            b"numeric" => self.numeric()?,
            b"anything-but" => self.anything_but()?,
            _ => return Err(Invalid::Operator { name: lossy(&name) }),
        };
        self.end(matcher)
    }

    /// The matcher, if the object ends here.
    fn end(&mut self, matcher: Matcher) -> Result<Matcher, Invalid> {
        match self.token()? {
            Token::ObjectEnd => Ok(matcher),
            _ => Err(Invalid::OneKey),
        }
    }

    fn string(&mut self, operator: &'static str) -> Result<Text, Invalid> {
        match self.token()? {
            Token::String(text) => Ok(text.into()),
            _ => Err(Invalid::NotAString { operator }),
        }
    }

    fn affix(
        &mut self,
        operator: &'static str,
        plain: fn(Text) -> Matcher,
        folded: fn(Text) -> Matcher,
    ) -> Result<Matcher, Invalid> {
        match self.token()? {
            Token::String(text) => Ok(plain(text.into())),
            Token::ObjectStart => match self.token()? {
                Token::Key(key) if key == b"equals-ignore-case" => {
                    let text = self.string("equals-ignore-case")?;
                    self.end(folded(text))
                }
                Token::Key(key) => Err(Invalid::Nested { operator, name: lossy(&key) }),
                _ => Err(Invalid::OneKey),
            },
            _ => Err(Invalid::NotAString { operator }),
        }
    }

    fn numeric(&mut self) -> Result<Matcher, Invalid> {
        if self.token()? != Token::ArrayStart {
            return Err(Invalid::Numeric);
        }
        let first = match self.token()? {
            Token::String(text) => lossy(&text),
            other => return Err(Invalid::NumericMember { found: shown(&other) }),
        };
        match first.as_str() {
            "=" => {
                let Token::Number(text) = self.token()? else {
                    return Err(Invalid::NumericValue { operator: "equals" });
                };
                operand(text, "equals")?;
                self.terms(Matcher::Number(Number::read(text)))
            }
            "<" | "<=" => {
                let top = self.bound(if first == "<" { "<" } else { "<=" })?;
                self.terms(Matcher::Numeric(Range { bottom: None, top: Some((top, first == "<=")) }))
            }
            ">" | ">=" => {
                let bottom = (self.bound(if first == ">" { ">" } else { ">=" })?, first == ">=");
                self.upper(bottom)
            }
            _ => Err(Invalid::NumericOperator { found: first }),
        }
    }

    /// The other half of a range, if there is one.
    fn upper(&mut self, bottom: (f64, bool)) -> Result<Matcher, Invalid> {
        let second = match self.token()? {
            Token::ArrayEnd => return Ok(Matcher::Numeric(Range { bottom: Some(bottom), top: None })),
            Token::String(text) => lossy(&text),
            other => return Err(Invalid::NumericMember { found: shown(&other) }),
        };
        let operator = match second.as_str() {
            "<" => "<",
            "<=" => "<=",
            _ => return Err(Invalid::NumericRange { found: second }),
        };
        let top = self.bound(operator)?;
        if bottom.0 >= top {
            return Err(Invalid::NumericEmpty);
        }
        self.terms(Matcher::Numeric(Range { bottom: Some(bottom), top: Some((top, operator == "<=")) }))
    }

    fn bound(&mut self, operator: &'static str) -> Result<f64, Invalid> {
        match self.token()? {
            Token::Number(text) => operand(text, operator),
            _ => Err(Invalid::NumericValue { operator }),
        }
    }

    /// The matcher, if the array ends here.
    fn terms(&mut self, matcher: Matcher) -> Result<Matcher, Invalid> {
        match self.token()? {
            Token::ArrayEnd => Ok(matcher),
            _ => Err(Invalid::NumericTerms),
        }
    }

    fn anything_but(&mut self) -> Result<Matcher, Invalid> {
        let others = match self.token()? {
            Token::String(text) => vec![Matcher::String(text.into())],
            Token::Number(text) => vec![Matcher::Number(Number::read(text))],
            Token::ArrayStart => self.anything_but_list()?,
            Token::ObjectStart => {
                let Token::Key(name) = self.token()? else { return Err(Invalid::AnythingBut) };
                let others = self.anything_but_operator(&name)?;
                if self.token()? != Token::ObjectEnd {
                    return Err(Invalid::OneKey);
                }
                others
            }
            _ => return Err(Invalid::AnythingBut),
        };
        Ok(Matcher::AnythingBut(others))
    }

    fn anything_but_list(&mut self) -> Result<Vec<Matcher>, Invalid> {
        let (mut strings, mut numbers) = (Vec::new(), Vec::new());
        loop {
            match self.token()? {
                Token::String(text) => strings.push(Matcher::String(text.into())),
                Token::Number(text) => numbers.push(Matcher::Number(Number::read(text))),
                Token::ArrayEnd => break,
                _ => return Err(Invalid::AnythingButMember),
            }
            if !strings.is_empty() && !numbers.is_empty() {
                return Err(Invalid::AnythingButMixed);
            }
        }
        strings.append(&mut numbers);
        if strings.is_empty() { Err(Invalid::EmptyArray) } else { Ok(strings) }
    }

    fn anything_but_operator(&mut self, name: &[u8]) -> Result<Vec<Matcher>, Invalid> {
        let (build, wrong): (Build, _) = match name {
            b"prefix" => (|text| filled(text, Matcher::Prefix), Invalid::NotAString { operator: "prefix/suffix" }),
            b"suffix" => (|text| filled(text, Matcher::Suffix), Invalid::NotAString { operator: "prefix/suffix" }),
            b"equals-ignore-case" => (|text| Ok(Matcher::EqualsIgnoreCase(text)), Invalid::AnythingButFolded),
            b"wildcard" => {
                (|text| wildcard::read(&text).map(Matcher::Wildcard), Invalid::NotAString { operator: "wildcard" })
            }
            _ => return Err(Invalid::AnythingButOperator { name: lossy(name) }),
        };
        match self.token()? {
            Token::String(text) => Ok(vec![build(text.into())?]),
            Token::ObjectStart => Err(Invalid::AnythingBut),
            Token::ArrayStart => {
                let mut others = Vec::new();
                loop {
                    match self.token()? {
                        Token::String(text) => others.push(build(text.into())?),
                        Token::ArrayEnd if others.is_empty() => return Err(Invalid::EmptyArray),
                        Token::ArrayEnd => return Ok(others),
                        _ => return Err(wrong),
                    }
                }
            }
            _ => Err(wrong),
        }
    }
}

fn filled(text: Text, matcher: fn(Text) -> Matcher) -> Result<Matcher, Invalid> {
    if text.is_empty() { Err(Invalid::EmptyAffix) } else { Ok(matcher(text)) }
}

/// An exact string; one that is an address stands for it in every notation.
fn exact(text: &[u8]) -> Matcher {
    match std::str::from_utf8(text).ok().and_then(Address::read) {
        Some(address) => Matcher::Address(address),
        None => Matcher::String(text.into()),
    }
}

fn operand(text: &str, operator: &'static str) -> Result<f64, Invalid> {
    let written =
        text.split(['e', 'E']).next().is_some_and(|digits| digits.contains(|digit| ('1'..='9').contains(&digit)));
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() && (value != 0.0 || !written) => Ok(value),
        _ => Err(Invalid::NumericValue { operator }),
    }
}

fn shown(token: &Token<'_>) -> String {
    match token {
        Token::Number(text) => (*text).to_owned(),
        Token::Boolean(value) => value.to_string(),
        Token::Null => "null".to_owned(),
        Token::ObjectStart => "{".to_owned(),
        Token::ArrayStart => "[".to_owned(),
        _ => "]".to_owned(),
    }
}

fn lossy(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}
