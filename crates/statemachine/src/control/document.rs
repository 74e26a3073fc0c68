//! How long documents may be. They are text here: whoever proposes them has read them.

use bascule_model::fault::Fault;
use bascule_model::limits::DOCUMENT_LIMIT_BYTES;

use crate::control::desk::Stop;

/// Characters that IAM counts: all but white space. The four are JSON's, so that no table of a later Unicode moves the count.
pub(super) fn counted(text: &str) -> usize {
    text.chars().filter(|letter| !matches!(letter, ' ' | '\t' | '\n' | '\r')).count()
}

/// Refuses a document that is empty, or has more than `max` of the characters that IAM counts.
pub(super) fn check(field: &str, text: &str, limit: &str, max: usize) -> Result<(), Stop> {
    measured(field, text, limit, counted(text), max)
}

/// The same where white space counts.
pub(super) fn check_whole(field: &str, text: &str, limit: &str, max: usize) -> Result<(), Stop> {
    measured(field, text, limit, text.chars().count(), max)
}

/// The same for several documents together.
pub(super) fn check_all<'a>(texts: impl Iterator<Item = &'a str> + Clone, limit: &str, max: usize) -> Result<(), Stop> {
    within(limit, texts.clone().map(counted).sum(), max)?;
    within("bytes of all inline policies", texts.map(str::len).sum(), DOCUMENT_LIMIT_BYTES)
}

fn measured(field: &str, text: &str, limit: &str, chars: usize, max: usize) -> Result<(), Stop> {
    if text.is_empty() {
        return Err(Fault::invalid(field, "it must be there", "").into());
    }
    within(limit, chars, max)?;
    within("bytes of a policy document", text.len(), DOCUMENT_LIMIT_BYTES)
}

fn within(limit: &str, value: usize, max: usize) -> Result<(), Stop> {
    if value > max {
        return Err(Fault::limit(limit, value as u64, max as u64).into());
    }
    Ok(())
}
