//! Rules and events drawn from one seed, small enough that they meet often.

use std::fmt::Write;

/// A stream of numbers that its seed tells.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % sides as u64) as usize
    }

    pub fn one<'t>(&mut self, of: &[&'t str]) -> &'t str {
        of[self.roll(of.len())]
    }

    pub fn chance(&mut self, percent: usize) -> bool {
        self.roll(100) < percent
    }
}

const KEYS: &[&str] = &["a", "b", "c", "a.b", "key-of-eleven", "b.c", "\\u0061"];
const STRINGS: &[&str] = &[
    "",
    "x",
    "X",
    "xy",
    "xyz",
    "yz",
    "abcab",
    "ABCAB",
    "aab",
    "banana",
    "ß",
    "SS",
    "ss",
    "İ",
    "\\n",
    "\\u0078y",
    "\\ud800",
    "é",
    "10.0.0.1",
    "10.0.0.77",
    "010.0.0.1",
    "10.1.2.3",
    "::1",
    "0:0:0:0:0:0:0:1",
    "2001:db8::7",
    "true",
    "1",
    "abcdefghijklmnopqrst",
    "abcdefghijklmnopqrsu",
    "long-enough-to-be-cut-somewhere-in-between-of-it",
    "\\\\*",
    "a\\\"b",
];
const NUMBERS: &[&str] = &[
    "0",
    "-0.0",
    "1",
    "1.0",
    "10e-1",
    "2",
    "3",
    "-1",
    "0.1",
    "0.10",
    "0.1000000000000000055",
    "300",
    "3e2",
    "9007199254740993",
    "123456789012345678901",
    "-122.42916360922355",
    "1.5",
];

/// An event's text.
pub fn event(dice: &mut Dice) -> String {
    let mut out = String::new();
    object(dice, &mut out, 0);
    out
}

fn space(dice: &mut Dice, out: &mut String) {
    if dice.chance(5) {
        out.push_str(dice.one(&[" ", "\n", "\t\r "]));
    }
}

fn object(dice: &mut Dice, out: &mut String, depth: usize) {
    out.push('{');
    let repeats = dice.chance(4);
    let mut used: Vec<&str> = Vec::new();
    for _ in 0..dice.roll(5) {
        let key = dice.one(KEYS);
        // Keys that meet, also over a dot, are the rare case.
        let first = |key: &str| if key.starts_with("\\u") { 'a' } else { key.chars().next().unwrap_or(' ') };
        if !repeats && used.iter().any(|known| first(known) == first(key)) {
            continue;
        }
        if !used.is_empty() {
            out.push(',');
        }
        used.push(key);
        space(dice, out);
        let _ = write!(out, "\"{key}\"");
        space(dice, out);
        out.push(':');
        value(dice, out, depth + 1);
        space(dice, out);
    }
    out.push('}');
}

fn value(dice: &mut Dice, out: &mut String, depth: usize) {
    space(dice, out);
    match dice.roll(if depth > 4 { 7 } else { 12 }) {
        0..=3 => drop(write!(out, "\"{}\"", dice.one(STRINGS))),
        4 | 5 => out.push_str(dice.one(NUMBERS)),
        6 => out.push_str(dice.one(&["true", "false", "null"])),
        7 | 8 => object(dice, out, depth),
        _ => {
            out.push('[');
            for at in 0..dice.roll(4) {
                if at > 0 {
                    out.push(',');
                }
                // Objects in arrays are what makes consistency matter.
                if dice.chance(60) && depth <= 4 { object(dice, out, depth) } else { value(dice, out, depth + 1) }
            }
            out.push(']');
        }
    }
}

/// A pattern's text. Some are refused.
pub fn pattern(dice: &mut Dice) -> String {
    let mut out = String::new();
    fields(dice, &mut out, 0);
    out
}

fn fields(dice: &mut Dice, out: &mut String, depth: usize) {
    out.push('{');
    for at in 0..1 + dice.roll(2) + dice.roll(2) {
        if at > 0 {
            out.push(',');
        }
        if dice.chance(6) && depth < 2 {
            out.push_str("\"$or\":[");
            for at in 0..2 + dice.roll(2) {
                if at > 0 {
                    out.push(',');
                }
                fields(dice, out, depth + 1);
            }
            out.push(']');
            continue;
        }
        let _ = write!(out, "\"{}\":", dice.one(KEYS));
        if dice.chance(35) && depth < 3 {
            fields(dice, out, depth + 1);
        } else {
            matchers(dice, out);
        }
    }
    out.push('}');
}

