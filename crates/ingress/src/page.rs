//! Pages of a listing: opaque signed tokens that say behind which name the next page begins.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use bascule_api::reasons::Reason;
use bascule_api::status::Refusal;
use bascule_keyring::mac::{HandleKeys, HandleKind, MAC_BYTES};
use bascule_model::name::AccountId;

use crate::limits::{PAGE_LIMIT_ITEMS, PAGE_TOKEN_LIMIT_CHARS};
use crate::operation::Operation;
use crate::stack::Permitted;
use crate::wire;

/// A page that was asked for.
#[derive(Debug)]
pub(crate) struct Page {
    operation: Operation,
    account: AccountId,
    filters: Vec<String>,
    token: String,
    size: usize,
}

impl Page {
    /// Checks size and length; a token is read when there are handle keys at hand.
    pub(crate) fn check(permit: &Permitted, size: u32, token: String, filters: &[&str]) -> Result<Self, Refusal> {
        let size = match usize::try_from(size) {
            Ok(0) => PAGE_LIMIT_ITEMS,
            Ok(size) if size <= PAGE_LIMIT_ITEMS => size,
            _ => {
                return Err(wire::field("page_size", format!("it must be 0 to {PAGE_LIMIT_ITEMS}"), &size.to_string()));
            }
        };
        if token.len() > PAGE_TOKEN_LIMIT_CHARS {
            return Err(refused());
        }
        let filters = filters.iter().map(|filter| (*filter).to_owned()).collect();
        Ok(Self { operation: permit.operation(), account: permit.account(), filters, token, size })
    }

    pub(crate) const fn size(&self) -> usize {
        self.size
    }

    /// The name behind which this page begins; empty for the first.
    pub(crate) fn after(&self, keys: &HandleKeys) -> Result<String, Refusal> {
        if self.token.is_empty() {
            return Ok(String::new());
        }
        let bytes = URL_SAFE_NO_PAD.decode(&self.token).map_err(|_| refused())?;
        let (name, mac) = bytes.split_last_chunk::<MAC_BYTES>().ok_or_else(refused)?;
        if !keys.verify(HandleKind::Page, &self.clear(name), mac) {
            return Err(refused());
        }
        String::from_utf8(name.to_vec()).map_err(|_| refused())
    }

    /// The token of the page behind `name`.
    pub(crate) fn token(&self, keys: &HandleKeys, name: &str) -> String {
        let mac = keys.sign(HandleKind::Page, &self.clear(name.as_bytes()));
        URL_SAFE_NO_PAD.encode([name.as_bytes(), &mac].concat())
    }

    /// A page of `items`, which come in order of name, and the token of the next one.
    pub(crate) fn take<'item, T>(
        &self,
        keys: &HandleKeys,
        items: impl Iterator<Item = (&'item str, T)>,
    ) -> Result<(Vec<T>, String), Refusal> {
        let after = self.after(keys)?;
        let mut rest = items.filter(|(name, _)| after.is_empty() || **name > *after);
        let mut page = Vec::new();
        let mut last = "";
        while page.len() < self.size {
            match rest.next() {
                None => return Ok((page, String::new())),
                Some((name, item)) => {
                    last = name;
                    page.push(item);
                }
            }
        }
        let token = if rest.next().is_some() { self.token(keys, last) } else { String::new() };
        Ok((page, token))
    }

    fn clear(&self, name: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let account = self.account.number().to_be_bytes();
        let operation = self.operation.name().as_bytes();
        for part in [operation, &account, name].into_iter().chain(self.filters.iter().map(|filter| filter.as_bytes())) {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part);
        }
        bytes
    }
}

fn refused() -> Refusal {
    let message = "the page token is none of this listing";
    Refusal::new(Reason::PageTokenInvalid, message).with_field("page_token", message)
}

#[cfg(test)]
mod tests {
    use bascule_keyring::secret::Secret;

    use super::*;

    fn page(token: &str, size: usize, filters: &[&str]) -> Page {
        let filters = filters.iter().map(|filter| (*filter).to_owned()).collect();
        let account = AccountId::from_number(7).unwrap();
        Page { operation: Operation::ListRules, account, filters, token: token.to_owned(), size }
    }

    #[test]
    fn pages_follow_each_other_and_tokens_hold_for_their_listing_alone() {
        let keys = HandleKeys::new(&Secret::new([3; 32]), None);
        let names = ["a", "b", "c", "d", "e"];
        let items = || names.iter().map(|name| (*name, *name));
        let (first, token) = page("", 2, &["x"]).take(&keys, items()).unwrap();
        assert_eq!(first, ["a", "b"]);
        let (second, next) = page(&token, 2, &["x"]).take(&keys, items()).unwrap();
        assert_eq!(second, ["c", "d"]);
        assert_eq!(page(&next, 2, &["x"]).take(&keys, items()).unwrap(), (vec!["e"], String::new()));
        assert_eq!(page("", 5, &["x"]).take(&keys, items()).unwrap().1, "");
        // What was deleted since does not matter.
        assert_eq!(page(&token, 9, &["x"]).take(&keys, [("d", 4)].into_iter()).unwrap().0, [4]);
        let other = Page { operation: Operation::ListQueues, ..page(&token, 2, &["x"]) };
        let account = Page { account: AccountId::from_number(8).unwrap(), ..page(&token, 2, &["x"]) };
        for refused in [page(&token, 2, &["y"]), page("AAAA", 2, &["x"]), page("*", 2, &["x"]), other, account] {
            assert_eq!(refused.take(&keys, items()).unwrap_err().reason, Reason::PageTokenInvalid);
        }
    }
}
