//! Debug of the messages that hold a secret or a user's content: sizes instead of text.

use std::fmt;

use crate::admin::v1::{CreateJoinTokenResponse, DeadLetter};
use crate::iam::v1::{AssumeRoleRequest, AssumeRoleResponse};
use crate::peer::v1::{JoinAnswer, JoinRequest};
use crate::v1::{PutEventsRequestEntry, QueueMessage, Secret, TestEventPatternRequest};

/// Stands for a text and shows only how long it is.
struct Bytes(usize);

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} bytes>", self.0)
    }
}

impl fmt::Debug for Secret {
    // Not even the length: of a password it says much.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl fmt::Debug for JoinRequest {
    // Whoever has the token is taken in.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinRequest")
            .field("token_id", &self.token_id)
            .field("zone", &self.zone)
            .field("address", &self.address)
            .field("api_address", &self.api_address)
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for JoinAnswer {
    // Whoever has these keys has the cluster.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinAnswer").field("node", &self.node).field("members", &self.members).finish_non_exhaustive()
    }
}

impl fmt::Debug for AssumeRoleRequest {
    // The external id is between whoever set the role up and the caller.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AssumeRoleRequest")
            .field("role_arn", &self.role_arn)
            .field("role_session_name", &self.role_session_name)
            .field("duration_seconds", &self.duration_seconds)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for CreateJoinTokenResponse {
    // Whoever has the token may join.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreateJoinTokenResponse")
            .field("join_token", &self.join_token)
            .field("control_index", &self.control_index)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for AssumeRoleResponse {
    // Whoever has the token, and the certificate, is the role.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AssumeRoleResponse")
            .field("assumed_role_arn", &self.assumed_role_arn)
            .field("expiration", &self.expiration)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for PutEventsRequestEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PutEventsRequestEntry")
            .field("source", &self.source)
            .field("detail_type", &self.detail_type)
            .field("detail", &Bytes(self.detail.len()))
            .field("resources", &self.resources.len())
            .field("time", &self.time)
            .field("event_bus_name", &self.event_bus_name)
            .field("trace_header", &self.trace_header)
            .finish()
    }
}

impl fmt::Debug for TestEventPatternRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestEventPatternRequest")
            .field("event_pattern", &self.event_pattern)
            .field("event", &Bytes(self.event.len()))
            .finish()
    }
}

impl fmt::Debug for QueueMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The receipt handle lets its holder delete the message, so it is left out like the body.
        f.debug_struct("QueueMessage")
            .field("message_id", &self.message_id)
            .field("body", &Bytes(self.body.len()))
            .field("receive_count", &self.receive_count)
            .field("sent_time", &self.sent_time)
            .field("first_received_time", &self.first_received_time)
            .field("attributes", &self.attributes)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for DeadLetter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetter")
            .field("event_id", &self.event_id)
            .field("rule_arn", &self.rule_arn)
            .field("target_id", &self.target_id)
            .field("target_arn", &self.target_arn)
            .field("error_code", &self.error_code)
            .field("error_message", &self.error_message)
            .field("exhausted_retry_condition", &self.exhausted_retry_condition())
            .field("retry_attempts", &self.retry_attempts)
            .field("event", &Bytes(self.event.len()))
            .field("dead_lettered_time", &self.dead_lettered_time)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use crate::iam::v1::CreateAccessKeyResponse;
    use crate::v1::{ApiKeyAuthorization, ConnectionAuthorization, CreateConnectionRequest, PutEventsRequest};
    use crate::v1::{ConnectionParameter, SigningSecrets};
    use crate::v1::{connection_authorization::Method, connection_parameter::Value};

    use super::*;

    const HIDDEN: &str = "hunter2-and-more";

    fn check(shown: &impl fmt::Debug) {
        let shown = format!("{shown:?} {shown:#?}");
        assert!(!shown.contains(HIDDEN), "{shown}");
    }

    #[test]
    fn nothing_shows_what_it_must_hide() {
        let secret = || Some(Secret { value: HIDDEN.into() });
        let text = || HIDDEN.to_owned();
        let key = ApiKeyAuthorization { api_key_name: "x-key".into(), api_key_value: secret() };
        let parameter = ConnectionParameter { value: secret().map(Value::Secret), ..Default::default() };
        let authorization =
            ConnectionAuthorization { method: Some(Method::ApiKey(key)), invocation_parameters: vec![parameter] };
        check(&CreateConnectionRequest { authorization: Some(authorization), ..Default::default() });
        check(&SigningSecrets { secrets: secret().into_iter().collect() });
        let entry = PutEventsRequestEntry { detail: text(), ..Default::default() };
        check(&PutEventsRequest { entries: vec![entry], ..Default::default() });
        check(&TestEventPatternRequest { event: text(), ..Default::default() });
        check(&QueueMessage { body: text(), receipt_handle: text(), ..Default::default() });
        check(&DeadLetter { event: text(), ..Default::default() });
        check(&CreateAccessKeyResponse { secret_access_key: secret(), ..Default::default() });
    }
}
