//! Receipt handles: format, group, queue, message and receive count, with a MAC under the cluster's handle key.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use bascule_api::reasons::Reason;
use bascule_api::status::Refusal;
use bascule_keyring::mac::{HandleKeys, HandleKind, MAC_BYTES};
use bascule_model::uid::{GroupId, Uid};
use bascule_statemachine::codec::shard::Receipt;

use crate::limits::RECEIPT_LIMIT_CHARS;

const FORMAT: u8 = 1;
const CLEAR_BYTES: usize = 1 + 4 + 8 + 8 + 8 + 4;

/// The handle of a receipt.
pub(super) fn write(keys: &HandleKeys, group: GroupId, receipt: &Receipt) -> String {
    let mut bytes = Vec::with_capacity(CLEAR_BYTES + MAC_BYTES);
    bytes.push(FORMAT);
    bytes.extend_from_slice(&group.0.to_be_bytes());
    bytes.extend_from_slice(&receipt.queue.to_be_bytes());
    bytes.extend_from_slice(&receipt.sequence.to_be_bytes());
    bytes.extend_from_slice(&receipt.target.to_be_bytes());
    bytes.extend_from_slice(&receipt.received.to_be_bytes());
    let mac = keys.sign(HandleKind::Receipt, &bytes);
    bytes.extend_from_slice(&mac);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The receipt of a handle of `queue`.
///
/// # Errors
/// [`Reason::ReceiptHandleInvalid`] for whatever this cluster did not hand out for this queue.
pub(super) fn read(keys: &HandleKeys, queue: Uid, handle: &str) -> Result<(GroupId, Receipt), Refusal> {
    let refused = || Refusal::new(Reason::ReceiptHandleInvalid, "the receipt handle is none of this queue");
    if handle.len() > RECEIPT_LIMIT_CHARS {
        return Err(refused());
    }
    let bytes = URL_SAFE_NO_PAD.decode(handle).map_err(|_| refused())?;
    let (clear, mac) = bytes.split_last_chunk::<MAC_BYTES>().ok_or_else(refused)?;
    if clear.len() != CLEAR_BYTES || clear[0] != FORMAT || !keys.verify(HandleKind::Receipt, clear, mac) {
        return Err(refused());
    }
    let mut rest = &clear[1..];
    let mut take = |bytes: usize| {
        let (head, tail) = rest.split_at(bytes);
        rest = tail;
        head.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte))
    };
    // Four bytes each, so that nothing is cut off.
    let group = GroupId(u32::try_from(take(4)).map_err(|_| refused())?);
    let (of, sequence, target) = (take(8), take(8), take(8));
    let received = u32::try_from(take(4)).map_err(|_| refused())?;
    if Uid(of) != queue {
        return Err(refused());
    }
    Ok((group, Receipt { queue: of, sequence, target, received }))
}

#[cfg(test)]
mod tests {
    use bascule_keyring::secret::Secret;

    use super::*;

    #[test]
    fn handles_read_back_and_no_other_does() {
        let keys = HandleKeys::new(&Secret::new([1; 32]), None);
        let receipt = Receipt { queue: 9, sequence: u64::MAX, target: 1 << 48, received: u32::MAX };
        let handle = write(&keys, GroupId(3), &receipt);
        assert_eq!(read(&keys, Uid(9), &handle).unwrap(), (GroupId(3), receipt));
        let other = HandleKeys::new(&Secret::new([2; 32]), None);
        assert!(read(&other, Uid(9), &handle).is_err());
        assert!(read(&keys, Uid(8), &handle).is_err());
        for at in 0..handle.len() {
            let mut altered = handle.clone().into_bytes();
            altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).unwrap();
            let read = read(&keys, Uid(9), &altered);
            assert!(read.is_err(), "{at}");
        }
        for handle in ["", "*", "AAAA", &"A".repeat(66), &"A".repeat(5_000)] {
            assert!(read(&keys, Uid(9), handle).is_err());
        }
    }
}
