//! Certificates: read as a listener reads them, and tried in a whole handshake inside this process, as the operator.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bascule_pki::Source;
use bascule_pki::client::ClientTls;
use bascule_pki::inventory::{self, Facts};
use bascule_pki::server::ServerTls;
use tokio::net::{TcpListener, TcpStream};

use crate::ambient;
use crate::certificates::{self, NODE, OPERATOR, OPERATOR_KEY};
use crate::config::Settings;
use crate::doctor::read::told;
use crate::doctor::readings::{Chain, Seen, Trust};
use crate::error::Error;
use crate::folder;
use crate::ground::{self, Air};
use crate::limits::{HANDSHAKE_LIMIT_MS, HANDSHAKE_LIMIT_NAMES, ROOTS_LIMIT_BYTES};

const CLIENTS: &str = "authority of clients";
const TARGETS: &str = "authority of targets";

/// Looks at all certificates of a configuration.
pub fn read(settings: &Settings, air: &Air) -> Trust {
    let tls = &settings.tls;
    let listener = listener(settings, air);
    let (listener, lists_until_unix_s, handshakes) = match listener {
        Ok(Ok(server)) => {
            let until = server.crls_until_unix_s();
            (Ok(Ok(())), until, handshakes(settings, &server, air))
        }
        Ok(Err(why)) => (Ok(Err(why)), None, Err("the listener does not take its own certificates".to_owned())),
        Err(why) => (Err(why.clone()), None, Err(why)),
    };
    let chain = |purpose, path: &Path| {
        let bundle = purpose == CLIENTS || purpose == TARGETS;
        Chain { purpose, path: path.to_owned(), bundle, facts: facts(path) }
    };
    let mut files = vec![chain("server's certificate", &tls.certificate), chain(CLIENTS, &tls.authorities)];
    if !tls.foreign {
        files.push(chain("operator's certificate", &tls.folder.join(OPERATOR)));
    }
    if settings.listen.peer.is_some() {
        files.push(chain("node's certificate", &tls.folder.join(NODE)));
    }
    if let Some(roots) = &settings.delivery.roots {
        files.push(chain(TARGETS, roots));
    }
    let targets = ground::trusted(settings, &air.clock).map(drop).map_err(told);
    Trust { foreign: tls.foreign, listener, files, lists_until_unix_s, targets, handshakes }
}

fn facts(path: &Path) -> Seen<Vec<Facts>> {
    text_of(path).map_err(|error| error.to_string()).and_then(|pem| inventory::of_pem(&pem).map_err(told))
}

fn text_of(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(ROOTS_LIMIT_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

/// The listener's side, if there is anything and this user may see it.
fn listener(settings: &Settings, air: &Air) -> Seen<Result<ServerTls, String>> {
    let tls = &settings.tls;
    for path in [&tls.certificate, &tls.key] {
        match File::open(path) {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                return Err(format!(
                    "this user may not read `{}`: run this as root or as the daemon's user",
                    path.display()
                ));
            }
            Err(error) if error.kind() == ErrorKind::NotFound && !tls.foreign && !tls.authorities.exists() => {
                return Err("none are made yet".to_owned());
            }
            _ => {}
        }
    }
    Ok(ServerTls::load(ground::source(tls), Arc::clone(&air.clock)).map_err(told))
}

fn handshakes(settings: &Settings, server: &ServerTls, air: &Air) -> Seen<Vec<(String, Result<(), String>)>> {
    let tls = &settings.tls;
    if tls.foreign {
        return Err("the certificates come from elsewhere, and no client's is here to try them with".to_owned());
    }
    let source = Source::Files {
        chain: tls.folder.join(OPERATOR),
        key: tls.folder.join(OPERATOR_KEY),
        authorities: tls.authorities.clone(),
        crls: Vec::new(),
        own_crl: None,
    };
    // The operator's key may well have been taken elsewhere.
    let client = ClientTls::load(source, Arc::clone(&air.clock)).map_err(|error| {
        let why = told(error);
        format!("there is no operator's certificate here to try them with: {why}")
    })?;
    let cluster = folder::identity(&settings.node.data).map_err(|_| "there is no cluster yet".to_owned())?.cluster;
    let operator = certificates::operator(tls, cluster).map_err(told)?;
    let runtime = ambient::runtime("bascule-doctor", Some(1)).map_err(|error| error.to_string())?;
    let names = tls.names.iter().take(HANDSHAKE_LIMIT_NAMES);
    let one = |name: &String| {
        let outcome = runtime.block_on(shake(server, &client, name)).and_then(|shown| {
            let who = operator.as_str();
            if shown == who {
                Ok(())
            } else {
                Err(format!("the operator's certificate is of `{shown}`, not of `{who}`"))
            }
        });
        (name.clone(), outcome)
    };
    Ok(names.map(one).collect())
}

/// One handshake over loopback; who the client is to the server.
async fn shake(server: &ServerTls, client: &ClientTls, name: &str) -> Result<String, String> {
    let (near, far) = pair().await.map_err(|error| format!("no connection to itself: {error}"))?;
    let limit = Duration::from_millis(HANDSHAKE_LIMIT_MS);
    let (called, accepted) = tokio::join!(client.connect(near, name, limit), server.accept(far, limit));
    // The caller's reason is the better one: the other side sees an alert.
    called.map_err(|error| told(Error::from(error)))?;
    let (_, peer) = accepted.map_err(told)?;
    peer.spiffe().map(|id| id.as_str().to_owned()).map_err(told)
}

/// Both ends of a connection over loopback.
pub async fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let socket = TcpListener::bind("127.0.0.1:0").await?;
    let near = TcpStream::connect(socket.local_addr()?).await?;
    let own = near.local_addr()?;
    let (far, from) = socket.accept().await?;
    if from == own { Ok((near, far)) } else { Err(ErrorKind::ConnectionRefused.into()) }
}
