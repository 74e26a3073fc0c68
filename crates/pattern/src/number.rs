//! Numbers as patterns compare them: by value where a double says exactly what was written, else by their text.

/// A number's identity. Two numbers are equal if their identities are.
#[derive(Debug, Clone, PartialEq)]
pub enum Number {
    /// The double whose shortest decimal form is what was written.
    Double(f64),
    /// What no double says: equal to the same text only, and in no range.
    Text(Box<str>),
}

impl Number {
    /// Reads the text of a JSON number.
    #[must_use]
    pub fn read(text: &str) -> Self {
        match text.parse::<f64>() {
            // Display prints the shortest decimal form that reads back as the same double, without an exponent.
            Ok(value) if value.is_finite() && decimal(text) == decimal(&format!("{value}")) => {
                Self::Double(value + 0.0)
            }
            _ => Self::Text(text.into()),
        }
    }
}

/// Sign, digits without zeros at either end, and the power of ten behind the last digit; `None` for zero or absurd exponents.
fn decimal(text: &str) -> Option<(bool, String, i64)> {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let kept = digits.trim_end_matches('0');
    let dropped = i64::try_from(digits.len() - kept.len()).ok()?;
    let kept = kept.trim_start_matches('0');
    if kept.is_empty() {
        return None;
    }
    // An exponent beyond this is not a finite double's, and the text was compared with one.
    let exponent = exponent.parse::<i64>().ok()?.checked_sub(i64::try_from(fraction.len()).ok()?)?;
    Some((negative, kept.to_owned(), exponent.checked_add(dropped)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equality() {
        let rows = [
            ("300", "3.0e2", true),
            ("300", "30000e-2", true),
            ("0", "-0.0", true),
            ("0", "0e5", true),
            ("0.1", "0.10", true),
            ("0.1", "0.1000000000000000055", false),
            ("9007199254740993", "9007199254740993.0", false),
            ("9007199254740993", "9007199254740992", false),
            ("123456789012345678901", "1.23456789012345678901e20", false),
            ("-1", "1", false),
            ("1e400", "1e401", false),
        ];
        for (one, other, equal) in rows {
            assert_eq!(Number::read(one) == Number::read(other), equal, "{one} {other}");
        }
    }
}
