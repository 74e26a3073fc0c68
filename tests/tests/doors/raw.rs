//! Calls of any method with any bytes, over the connection that a context makes.

use std::time::Duration;

use bascule_api::client::Context;
use bytes::{Buf, BufMut, Bytes};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Request, Status};

use bascule_tests::Outcome;

/// Passes messages through as they are.
#[derive(Debug, Clone, Copy, Default)]
pub struct AsTheyAre;

impl Codec for AsTheyAre {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for AsTheyAre {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put(item);
        Ok(())
    }
}

impl Decoder for AsTheyAre {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

/// A connection as this context, or without any certificate.
pub async fn channel(context: &Context, identity: bool) -> Outcome<Channel> {
    let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&context.ca));
    if identity {
        tls = tls.identity(Identity::from_pem(&context.cert, &context.key));
    }
    let endpoint = Endpoint::from_shared(context.endpoint.clone())?.tls_config(tls)?;
    Ok(endpoint.connect_timeout(Duration::from_secs(10)).connect().await?)
}

/// Calls a method, `package.Service/Method`, with these bytes as its message. On the wire a call is a stream of one message, so that a
/// method that takes streams is called too: with this message and no other, for its first answer.
pub async fn call(channel: &Channel, method: &str, message: Bytes) -> Result<Bytes, Status> {
    let mut grpc = tonic::client::Grpc::new(channel.clone())
        .max_encoding_message_size(64 * 1024 * 1024)
        .max_decoding_message_size(64 * 1024 * 1024);
    grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let path = PathAndQuery::try_from(format!("/{method}"));
    let path = path.map_err(|_| Status::invalid_argument("no path"))?;
    let mut request = Request::new(message);
    request.set_timeout(Duration::from_secs(20));
    let mut answers = grpc.server_streaming(request, path, AsTheyAre).await?.into_inner();
    answers.message().await?.ok_or_else(|| Status::internal("an end without an answer"))
}
