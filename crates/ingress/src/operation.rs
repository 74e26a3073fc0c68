//! Every operation there is, by its name on the wire; a test holds the list against the contract's descriptors.

macro_rules! operations {
    ($($variant:ident $does:ident;)+) => {
        /// An operation of the contract.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "the contract says what each one does")]
        pub enum Operation { $($variant,)+ }

        impl Operation {
            /// Every operation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its name on the wire.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant),)+ }
            }

            /// Whether it changes something.
            #[must_use]
            pub const fn changes(self) -> bool {
                match self { $(Self::$variant => operations!(@$does),)+ }
            }
        }
    };
    (@changes) => { true };
    (@reads) => { false };
}

operations! {
    PutEvents changes;
    CreateEventBus changes;
    DescribeEventBus reads;
    UpdateEventBus changes;
    DeleteEventBus changes;
    ListEventBuses reads;
    PutRule changes;
    DescribeRule reads;
    ListRules reads;
    EnableRule changes;
    DisableRule changes;
    DeleteRule changes;
    TestEventPattern reads;
    PutTargets changes;
    RemoveTargets changes;
    ListTargetsByRule reads;
    ListRuleNamesByTarget reads;
    CreateApiDestination changes;
    DescribeApiDestination reads;
    UpdateApiDestination changes;
    DeleteApiDestination changes;
    ListApiDestinations reads;
    CreateConnection changes;
    DescribeConnection reads;
    UpdateConnection changes;
    DeleteConnection changes;
    ListConnections reads;
    DeauthorizeConnection changes;
    CreateQueue changes;
    DeleteQueue changes;
    PurgeQueue changes;
    DescribeQueue reads;
    ListQueues reads;
    ReceiveMessage changes;
    DeleteMessage changes;
    ChangeMessageVisibility changes;
    Subscribe changes;
    TagResource changes;
    UntagResource changes;
    ListTagsForResource reads;
    ListDeadLetters reads;
    DescribeDelivery reads;
    DescribeQuotas reads;
    UpdateQuotas changes;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_the_contracts() {
        // Names of methods stand in the descriptors as they are; a name of the list that is none would not be found.
        let contract = bascule_api::FILE_DESCRIPTOR_SET;
        for operation in Operation::ALL {
            let name = operation.name().as_bytes();
            assert!(contract.windows(name.len()).any(|window| window == name), "{operation:?}");
        }
        // Each method's request is named after it, so that their number is the contract's number of methods.
        let requests = names(contract).into_iter().filter_map(|name| name.strip_suffix("Request").map(str::to_owned));
        for name in requests.filter(|name| !name.is_empty()) {
            assert!(Operation::ALL.iter().any(|operation| operation.name() == name), "{name} is in no row");
        }
    }

    /// Every identifier in the bytes that looks like a message's name.
    fn names(bytes: &[u8]) -> std::collections::BTreeSet<String> {
        let text: String =
            bytes.iter().map(|byte| if byte.is_ascii_alphanumeric() { *byte as char } else { ' ' }).collect();
        let words =
            text.split_ascii_whitespace().filter(|word| word.starts_with(|first: char| first.is_ascii_uppercase()));
        words.map(str::to_owned).collect()
    }
}
