//! Join tokens: each lets one node in, once, into its zone; whoever is refused has nothing of the cluster.

use anyhow::ensure;
use bascule_api::admin::v1::DeleteJoinTokenRequest;
use bascule_pki::token::Token;
use bascule_tests::Outcome;
use bascule_tests::nodes::{FORM_LIMIT, Nodes, Plan};

/// The same token with another secret.
fn forged(text: &str) -> Outcome<String> {
    let token = Token::parse(text)?;
    let forged = Token::new(
        token.cluster(),
        token.id().to_owned(),
        [7; 32],
        token.authority_sha256(),
        token.expires_unix_s(),
        token.members().to_vec(),
    )?;
    Ok(forged.render()?)
}

/// Whoever is refused is told so and has neither keys nor identity.
fn check(nodes: &Nodes, number: u64, token: &str, what: &str) -> Outcome {
    let said = nodes.join(number, token)?;
    ensure!(said.code != Some(0), "node {number} was let in by {what}: {}", said.output);
    ensure!(said.errors.contains("this node did not join"), "{what}: {}", said.errors);
    ensure!(said.errors.contains("the token lets nobody in"), "{what} is told more than that: {}", said.errors);
    let home = nodes.home().join(format!("node-{number}"));
    for name in ["data/identity", "root.key", "pki/node.key", "pki/authority.key"] {
        ensure!(!home.join(name).exists(), "node {number} has `{name}` by {what}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_lets_one_node_in_once_into_its_zone() -> Outcome {
    let mut nodes = Nodes::first(&Plan::zones(3))?;
    let client = nodes.client(1).await?;
    let elsewhere = nodes.token("zone-3").await?;
    check(&nodes, 2, &elsewhere, "a token of another zone")?;
    let deleted = nodes.join_token("", 0).await?;
    let token_id = deleted.join_token.map(|token| token.id).unwrap_or_default();
    let request = DeleteJoinTokenRequest { token_id, ..DeleteJoinTokenRequest::default() };
    client.session().cluster().delete_join_token(request).await?;
    check(&nodes, 2, &deleted.token, "a token that was deleted")?;
    let good = nodes.token("zone-2").await?;
    check(&nodes, 2, &forged(&good)?, "a token with another secret")?;
    let said = nodes.join(2, &good)?;
    ensure!(said.code == Some(0), "a good token: {}", said.errors);
    nodes.start(2)?;
    check(&nodes, 3, &good, "a token that was used")?;
    // What was refused to another zone's node took nothing from it.
    let said = nodes.join(3, &elsewhere)?;
    ensure!(said.code == Some(0), "the token of its own zone: {}", said.errors);
    nodes.start(3)?;
    nodes.whole(FORM_LIMIT).await
}
