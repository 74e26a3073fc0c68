//! Three-valued truth: what cannot be evaluated is neither, and never widens access.

/// Ordered so that `min` is and, `max` is or.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Truth {
    No,
    /// Cannot be evaluated: an Allow does not apply, a Deny does.
    Unclear,
    Yes,
}

impl Truth {
    pub const fn of(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }

    pub const fn not(self) -> Self {
        match self {
            Self::No => Self::Yes,
            Self::Unclear => Self::Unclear,
            Self::Yes => Self::No,
        }
    }
}

/// Whether all hold. Ends at the first that does not.
pub fn all(truths: impl Iterator<Item = Truth>) -> Truth {
    let mut sum = Truth::Yes;
    for truth in truths {
        sum = sum.min(truth);
        if sum == Truth::No {
            break;
        }
    }
    sum
}

/// Whether one holds. Ends at the first that does.
pub fn any(truths: impl Iterator<Item = Truth>) -> Truth {
    let mut sum = Truth::No;
    for truth in truths {
        sum = sum.max(truth);
        if sum == Truth::Yes {
            break;
        }
    }
    sum
}
