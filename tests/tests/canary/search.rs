//! The search: pieces of each canary in every spelling, through every file of a folder.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use bascule_tests::Outcome;
use bascule_tests::chance::Chance;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Hex digits of one piece: a record that lies in two blocks still holds a whole one.
const PIECE_DIGITS: usize = 32;
/// Bytes by which pieces are looked up.
const HEAD_BYTES: usize = 8;

/// Words that stand in one place, as lower-case hex digits.
#[derive(Debug, Clone)]
pub struct Canary {
    /// Where they were put.
    pub place: &'static str,
    /// The words.
    pub text: String,
}

impl Canary {
    /// Of so many random bytes, twice as many digits.
    pub fn new(place: &'static str, bytes: usize, chance: &mut Chance) -> Self {
        Self { place, text: hex::encode(chance.bytes(bytes)) }
    }
}

/// Everything that is looked for, by its first bytes.
pub struct Search {
    needles: HashMap<[u8; HEAD_BYTES], Vec<(Vec<u8>, &'static str)>>,
}

impl Search {
    /// For these canaries.
    pub fn new(canaries: &[Canary]) -> Self {
        let mut needles: HashMap<_, Vec<_>> = HashMap::new();
        for canary in canaries {
            for piece in canary.text.as_bytes().chunks_exact(PIECE_DIGITS) {
                for spelling in spellings(piece) {
                    if let Some(head) = spelling.first_chunk::<HEAD_BYTES>() {
                        needles.entry(*head).or_default().push((spelling, canary.place));
                    }
                }
            }
        }
        Self { needles }
    }

    /// The places whose words are somewhere in these bytes.
    pub fn find(&self, bytes: &[u8], found: &mut BTreeSet<&'static str>) {
        for at in 0..bytes.len().saturating_sub(HEAD_BYTES - 1) {
            let rest = &bytes[at..];
            let Some(head) = rest.first_chunk::<HEAD_BYTES>() else { return };
            for (spelling, place) in self.needles.get(head).into_iter().flatten() {
                if rest.starts_with(spelling) {
                    found.insert(place);
                }
            }
        }
    }

    /// The places whose words are in files below a folder, in their names too, and in which files.
    pub fn below(&self, folder: &Path) -> Outcome<Found> {
        let mut report = Found::default();
        let mut open = vec![folder.to_owned()];
        while let Some(folder) = open.pop() {
            let entries = match fs::read_dir(&folder) {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                entries => entries?,
            };
            for entry in entries {
                let path = entry?.path();
                if path.is_dir() {
                    open.push(path);
                    continue;
                }
                let bytes = match fs::read(&path) {
                    // A running daemon takes files away.
                    Err(error) if error.kind() == ErrorKind::NotFound => continue,
                    bytes => bytes?,
                };
                let mut places = BTreeSet::new();
                self.find(path.to_string_lossy().as_bytes(), &mut places);
                self.find(&bytes, &mut places);
                report.bytes += bytes.len() as u64;
                for place in places {
                    report.places.entry(place).or_default().push(path.clone());
                }
            }
        }
        Ok(report)
    }
}

/// What a search found.
#[derive(Debug, Default)]
pub struct Found {
    /// Places and files.
    pub places: BTreeMap<&'static str, Vec<PathBuf>>,
    /// Bytes that were looked through.
    pub bytes: u64,
}

/// Every way in which a piece may have been written.
fn spellings(digits: &[u8]) -> Vec<Vec<u8>> {
    let upper = digits.to_ascii_uppercase();
    let mut all = vec![digits.to_vec(), upper.clone()];
    // A piece is of hex digits, so this is never empty.
    let bytes = hex::decode(digits).unwrap_or_default();
    for word in [digits, &upper] {
        all.push(hex::encode(word).into_bytes());
        all.push(hex::encode_upper(word).into_bytes());
        all.push(word.iter().flat_map(|byte| format!("\\u00{byte:02x}").into_bytes()).collect());
        all.push(word.iter().flat_map(|byte| format!("\\u00{byte:02X}").into_bytes()).collect());
        all.push(word.iter().flat_map(|byte| [*byte, 0]).collect());
        all.push(word.iter().flat_map(|byte| [0, *byte]).collect());
        all.extend(in_base64(word));
    }
    all.extend(in_base64(&bytes));
    all.push(bytes);
    all.sort();
    all.dedup();
    all
}

/// The inner digits of base64, which hold whatever stands before and behind, for each of the three ways to begin.
fn in_base64(word: &[u8]) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for before in 0..3 {
        let padded = [&vec![0; before][..], word].concat();
        let whole = padded.len() / 3 * 4;
        // What the bytes before and the end have a part in is left out.
        let from = (before * 8).div_ceil(6);
        for text in [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)] {
            all.push(text.as_bytes()[from..whole].to_vec());
        }
    }
    all
}

#[test]
fn every_spelling_is_found_wherever_it_stands_and_nothing_else() {
    let mut chance = Chance::seeded(7);
    let canaries = [Canary::new("here", 64, &mut chance), Canary::new("there", 32, &mut chance)];
    let search = Search::new(&canaries);
    let text = &canaries[0].text;
    let bytes = hex::decode(text).unwrap();
    let utf16 = |make: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(make).collect::<Vec<u8>>();
    let mut rows: Vec<(String, Vec<u8>)> = vec![
        ("raw".to_owned(), text.clone().into_bytes()),
        ("upper".to_owned(), text.to_uppercase().into_bytes()),
        ("decoded".to_owned(), bytes.clone()),
        ("hex of hex".to_owned(), hex::encode(text).into_bytes()),
        ("escaped".to_owned(), text.bytes().flat_map(|b| format!("\\u{b:04x}").into_bytes()).collect()),
        ("UTF-16LE".to_owned(), utf16(u16::to_le_bytes)),
        ("UTF-16BE".to_owned(), utf16(u16::to_be_bytes)),
        ("a quarter".to_owned(), text.as_bytes()[32..64].to_vec()),
    ];
    for (name, word) in [("text", text.as_bytes()), ("bytes", &bytes[..])] {
        for before in 0..4 {
            let around = [&b"abcd"[..before], word, b"behind"].concat();
            rows.push((format!("base64 of {name} after {before}"), STANDARD_NO_PAD.encode(&around).into_bytes()));
            rows.push((format!("url base64 of {name} after {before}"), URL_SAFE_NO_PAD.encode(&around).into_bytes()));
        }
    }
    for (name, spelt) in rows {
        for before in [0, 1, 7] {
            let mut found = BTreeSet::new();
            search.find(&[&vec![b'x'; before][..], &spelt, b"behind"].concat(), &mut found);
            assert_eq!(found, BTreeSet::from(["here"]), "{name} after {before}");
        }
    }
    let mut found = BTreeSet::new();
    let other = Canary::new("", 4_096, &mut chance);
    search.find(other.text.as_bytes(), &mut found);
    search.find(&text.as_bytes()[1..32], &mut found);
    assert!(found.is_empty(), "{found:?}");
}
