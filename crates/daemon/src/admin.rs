//! The admin listener: is the process there, is the node ready, its figures. Plain HTTP, on loopback unless told otherwise.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::readiness::Readiness;
use crate::telemetry::figures::Figures;

/// What the listener answers from.
#[derive(Clone)]
pub struct Admin {
    /// Whether the node is ready.
    pub readiness: Arc<Readiness>,
    /// Its figures.
    pub figures: Arc<Figures>,
}

/// Serves until `stop` says so.
///
/// # Errors
/// The server's.
pub async fn serve(socket: TcpListener, admin: Admin, mut stop: watch::Receiver<bool>) -> io::Result<()> {
    let stopping = async move {
        let _ = stop.wait_for(|stop| *stop).await;
    };
    axum::serve(socket, router(admin)).with_graceful_shutdown(stopping).await
}

fn router(admin: Admin) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(admin)
}

async fn ready(State(admin): State<Admin>) -> Response {
    match admin.readiness.ask() {
        Ok(()) => "ready\n".into_response(),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}

async fn metrics(State(admin): State<Admin>) -> Response {
    match admin.figures.text() {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response(),
        Err(error) => {
            tracing::warn!(%error, "the figures could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    async fn get(address: std::net::SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn a_node_that_starts_is_there_and_not_ready() {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let admin = Admin { readiness: Arc::default(), figures: Arc::new(Figures::start().unwrap()) };
        let readiness = Arc::clone(&admin.readiness);
        let (stop, stopped) = watch::channel(false);
        let serving = tokio::spawn(serve(socket, admin, stopped));
        for (path, status, text) in [
            ("/healthz", "200", "ok\n"),
            ("/readyz", "503", "the node is starting\n"),
            ("/metrics", "200", ""),
            ("/other", "404", ""),
        ] {
            let answer = get(address, path).await;
            assert!(answer.starts_with(&format!("HTTP/1.0 {status} ")) && answer.ends_with(text), "{path}: {answer}");
        }
        readiness.stopping();
        assert!(get(address, "/readyz").await.ends_with("the node is stopping\n"));
        stop.send_replace(true);
        tokio::time::timeout(Duration::from_secs(10), serving).await.unwrap().unwrap().unwrap();
    }
}
