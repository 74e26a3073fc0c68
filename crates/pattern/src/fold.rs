//! Case passed over as the service does: a pattern's character stands for itself, its lower and its upper case, nothing else.

use crate::event::characters;

/// Whether `value` begins with `pattern` but for case; with `whole`, whether it is it.
pub fn matches(pattern: &[u8], value: &[u8], whole: bool) -> bool {
    // Upper case can be longer than its character, so several places of the value may be reached.
    let mut places = vec![0];
    for character in characters(pattern) {
        let mut next = Vec::new();
        for &place in &places {
            for form in forms(character) {
                if value[place..].starts_with(&form) && !next.contains(&(place + form.len())) {
                    next.push(place + form.len());
                }
            }
        }
        places = next;
    }
    places.iter().any(|place| !whole || *place == value.len())
}

/// Whether `value` ends with `pattern` but for case.
pub fn ends(pattern: &[u8], value: &[u8]) -> bool {
    (0..=value.len()).any(|place| {
        let starts = value.get(place).is_none_or(|byte| byte & 0xC0 != 0x80);
        starts && matches(pattern, &value[place..], true)
    })
}

fn forms(character: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = vec![character.to_vec()];
    if let Some(plain) = std::str::from_utf8(character).ok().and_then(|text| text.chars().next()) {
        for form in [plain.to_lowercase().to_string(), plain.to_uppercase().to_string()] {
            if !forms.iter().any(|known| known == form.as_bytes()) {
                forms.push(form.into_bytes());
            }
        }
    }
    forms
}
