//! The call of a node that joins, made without a certificate.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tonic::Code;

use bascule_api::peer::v1::{JoinAnswer, JoinRequest};
use bascule_model::ambient::{Spawn, TaskKind};
use bascule_pki::joining::JoinTls;

use crate::transport::limits::{CONNECT_LIMIT_MS, HANDSHAKE_LIMIT_MS, JOIN_CALL_LIMIT_MS};
use crate::transport::outcome::chain;
use crate::transport::wire::Wire;

/// Why a member did not take the node in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Another member may: this one cannot be reached, is none of the cluster, or takes nobody in now.
    #[error("`{address}`: {why}")]
    Elsewhere {
        /// The member.
        address: String,
        /// Why.
        why: String,
    },
    /// The request left and no answer came. It may be made again, here or elsewhere: the same node gets the same id.
    #[error("`{address}` gave no answer: {why}")]
    Unknown {
        /// The member.
        address: String,
        /// Why.
        why: String,
    },
    /// No member will.
    #[error("`{address}`: {why}")]
    Refused {
        /// The member.
        address: String,
        /// Why.
        why: String,
    },
}

/// Asks the member at `address` (`host:port`) to take this node in.
///
/// # Errors
/// [`Error`].
pub async fn join(
    address: &str,
    tls: &JoinTls,
    request: JoinRequest,
    spawn: Arc<dyn Spawn>,
) -> Result<JoinAnswer, Error> {
    let elsewhere = |why: String| Error::Elsewhere { address: address.to_owned(), why };
    let limit = Duration::from_millis(CONNECT_LIMIT_MS);
    let tcp = match tokio::time::timeout(limit, TcpStream::connect(address)).await {
        Ok(Ok(tcp)) => tcp,
        Ok(Err(error)) => return Err(elsewhere(error.to_string())),
        Err(_) => return Err(elsewhere(format!("it does not answer within {CONNECT_LIMIT_MS} ms"))),
    };
    let shaken = tls.connect(tcp, Duration::from_millis(HANDSHAKE_LIMIT_MS)).await;
    let stream = shaken.map_err(|error| elsewhere(chain(&error)))?;
    let made = Wire::over(stream, Arc::clone(&spawn)).await;
    let (wire, drive, cut) = made.map_err(|error| elsewhere(chain(&error)))?;
    spawn.spawn(TaskKind::Call, Box::pin(async move { drop(drive.await) }));
    let mut client = wire.join();
    let limit = Duration::from_millis(JOIN_CALL_LIMIT_MS);
    let answered = tokio::time::timeout(limit, client.join(request)).await;
    cut.now();
    let unknown = |why: String| Error::Unknown { address: address.to_owned(), why };
    match answered {
        Ok(Ok(answer)) => Ok(answer.into_inner()),
        Ok(Err(status)) => {
            let own = std::error::Error::source(&status).map(chain);
            Err(match (own, status.code()) {
                (Some(why), _) => unknown(why),
                (None, Code::Unavailable) => elsewhere(status.message().to_owned()),
                (None, Code::PermissionDenied | Code::InvalidArgument) => {
                    Error::Refused { address: address.to_owned(), why: status.message().to_owned() }
                }
                (None, _) => unknown(status.message().to_owned()),
            })
        }
        Err(_) => Err(unknown(format!("it does not answer within {JOIN_CALL_LIMIT_MS} ms"))),
    }
}
