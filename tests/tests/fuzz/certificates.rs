//! Certificates, keys and names: PEM that an operator hands over, and identities that a peer shows.

use std::sync::Arc;

use bascule_model::ambient::Clock;
use bascule_pki::Source;
use bascule_pki::authority::{Authority, Leaf, Validity};
use bascule_pki::secret::PrivateKey;
use bascule_pki::server::ServerTls;
use bascule_pki::spiffe::SpiffeId;
use bascule_tests::chance::{Air, now_s};

use super::run;

#[test]
fn identities_are_read_or_refused() {
    let corpus =
        ["spiffe://bascule/account/000000000000/user/ops", "spiffe://a.b-c_d/x/y.z", "spiffe://td", "https://td/x"];
    let mut taken = 0;
    run::each("identities", &run::corpus(corpus), |input| {
        let text = String::from_utf8_lossy(input);
        let Ok(id) = SpiffeId::parse(&text) else { return };
        taken += 1;
        assert_eq!(id.as_str(), text, "an identity is its text");
        assert!(text.len() <= 2_048 && text.is_ascii(), "{} bytes", text.len());
        assert_eq!(format!("spiffe://{}{}", id.trust_domain(), id.path()), text);
        assert!(!id.path().split('/').any(|step| step == "." || step == ".."), "no step goes up");
    });
    assert!(taken > 0);
}

#[test]
fn pem_is_read_or_refused() {
    let now = now_s();
    let validity = Validity { not_before_unix_s: now - 60, not_after_unix_s: now + 3_600 };
    let authority = Authority::create("fuzzed", validity, [1; 16]).unwrap();
    let leaf = authority.issue(&Leaf::Server(vec!["localhost".to_owned()]), validity, [2; 16]).unwrap();
    let list = authority.revocation_list(&[vec![9; 16]], 1, validity).unwrap();
    let texts = [authority.certificate_pem(), leaf.certificate_pem.as_str(), leaf.key.expose_pem(), list.as_str()];
    let clock: Arc<dyn Clock> = Arc::new(Air);
    run::each("pem", &run::corpus(texts), |input| {
        let text = String::from_utf8_lossy(input).into_owned();
        let key = PrivateKey::from_pem(text.clone());
        let own = || leaf.key.clone();
        drop(Authority::from_pem(&text, key.unwrap_or_else(|_| own()), now));
        let source = |chain: &str, authorities: &str, crls: Vec<String>| Source::Pem {
            chain: chain.to_owned(),
            key: own(),
            authorities: authorities.to_owned(),
            crls,
        };
        let good = (leaf.certificate_pem.as_str(), authority.certificate_pem());
        drop(ServerTls::load(source(&text, good.1, Vec::new()), Arc::clone(&clock)));
        drop(ServerTls::load(source(good.0, &text, Vec::new()), Arc::clone(&clock)));
        drop(ServerTls::load(source(good.0, good.1, vec![text]), Arc::clone(&clock)));
    });
}
