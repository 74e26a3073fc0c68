//! Inputs that nobody wrote: a corpus entry with a few changes, all of them drawn from one chance.

use bascule_tests::chance::Chance;

/// Bytes of the longest input.
pub const INPUT_LIMIT_BYTES: usize = 65_536;
/// Changes to one input.
const CHANGES_LIMIT_COUNT: u64 = 8;
/// How deep an input may be wrapped at once.
const WRAPS_LIMIT_COUNT: u64 = 1_200;

/// What readers take for something special.
const WORDS: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\"",
    b"\\",
    b"null",
    b"true",
    b"false",
    b"-",
    b"0",
    b"1e308",
    b"-1e-308",
    b"1E+400",
    b"9007199254740993",
    b"18446744073709551616",
    b"0.000001",
    b"5e9",
    b"\"\\ud800\"",
    b"\"\\udc00\\ud800\"",
    b"\\u0000",
    b"\xff",
    b"\xc0\x80",
    b"\xef\xbb\xbf",
    b"\xf0\x9f\xa6\x8a",
    b"\"$or\":",
    b"{\"prefix\":",
    b"{\"suffix\":",
    b"{\"exists\":true}",
    b"{\"anything-but\":",
    b"{\"numeric\":[\">\",",
    b"{\"cidr\":\"::/0\"}",
    b"{\"wildcard\":\"*a*a*a*\"}",
    b"{\"equals-ignore-case\":",
    b"spiffe://",
    b"/",
    b"%2F",
    b"..",
    b"-----BEGIN CERTIFICATE-----\n",
    b"-----END",
    b"\n",
    b"\r\n",
    b"=",
    b"\x00",
    b"\x01",
    b"\x7f",
    b"\x80",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"detail",
    b"source",
];

/// The next input.
pub fn mutated(corpus: &[Vec<u8>], chance: &mut Chance) -> Vec<u8> {
    let mut input = pick(corpus, chance).clone();
    for _ in 0..=chance.below(CHANGES_LIMIT_COUNT) {
        change(&mut input, corpus, chance);
        input.truncate(INPUT_LIMIT_BYTES);
    }
    input
}

fn change(input: &mut Vec<u8>, corpus: &[Vec<u8>], chance: &mut Chance) {
    let at = place(input.len() + 1, chance);
    match chance.below(12) {
        0 => input.insert(at, chance.draw().to_le_bytes()[0]),
        1 => insert(input, at, pick::<&[u8]>(WORDS, chance)),
        2 if at < input.len() => input[at] ^= 1 << chance.below(8),
        3 if at < input.len() => input[at] = chance.draw().to_le_bytes()[0],
        4 => drop(input.drain(stretch(input.len(), chance))),
        5 => {
            let piece = input[stretch(input.len(), chance)].to_vec();
            insert(input, at, &piece);
        }
        6 => {
            let other = pick(corpus, chance);
            let piece = &other[stretch(other.len(), chance)];
            insert(input, at, piece);
        }
        7 => input.truncate(at),
        8 => wrap(input, chance),
        9 => {
            let stretch = stretch(input.len(), chance);
            input[stretch].reverse();
        }
        10 => {
            let word = *pick::<&[u8]>(WORDS, chance);
            let end = input.len().min(at + word.len());
            input[at..end].copy_from_slice(&word[..end - at]);
        }
        _ => {
            let piece = input[stretch(input.len().min(64), chance)].to_vec();
            let times = chance.below(64);
            (0..times).for_each(|_| insert(input, at, &piece));
        }
    }
}

/// Deep instead of long.
fn wrap(input: &mut Vec<u8>, chance: &mut Chance) {
    let (open, close): (&[u8], &[u8]) = [(b"{\"a\":".as_slice(), b"}".as_slice()), (b"[", b"]")][place(2, chance)];
    let times = place(usize::try_from(WRAPS_LIMIT_COUNT).unwrap_or(1), chance);
    let closed = chance.below(4) > 0;
    let inner = std::mem::take(input);
    input.extend(open.repeat(times));
    input.extend(inner);
    if closed {
        input.extend(close.repeat(times));
    }
}

fn insert(input: &mut Vec<u8>, at: usize, piece: &[u8]) {
    drop(input.splice(at..at, piece.iter().copied()));
}

fn pick<'a, T>(from: &'a [T], chance: &mut Chance) -> &'a T {
    &from[place(from.len(), chance)]
}

/// A place below `limit`, or zero.
fn place(limit: usize, chance: &mut Chance) -> usize {
    usize::try_from(chance.below(limit.max(1) as u64)).unwrap_or(0)
}

fn stretch(length: usize, chance: &mut Chance) -> std::ops::Range<usize> {
    let from = place(length + 1, chance);
    from..from + place(length - from + 1, chance)
}

#[test]
fn a_seed_makes_the_same_inputs_again_and_they_differ() {
    let corpus = [b"{\"a\":[1,2]}".to_vec(), b"spiffe://a/b".to_vec()];
    let all = |seed: u64| (0..200).map(|n| mutated(&corpus, &mut Chance::seeded(seed + n))).collect::<Vec<_>>();
    assert_eq!(all(7), all(7));
    assert_ne!(all(7), all(8_000));
    let distinct: std::collections::BTreeSet<_> = all(7).into_iter().collect();
    assert!(distinct.len() > 150, "{} of 200", distinct.len());
}
