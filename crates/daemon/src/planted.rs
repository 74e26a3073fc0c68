//! Faults that are planted on purpose, to see that tests find them: in builds with the feature `planted`, and in no other.

use crate::error::Error;

/// The variable that names a fault.
pub const VARIABLE: &str = "BASCULE_PLANT";

#[cfg(all(feature = "planted", not(debug_assertions)))]
compile_error!("the feature `planted` takes safety away on purpose: no release may be built with it");

/// What is planted. Without the feature there is one value, which plants nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plant {
    /// Nothing.
    Nothing,
    /// Writes are acknowledged without a sync.
    #[cfg(feature = "planted")]
    NoSync,
    /// Payloads and rows lie plain on disk.
    #[cfg(feature = "planted")]
    NoSeal,
}

impl Plant {
    /// Reads the variable's value; a build that cannot plant refuses any, or a test would trust a control that controls nothing.
    ///
    /// # Errors
    /// [`Error::Plant`].
    pub fn read(value: Option<&str>) -> Result<Self, Error> {
        match value {
            None => Ok(Self::Nothing),
            #[cfg(feature = "planted")]
            Some("no-sync") => Ok(Self::NoSync),
            #[cfg(feature = "planted")]
            Some("no-seal") => Ok(Self::NoSeal),
            Some(other) => {
                let why = if cfg!(feature = "planted") {
                    "it must be `no-sync` or `no-seal`"
                } else {
                    "this build plants no faults"
                };
                Err(Error::Plant { value: other.to_owned(), why })
            }
        }
    }

    /// How logs acknowledge.
    #[must_use]
    pub const fn sync(self) -> bascule_storage::raftlog::Sync {
        match self {
            Self::Nothing => bascule_storage::raftlog::Sync::Real,
            #[cfg(feature = "planted")]
            Self::NoSync => bascule_storage::raftlog::Sync::Skipped,
            #[cfg(feature = "planted")]
            Self::NoSeal => bascule_storage::raftlog::Sync::Real,
        }
    }

    /// Whether anything is sealed.
    #[cfg(feature = "planted")]
    #[must_use]
    pub const fn sealing(self) -> bascule_keyring::sealer::Sealing {
        match self {
            Self::NoSeal => bascule_keyring::sealer::Sealing::Off,
            Self::Nothing | Self::NoSync => bascule_keyring::sealer::Sealing::On,
        }
    }

    /// Says loudly that something is planted.
    pub fn warn(self) {
        if self != Self::Nothing {
            tracing::error!(plant = ?self, "A FAULT IS PLANTED: this daemon loses or shows data on purpose");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_planted_without_the_feature() {
        assert_eq!(Plant::read(None).unwrap(), Plant::Nothing);
        for value in ["no-sync", "no-seal"] {
            assert_eq!(Plant::read(Some(value)).is_ok(), cfg!(feature = "planted"), "{value}");
        }
        assert!(Plant::read(Some("no-thing")).is_err() && Plant::read(Some("")).is_err());
    }
}
