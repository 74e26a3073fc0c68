//! An event bus as its owner describes it.

use crate::arn::Arn;
use crate::fault::Fault;
use crate::limits::{DESCRIPTION_LIMIT_CHARS, KEY_IDENTIFIER_LIMIT_CHARS};
use crate::name::BusName;

/// An event bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bus {
    /// Its name, unique in its account.
    pub name: BusName,
    /// Free text, at most 512 characters.
    pub description: String,
    /// Customer-managed key; `None` for the cluster's own.
    pub key_identifier: Option<String>,
    /// Queue for events that could not be sealed or opened.
    pub dead_letter: Option<Arn>,
}

impl Bus {
    /// Checks what the fields' types do not.
    ///
    /// # Errors
    /// [`Fault::Invalid`].
    pub fn check(&self) -> Result<(), Fault> {
        Fault::unless_at_most("Description", &self.description, DESCRIPTION_LIMIT_CHARS)?;
        let Some(key) = &self.key_identifier else {
            return Ok(());
        };
        Fault::unless_at_most("KmsKeyIdentifier", key, KEY_IDENTIFIER_LIMIT_CHARS)?;
        if !key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'/' | b':')) {
            return Err(Fault::invalid("KmsKeyIdentifier", r"it must match `[a-zA-Z0-9_\-/:]*`", key));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_and_keys_hold_at_their_borders() {
        for (description, key, good) in [
            (0, None, true),
            (512, Some("a".repeat(2_048)), true),
            (513, None, false),
            (0, Some("a".repeat(2_049)), false),
            (0, Some("arn:aws:kms:x/y_z-1".to_owned()), true),
            (0, Some("a b".to_owned()), false),
        ] {
            let name = BusName::default_bus();
            let bus = Bus { name, description: "d".repeat(description), key_identifier: key, dead_letter: None };
            assert_eq!(bus.check().is_ok(), good, "{bus:?}");
        }
    }
}