fn matchers(dice: &mut Dice, out: &mut String) {
    out.push('[');
    let count = if dice.chance(3) { 12 } else { 1 + dice.roll(2) * dice.roll(4) };
    for at in 0..count {
        if at > 0 {
            out.push(',');
        }
        matcher(dice, out);
    }
    out.push(']');
}

fn affix(dice: &mut Dice) -> String {
    let whole = dice.one(STRINGS);
    let plain = whole.chars().all(|c| c.is_ascii_alphanumeric() || ".:-".contains(c));
    if !plain || whole.is_empty() {
        return dice.one(&["x", "X", "a", "10.", "é", "S", "long-enough"]).to_owned();
    }
    let (from, to) = (dice.roll(whole.len()), dice.roll(whole.len() + 1));
    if dice.chance(50) { whole[..to.max(1)].to_owned() } else { whole[from..].to_owned() }
}

fn wildcard(dice: &mut Dice) -> String {
    let pieces: Vec<String> =
        (0..1 + dice.roll(4)).map(|_| if dice.chance(30) { String::new() } else { affix(dice) }).collect();
    pieces.join("*").replace("**", "*")
}

fn range(dice: &mut Dice) -> String {
    let bounds = ["-122.42916360922355", "-1", "0", "0.1", "1", "1.5", "2", "3", "300"];
    let (low, high) = (dice.roll(bounds.len()), dice.roll(bounds.len()));
    let (above, below) = (dice.one(&[">", ">="]), dice.one(&["<", "<="]));
    match dice.roll(4) {
        0 => format!("\"=\",{}", dice.one(NUMBERS)),
        1 => format!("\"{above}\",{}", bounds[low]),
        2 => format!("\"{below}\",{}", bounds[high]),
        _ => format!("\"{above}\",{},\"{below}\",{}", bounds[low.min(high)], bounds[low.max(high)]),
    }
}

fn list(dice: &mut Dice, mut one: impl FnMut(&mut Dice) -> String) -> String {
    let count = if dice.chance(10) { 11 } else { 1 + dice.roll(3) };
    let all: Vec<String> = (0..count).map(|_| one(dice)).collect();
    format!("[{}]", all.join(","))
}

fn matcher(dice: &mut Dice, out: &mut String) {
    let text = match dice.roll(24) {
        0..=6 => format!("\"{}\"", dice.one(STRINGS)),
        7 | 8 => dice.one(NUMBERS).to_owned(),
        9 => dice.one(&["true", "false", "null"]).to_owned(),
        10 => format!("{{\"exists\":{}}}", dice.one(&["true", "false"])),
        11 => format!("{{\"prefix\":\"{}\"}}", affix(dice)),
        12 => format!("{{\"suffix\":\"{}\"}}", affix(dice)),
        13 => format!("{{\"equals-ignore-case\":\"{}\"}}", dice.one(STRINGS)),
        14 => format!("{{\"prefix\":{{\"equals-ignore-case\":\"{}\"}}}}", affix(dice)),
        15 => format!("{{\"suffix\":{{\"equals-ignore-case\":\"{}\"}}}}", affix(dice)),
        16 | 17 => format!("{{\"wildcard\":\"{}\"}}", wildcard(dice)),
        18 => format!("{{\"numeric\":[{}]}}", range(dice)),
        19 => {
            let block = dice.one(&[
                "10.0.0.0/24",
                "10.0.0.1/32",
                "10.0.0.0/8",
                "0.0.0.0/0",
                "::/0",
                "::1/128",
                "2001:db8::/32",
            ]);
            format!("{{\"cidr\":\"{block}\"}}")
        }
        20 => format!("{{\"anything-but\":{}}}", list(dice, |dice| format!("\"{}\"", dice.one(STRINGS)))),
        21 => format!("{{\"anything-but\":{}}}", list(dice, |dice| dice.one(NUMBERS).to_owned())),
        22 => {
            let operator = dice.one(&["prefix", "suffix", "equals-ignore-case"]);
            format!("{{\"anything-but\":{{\"{operator}\":{}}}}}", list(dice, |dice| format!("\"{}\"", affix(dice))))
        }
        _ => format!("{{\"anything-but\":{{\"wildcard\":\"{}\"}}}}", wildcard(dice)),
    };
    out.push_str(&text);
}
