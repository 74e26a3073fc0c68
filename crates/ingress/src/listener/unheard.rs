//! What the gRPC library refuses before the stack hears of it, said in the contract's words. Pure.
//!
//! Ours always carry details (`grpc-status-details-bin`); a refusal of the library is a status without them.

use http::Response;
use tonic::body::Body;
use tonic::{Code, Status};

use bascule_api::reasons::Reason;
use bascule_api::status::Refusal;

/// Where a status has its details.
const DETAILS: &str = "grpc-status-details-bin";

/// The response, or the same refusal with a reason.
pub(super) fn reasoned(response: Response<Body>) -> Response<Body> {
    if response.headers().contains_key(DETAILS) {
        return response;
    }
    let status = Status::from_header_map(response.headers());
    match status.and_then(|status| refusal(status.code(), status.message())) {
        Some(refusal) => refusal.to_status().into_http(),
        None => response,
    }
}

fn refusal(code: Code, message: &str) -> Option<Refusal> {
    let (reason, message) = match code {
        Code::OutOfRange => (Reason::RequestTooLarge, message.trim_start_matches("Error, ")),
        // Nothing of ours answers this code without details.
        Code::Internal => (Reason::ValidationFailed, message),
        // With a message it is about the request's encoding, and a header says which there are.
        Code::Unimplemented if message.is_empty() => {
            (Reason::OperationUnknown, "there is no such operation; the reflection service lists all")
        }
        _ => return None,
    };
    Some(Refusal::new(reason, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: &Status) -> Response<Body> {
        reasoned(status.clone().into_http())
    }

    #[test]
    fn what_the_library_refuses_gets_a_reason() {
        for (status, reason, message) in [
            (
                Status::out_of_range("Error, decoded message length too large: found 9 bytes, the limit is: 4 bytes"),
                Reason::RequestTooLarge,
                "decoded message length too large: found 9 bytes, the limit is: 4 bytes",
            ),
            (Status::internal("failed to decode"), Reason::ValidationFailed, "failed to decode"),
            (
                Status::unimplemented(""),
                Reason::OperationUnknown,
                "there is no such operation; the reflection service lists all",
            ),
        ] {
            let status = Status::from_header_map(answered(&status).headers()).unwrap();
            let refusal = Refusal::from_status(&status).unwrap();
            assert_eq!((refusal.reason, refusal.message.as_str()), (reason, message));
            assert_eq!(status.code(), reason.code());
        }
    }

    #[test]
    fn other_answers_stay_as_they_are() {
        let ours = Refusal::new(Reason::Internal, "a fault of ours").to_status();
        let told = Status::from_header_map(answered(&ours).headers()).unwrap();
        assert_eq!(Refusal::from_status(&told).unwrap().reason, Reason::Internal);
        let zipped = Status::unimplemented("Content is compressed with `gzip` which isn't supported");
        let told = Status::from_header_map(answered(&zipped).headers()).unwrap();
        assert_eq!((told.code(), told.message()), (Code::Unimplemented, zipped.message()));
        let unknown = Status::not_found("no such service");
        let told = Status::from_header_map(answered(&unknown).headers()).unwrap();
        assert_eq!((told.code(), told.message()), (Code::NotFound, "no such service"));
        assert!(Status::from_header_map(reasoned(Response::new(Body::empty())).headers()).is_none());
    }
}
