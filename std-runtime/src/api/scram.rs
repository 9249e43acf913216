//! Passwords for SCRAM: what the requests about them share, and what is made of a password. Source: RFC 5802, KIP-554; `ScramFormatter`.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256, Sha512};

/// How a password is hashed. Source: `ScramMechanism`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mechanism {
    /// With SHA-256.
    Sha256,
    /// With SHA-512.
    Sha512,
}

impl Mechanism {
    pub(super) const fn from_number(number: i8) -> Option<Self> {
        match number {
            1 => Some(Self::Sha256),
            2 => Some(Self::Sha512),
            _ => None,
        }
    }

    /// What is kept of a salted and hashed password: from these two nobody can pose as the client.
    pub(super) fn keys(self, salted_password: &[u8]) -> Keys {
        match self {
            Self::Sha256 => {
                let stored_key = Sha256::digest(mac_256(salted_password, CLIENT_KEY)).to_vec();
                Keys { stored_key, server_key: mac_256(salted_password, SERVER_KEY) }
            }
            Self::Sha512 => {
                let stored_key = Sha512::digest(mac_512(salted_password, CLIENT_KEY)).to_vec();
                Keys { stored_key, server_key: mac_512(salted_password, SERVER_KEY) }
            }
        }
    }
}

const CLIENT_KEY: &[u8] = b"Client Key";
const SERVER_KEY: &[u8] = b"Server Key";

/// What is kept of a password.
pub(super) struct Keys {
    /// The hash of the client's key.
    pub(super) stored_key: Vec<u8>,
    /// The server's key.
    pub(super) server_key: Vec<u8>,
}

fn mac_256(key: &[u8], text: &[u8]) -> Vec<u8> {
    mac::<Hmac<Sha256>>(key, text)
}

fn mac_512(key: &[u8], text: &[u8]) -> Vec<u8> {
    mac::<Hmac<Sha512>>(key, text)
}

fn mac<M: Mac + KeyInit>(key: &[u8], text: &[u8]) -> Vec<u8> {
    // A key of any length will do, and yet the signature has it that it may not.
    let Ok(mac) = <M as KeyInit>::new_from_slice(key) else { return Vec::new() };
    mac.chain_update(text).finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("two digits")).collect()
    }

    /// The example of RFC 7677, section 3: user `user`, password `pencil`, 4096 iterations; and the same password with SHA-512.
    #[test]
    fn keys_are_those_of_the_example_in_rfc_7677() {
        let keys = Mechanism::Sha256.keys(&hex("c4a49510323ab4f952cac1fa99441939e78ea74d6be81ddf7096e87513dc615d"));
        assert_eq!(keys.stored_key, hex("586e5df283e6dceb5c3e791d8b8528ec191e664045ce971792e2e6b5bb13e2a6"));
        assert_eq!(keys.server_key, hex("c1f3cbc1c13a9d35a14c0990eed97629ea225863e566a4314ab99f3f00e5d9d5"));
        let salted = "f16efe1be67f1d09502ebd5ed9262fddffba5a377ab4f0b687e5ed5ba0f50686\
                      b8a4ae166476da8ab3b951d2fa9238b63998f45461bc33a464814949cec9631d";
        let keys = Mechanism::Sha512.keys(&hex(salted));
        let stored_key = "e8002e6f7d3ae446119b216933644dc2a2be7869eb918b8459b5e7d7d2ec1260\
                          6aceef106825cd735170a675fd3611f684affad1dce3f43a0ee43bd590e1dbbe";
        let server_key = "8d91db6230b5687874fe129bc7206e1858c3ae08e02934f57ac03b6b05a229c4\
                          59d28ff46f5c9611e6c179256490215ec1ff759cb0df285db89af0f99e613aac";
        assert_eq!((keys.stored_key, keys.server_key), (hex(stored_key), hex(server_key)));
        assert_eq!(Mechanism::from_number(0), None);
    }
}
