//! Why a pattern or event is refused. The texts of [`Invalid`] are the service's own, after its `Reason: `.

/// Why a pattern is refused: the closed list of reasons.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// Text that is no JSON token, where a value must stand.
    #[error(
        "Unrecognized token '{token}': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
    )]
    Token {
        /// What stood there.
        token: String,
    },
    /// The text ends early.
    #[error("Unexpected end-of-input")]
    Ended,
    /// A character that may not stand where it does.
    #[error("Unexpected character ('{found}' (code {code})): was expecting {expected}", code = u32::from(*found))]
    Character {
        /// The character.
        found: char,
        /// What may stand there.
        expected: &'static str,
    },
    /// A string or number that JSON does not allow.
    #[error("{0}")]
    Scalar(&'static str),
    /// Deeper than the limit.
    #[error("Document nesting depth exceeds the maximum allowed ({limit})")]
    Deep {
        /// The limit.
        limit: usize,
    },
    /// Not an object.
    #[error("Filter is not an object")]
    NotAnObject,
    /// `{}`.
    #[error("Empty objects are not allowed")]
    EmptyObject,
    /// `[]`.
    #[error("Empty arrays are not allowed")]
    EmptyArray,
    /// A field whose value is a scalar.
    #[error("\"{field}\" must be an object or an array")]
    Scalars {
        /// The field.
        field: String,
    },
    /// An array or the like where a value must stand.
    #[error("Match value must be String, number, true, false, or null")]
    Value,
    /// More or less than one operator.
    #[error("Only one key allowed in match expression")]
    OneKey,
    /// An operator that there is not.
    #[error("Unrecognized match type {name}")]
    Operator {
        /// Its name.
        name: String,
    },
    /// An operand that must be a string.
    #[error("{operator} match pattern must be a string")]
    NotAString {
        /// The operator.
        operator: &'static str,
    },
    /// `exists` with something else.
    #[error("exists match pattern must be either true or false.")]
    Exists,
    /// `anything-but` of something else.
    #[error("Value of anything-but must be an array or single string/number value.")]
    AnythingBut,
    /// `anything-but` of an operator that it does not take.
    #[error("Unsupported anything-but pattern: {name}")]
    AnythingButOperator {
        /// Its name.
        name: String,
    },
    /// `prefix` or `suffix` of an operator that it does not take.
    #[error("Unsupported {operator} pattern: {name}")]
    Nested {
        /// `prefix` or `suffix`.
        operator: &'static str,
        /// The operator inside.
        name: String,
    },
    /// An empty prefix or suffix inside `anything-but`.
    #[error("Null prefix/suffix not allowed")]
    EmptyAffix,
    /// A list of `anything-but` with other values.
    #[error("Inside anything but list, start|null|boolean is not supported.")]
    AnythingButMember,
    /// A list of `anything-but` with both.
    #[error("Inside anything but list, either all values are number or string, mixed type is not supported")]
    AnythingButMixed,
    /// A list of `anything-but` and `equals-ignore-case` with other values.
    #[error("Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported.")]
    AnythingButFolded,
    /// `numeric` of something else than an array.
    #[error("Value of numeric must be an array.")]
    Numeric,
    /// Not an operator.
    #[error("Invalid member in numeric match: {found}")]
    NumericMember {
        /// What stood there.
        found: String,
    },
    /// An operator that there is not.
    #[error("Unrecognized numeric range operator: {found}")]
    NumericOperator {
        /// What stood there.
        found: String,
    },
    /// A second operator that does not go with the first.
    #[error("Bad numeric range operator: {found}")]
    NumericRange {
        /// What stood there.
        found: String,
    },
    /// An operand that is no number, or one beyond a double's range.
    #[error("Value of {operator} must be numeric")]
    NumericValue {
        /// The operator.
        operator: &'static str,
    },
    /// An empty or inverted range.
    #[error("Bottom must be less than top")]
    NumericEmpty,
    /// A third term.
    #[error("Too many terms in numeric range expression")]
    NumericTerms,
    /// No mask, or two.
    #[error("Malformed CIDR, one '/' required")]
    CidrSlash,
    /// The mask is no number.
    #[error("Malformed CIDR, mask bits must be an integer")]
    CidrMask,
    /// The mask is too long.
    #[error("IPv{version} mask bits must be {} {bits}", if *version == 4 { "<" } else { "<=" })]
    CidrBits {
        /// 4 or 6.
        version: u8,
        /// The most.
        bits: u8,
    },
    /// Not an address.
    #[error("Nonstandard IP address: {text}")]
    Address {
        /// What stood there.
        text: String,
    },
    /// `**`.
    #[error("Consecutive wildcard characters at pos {at}")]
    WildcardPair {
        /// Place of the second, in characters from zero.
        at: usize,
    },
    /// A backslash before anything but `*` and `\`.
    #[error("Invalid escape character at pos {at}")]
    WildcardEscape {
        /// Place of the backslash, in characters from zero.
        at: usize,
    },
    /// Too many wildcards, or too many alternatives.
    #[error(
        "Rule is too complex - try using fewer wildcard characters or fewer repeating character sequences after a wildcard character"
    )]
    Complex,
    /// `$or` with less than two objects.
    #[error("There must have at least 2 Objects for $or relationship.")]
    OrCount,
    /// `$or` with something else than objects.
    #[error("Only JSON Objects are allowed in array of $or relationship")]
    OrMember,
    /// An operator's name as a field inside `$or`.
    #[error("\"{name}\" is a reserved name and cannot be a field inside $or")]
    OrReserved {
        /// The name.
        name: String,
    },
}

/// An event that is no JSON object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the event is not a JSON object: {why}")]
pub struct BadEvent {
    /// What the reader said.
    pub why: String,
}

/// An event whose repeated keys or nested arrays leave more ways to choose elements than a decision may compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the event's repeated keys and nested arrays need more than {limit} comparisons of array elements")]
pub struct TooManyCombinations {
    /// The limit.
    pub limit: usize,
}
