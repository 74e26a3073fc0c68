//! Requests as data.

use http_body_util::BodyExt;

use bascule_model::arn::Arn;
use bascule_model::name::{ConnectionName, DestinationName};

use super::*;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

fn destination(endpoint: &str, method: Method) -> Destination {
    Destination {
        name: DestinationName::parse("d").unwrap(),
        description: String::new(),
        connection: Arn::parse("Arn", "arn:aws:events:us-east-1:000000000000:connection/c").unwrap(),
        endpoint: endpoint.to_owned(),
        method,
        rate_per_second: 300,
    }
}

fn connection(auth: Auth, parameters: &[(Place, &str, &str)]) -> Connection {
    let parameters = parameters.iter().map(|(place, name, value)| Parameter {
        place: *place,
        name: (*name).to_owned(),
        value: secret(value),
        hidden: true,
    });
    let name = ConnectionName::parse("c").unwrap();
    Connection { name, description: String::new(), auth, parameters: parameters.collect() }
}

/// Method, address, chosen headers and body, or why there is none.
async fn told(
    destination: &Destination,
    connection: &Connection,
    parameters: &HttpParameters,
    show: &[&str],
) -> String {
    let parts = Parts {
        destination,
        connection,
        parameters,
        delivery: DeliveryId([0x11; 16]),
        body: &Bytes::from_static(br#"{"id":"e"}"#),
        now: Millis(1_700_000_000_999),
        token: Some("tok"),
    };
    match parts.request() {
        Ok(request) => {
            let mut told = format!("{} {}", request.method(), request.uri());
            for name in show {
                let value = request.headers().get(*name).map_or("-", |value| value.to_str().unwrap());
                told.push_str(&format!(" {name}={value}"));
            }
            let body = request.into_body().collect().await.unwrap().to_bytes();
            format!("{told} {}", String::from_utf8(body.to_vec()).unwrap())
        }
        Err(Refused(why)) => why,
    }
}

#[tokio::test]
async fn addresses_and_parameters_are_put_together() {
    let key = || Auth::ApiKey { header: "x-key".to_owned(), value: secret("k") };
    let parameters = HttpParameters {
        path_values: vec!["a/b".to_owned(), "c d".to_owned()],
        headers: vec![("x-one".to_owned(), "target".to_owned()), ("x-two".to_owned(), "target".to_owned())],
        query: vec![("q".to_owned(), "target".to_owned()), ("r".to_owned(), "ü&".to_owned())],
    };
    let added = [(Place::Header, "x-two", "connection"), (Place::Query, "q", "connection"), (Place::Body, "b", "v\"")];
    let one = told(
        &destination("https://h:8443/x/*/y/*?z=1", Method::Post),
        &connection(key(), &added),
        &parameters,
        &["x-key", "x-one", "x-two", "webhook-id", "webhook-timestamp", "webhook-signature"],
    )
    .await;
    assert_eq!(
        one,
        "POST https://h:8443/x/a%2Fb/y/c%20d?z=1&r=%C3%BC%26&q=connection x-key=k x-one=target x-two=connection \
         webhook-id=11111111-1111-1111-1111-111111111111 webhook-timestamp=1700000000 webhook-signature=- \
         {\"id\":\"e\",\"b\":\"v\\\"\"}"
    );
    let none = HttpParameters::default();
    for (endpoint, method, expected) in [
        ("https://h/x/*", Method::Post, "the endpoint has more `*` than path values"),
        ("https://h/x", Method::Get, "GET https://h/x "),
        ("https://h", Method::Put, "PUT https://h/ {\"id\":\"e\"}"),
    ] {
        assert_eq!(told(&destination(endpoint, method), &connection(key(), &[]), &none, &[]).await, expected);
    }
}

#[tokio::test]
async fn path_values_do_not_leave_their_segment() {
    let none = connection(Auth::Signing { secrets: vec![secret(SECRET)] }, &[]);
    for (endpoint, value, good) in [
        ("https://h/t/*/e", "..", false),
        ("https://h/t/*/e", ".", false),
        ("https://h/t/.*", ".", false),
        ("https://h/t/*", "../..", true),
        ("https://h/t/*", "...", true),
        ("https://h/t/v.*", ".", true),
        ("https://h/t/*/e", "", true),
    ] {
        let parameters = HttpParameters { path_values: vec![value.to_owned()], ..HttpParameters::default() };
        let made = told(&destination(endpoint, Method::Get), &none, &parameters, &[]).await;
        assert_eq!(made.starts_with("GET "), good, "{endpoint} {value}: {made}");
    }
}

#[tokio::test]
async fn fields_are_added_to_objects_alone() {
    let added = connection(Auth::Signing { secrets: vec![secret(SECRET)] }, &[(Place::Body, "b", "v")]);
    let destination = destination("https://h", Method::Post);
    for (body, expected) in [
        ("{}", Some(r#"{"b":"v"}"#)),
        (" { } \n", Some(r#"{"b":"v"}"#)),
        (r#"{"a":{}}"#, Some(r#"{"a":{},"b":"v"}"#)),
        (r#""text}""#, None),
        ("[{}]", None),
        ("{}{}", None),
    ] {
        let body = Bytes::from_static(body.as_bytes());
        let parts = Parts {
            destination: &destination,
            connection: &added,
            parameters: &HttpParameters::default(),
            delivery: DeliveryId([0x11; 16]),
            body: &body,
            now: Millis(0),
            token: None,
        };
        let made = parts.payload().ok();
        assert_eq!(made.as_deref(), expected.map(str::as_bytes), "{body:?}");
    }
}

#[tokio::test]
async fn each_kind_of_connection_authenticates() {
    let basic = Auth::Basic { user: "u".to_owned(), password: secret("p") };
    let oauth = Auth::Oauth {
        client_id: "i".to_owned(),
        client_secret: secret("s"),
        endpoint: "https://t".to_owned(),
        method: Method::Post,
        parameters: Vec::new(),
    };
    let two = Auth::Signing { secrets: vec![secret(SECRET), secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSx")] };
    let none = HttpParameters::default();
    let at = destination("https://h", Method::Post);
    for (auth, header, expected) in [
        (basic, "authorization", "Basic dTpw"),
        (oauth, "authorization", "Bearer tok"),
        (
            Auth::Signing { secrets: vec![secret(SECRET)] },
            "webhook-signature",
            "v1,ZZ29QUQCJ1BwPmXDr2GZ5JBLPfJP0v5uB4wQWtzeezs=",
        ),
    ] {
        let told = told(&at, &connection(auth, &[]), &none, &[header]).await;
        assert_eq!(told, format!("POST https://h/ {header}={expected} {{\"id\":\"e\"}}"));
    }
    let both = told(&at, &connection(two, &[]), &none, &["webhook-signature"]).await;
    assert_eq!(both.matches("v1,").count(), 2, "{both}");
}

#[tokio::test]
async fn what_no_request_can_have_is_refused_without_a_secret() {
    let at = destination("https://h", Method::Post);
    let key = |header: &str, value: &str| Auth::ApiKey { header: header.to_owned(), value: secret(value) };
    for (auth, headers, expected) in [
        (key("x-key", "s3cret\r\nx: y"), vec![], "the value of `x-key` is no header's"),
        (key("x key", "s3cret"), vec![], "`x key` is no header"),
        (key("Host", "s3cret"), vec![], "header `Host` cannot be set"),
        (key("x", "s3cret"), vec![("Webhook-Id", "1")], "header `Webhook-Id` cannot be set"),
        (Auth::Signing { secrets: vec![secret("whsec_=")] }, vec![], "a signing secret of the connection is no base64"),
    ] {
        let headers =
            headers.into_iter().map(|(name, value): (&str, &str)| (name.to_owned(), value.to_owned())).collect();
        let parameters = HttpParameters { headers, ..HttpParameters::default() };
        assert_eq!(told(&at, &connection(auth, &[]), &parameters, &[]).await, expected);
    }
}
