//! Every operation there is, by its name on the wire, with the action that policies know it by; a test holds the list against the
//! contract's descriptors.
//!
//! What EventBridge, SQS, IAM and Organizations have too is called as they call it, what they do not have is called `bascule:`.

macro_rules! operations {
    ($($variant:ident $action:literal $does:ident;)+) => {
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

            /// The action of policies that it takes.
            #[must_use]
            pub const fn action(self) -> &'static str {
                match self { $(Self::$variant => $action,)+ }
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
    PutEvents "events:PutEvents" changes;
    TailEvents "bascule:TailEvents" reads;
    GetEvent "bascule:GetEvent" reads;
    CreateEventBus "events:CreateEventBus" changes;
    DescribeEventBus "events:DescribeEventBus" reads;
    UpdateEventBus "events:UpdateEventBus" changes;
    DeleteEventBus "events:DeleteEventBus" changes;
    ListEventBuses "events:ListEventBuses" reads;
    PutPermission "events:PutPermission" changes;
    RemovePermission "events:RemovePermission" changes;
    PutRule "events:PutRule" changes;
    DescribeRule "events:DescribeRule" reads;
    ListRules "events:ListRules" reads;
    EnableRule "events:EnableRule" changes;
    DisableRule "events:DisableRule" changes;
    DeleteRule "events:DeleteRule" changes;
    TestEventPattern "events:TestEventPattern" reads;
    PutTargets "events:PutTargets" changes;
    RemoveTargets "events:RemoveTargets" changes;
    ListTargetsByRule "events:ListTargetsByRule" reads;
    ListRuleNamesByTarget "events:ListRuleNamesByTarget" reads;
    CreateApiDestination "events:CreateApiDestination" changes;
    DescribeApiDestination "events:DescribeApiDestination" reads;
    UpdateApiDestination "events:UpdateApiDestination" changes;
    DeleteApiDestination "events:DeleteApiDestination" changes;
    ListApiDestinations "events:ListApiDestinations" reads;
    CreateConnection "events:CreateConnection" changes;
    DescribeConnection "events:DescribeConnection" reads;
    UpdateConnection "events:UpdateConnection" changes;
    DeleteConnection "events:DeleteConnection" changes;
    ListConnections "events:ListConnections" reads;
    DeauthorizeConnection "events:DeauthorizeConnection" changes;
    CreateQueue "sqs:CreateQueue" changes;
    DeleteQueue "sqs:DeleteQueue" changes;
    PurgeQueue "sqs:PurgeQueue" changes;
    DescribeQueue "sqs:GetQueueAttributes" reads;
    ListQueues "sqs:ListQueues" reads;
    PutQueuePolicy "sqs:SetQueueAttributes" changes;
    DeleteQueuePolicy "sqs:SetQueueAttributes" changes;
    ReceiveMessage "sqs:ReceiveMessage" changes;
    DeleteMessage "sqs:DeleteMessage" changes;
    ChangeMessageVisibility "sqs:ChangeMessageVisibility" changes;
    Subscribe "sqs:ReceiveMessage" changes;
    TagResource "events:TagResource" changes;
    UntagResource "events:UntagResource" changes;
    ListTagsForResource "events:ListTagsForResource" reads;
    ListDeadLetters "bascule:ListDeadLetters" reads;
    DescribeDelivery "bascule:DescribeDelivery" reads;
    DescribeQuotas "bascule:DescribeQuotas" reads;
    UpdateQuotas "bascule:UpdateQuotas" changes;
    DescribeCluster "bascule:DescribeCluster" reads;
    ListNodes "bascule:ListNodes" reads;
    CreateJoinToken "bascule:CreateJoinToken" changes;
    ListJoinTokens "bascule:ListJoinTokens" reads;
    DeleteJoinToken "bascule:DeleteJoinToken" changes;
    DrainNode "bascule:DrainNode" changes;
    ResumeNode "bascule:ResumeNode" changes;
    RemoveNode "bascule:RemoveNode" changes;
    CanStopNode "bascule:CanStopNode" reads;
    CreateUser "iam:CreateUser" changes;
    GetUser "iam:GetUser" reads;
    ListUsers "iam:ListUsers" reads;
    UpdateUser "iam:UpdateUser" changes;
    DeleteUser "iam:DeleteUser" changes;
    SetUserIdentities "bascule:SetUserIdentities" changes;
    PutUserPolicy "iam:PutUserPolicy" changes;
    DeleteUserPolicy "iam:DeleteUserPolicy" changes;
    AttachUserPolicy "iam:AttachUserPolicy" changes;
    DetachUserPolicy "iam:DetachUserPolicy" changes;
    TagUser "iam:TagUser" changes;
    UntagUser "iam:UntagUser" changes;
    CreateAccessKey "iam:CreateAccessKey" changes;
    ListAccessKeys "iam:ListAccessKeys" reads;
    UpdateAccessKey "iam:UpdateAccessKey" changes;
    DeleteAccessKey "iam:DeleteAccessKey" changes;
    CreateRole "iam:CreateRole" changes;
    GetRole "iam:GetRole" reads;
    ListRoles "iam:ListRoles" reads;
    UpdateRole "iam:UpdateRole" changes;
    UpdateAssumeRolePolicy "iam:UpdateAssumeRolePolicy" changes;
    RevokeRoleSessions "bascule:RevokeRoleSessions" changes;
    DeleteRole "iam:DeleteRole" changes;
    PutRolePolicy "iam:PutRolePolicy" changes;
    DeleteRolePolicy "iam:DeleteRolePolicy" changes;
    AttachRolePolicy "iam:AttachRolePolicy" changes;
    DetachRolePolicy "iam:DetachRolePolicy" changes;
    TagRole "iam:TagRole" changes;
    UntagRole "iam:UntagRole" changes;
    CreatePolicy "iam:CreatePolicy" changes;
    GetPolicy "iam:GetPolicy" reads;
    ListPolicies "iam:ListPolicies" reads;
    DeletePolicy "iam:DeletePolicy" changes;
    CreatePolicyVersion "iam:CreatePolicyVersion" changes;
    DeletePolicyVersion "iam:DeletePolicyVersion" changes;
    SetDefaultPolicyVersion "iam:SetDefaultPolicyVersion" changes;
    DescribeOrganization "organizations:DescribeOrganization" reads;
    CreateOrganizationalUnit "organizations:CreateOrganizationalUnit" changes;
    UpdateOrganizationalUnit "organizations:UpdateOrganizationalUnit" changes;
    DeleteOrganizationalUnit "organizations:DeleteOrganizationalUnit" changes;
    ListOrganizationalUnits "organizations:ListOrganizationalUnits" reads;
    CreateAccount "organizations:CreateAccount" changes;
    DescribeAccount "organizations:DescribeAccount" reads;
    ListAccounts "organizations:ListAccounts" reads;
    MoveAccount "organizations:MoveAccount" changes;
    CloseAccount "organizations:CloseAccount" changes;
    ReopenAccount "bascule:ReopenAccount" changes;
    CreateControlPolicy "organizations:CreatePolicy" changes;
    UpdateControlPolicy "organizations:UpdatePolicy" changes;
    DescribeControlPolicy "organizations:DescribePolicy" reads;
    ListControlPolicies "organizations:ListPolicies" reads;
    DeleteControlPolicy "organizations:DeletePolicy" changes;
    AttachControlPolicy "organizations:AttachPolicy" changes;
    DetachControlPolicy "organizations:DetachPolicy" changes;
    AssumeRole "sts:AssumeRole" reads;
    GetCallerIdentity "sts:GetCallerIdentity" reads;
    SimulatePrincipalPolicy "iam:SimulatePrincipalPolicy" reads;
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
