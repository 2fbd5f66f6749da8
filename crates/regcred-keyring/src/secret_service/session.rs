//! The encrypted session in which secrets travel over the bus.
//!
//! Follows the Secret Service specification, "Transfer of Secrets", `dh-ietf1024-sha256-aes128-cbc-pkcs7`.

use aes::Aes128;
use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeDecrypt as _, BlockModeEncrypt as _, KeyIvInit as _};
use crypto_bigint::modular::ConstMontyParams as _;
use crypto_bigint::{U256, U1024};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::store::StoreError;

/// The algorithm's name on the bus.
pub(super) const ALGORITHM: &str = "dh-ietf1024-sha256-aes128-cbc-pkcs7";

/// The length of a public key and of the shared secret, in bytes.
const GROUP_BYTES: usize = 128;
const BLOCK_BYTES: usize = 16;

crypto_bigint::const_monty_params!(
    SecondOakleyGroup,
    U1024,
    concat!(
        "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404dd",
        "ef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7ed",
        "ee386bfb5a899fa5ae9f24117c4b1fe649286651ece65381ffffffffffffffff"
    ),
    "The prime of RFC 2409, 6.2."
);
crypto_bigint::const_monty_form!(Element, SecondOakleyGroup, "A member of the group.");

/// Our half of the key exchange.
pub(super) struct KeyPair {
    /// 256 bits: twice what the group's strength asks for (NIST SP 800-57, 5.6.1), at a quarter of the time that
    /// an exponent as long as the prime would take.
    private: Zeroizing<[u8; 32]>,
}

impl KeyPair {
    /// A new pair from the system's random numbers.
    pub(super) fn generate() -> Result<Self, StoreError> {
        let mut private = Zeroizing::new([0; 32]);
        random(private.as_mut())?;
        Ok(Self { private })
    }

    /// What the service is told, in big-endian order.
    pub(super) fn public(&self) -> Vec<u8> {
        self.raise(&Element::new(&U1024::from_u8(2))).to_vec()
    }

    /// The key that both sides derive; `None` if `theirs` is no public key.
    pub(super) fn agree(&self, theirs: &[u8]) -> Option<Cipher> {
        if theirs.len() > GROUP_BYTES {
            return None;
        }
        let mut padded = [0; GROUP_BYTES];
        padded[GROUP_BYTES - theirs.len()..].copy_from_slice(theirs);
        let theirs = U1024::from_be_slice(&padded);
        // 0, 1 and p - 1 would make a key that anybody knows.
        let last = SecondOakleyGroup::PARAMS.modulus().get().wrapping_sub(&U1024::ONE);
        if theirs <= U1024::ONE || theirs >= last {
            return None;
        }
        let shared = self.raise(&Element::new(&theirs));
        let mut key = Zeroizing::new([0; BLOCK_BYTES]);
        Hkdf::<Sha256>::new(None, shared.as_ref()).expand(&[], key.as_mut()).ok()?;
        Some(Cipher { key })
    }

    fn raise(&self, base: &Element) -> Zeroizing<[u8; GROUP_BYTES]> {
        let power = base.pow(&U256::from_be_slice(self.private.as_ref())).retrieve();
        let mut bytes = Zeroizing::new([0; GROUP_BYTES]);
        bytes.copy_from_slice(power.to_be_bytes().as_ref());
        bytes
    }
}

/// The key of a session.
pub(super) struct Cipher {
    key: Zeroizing<[u8; BLOCK_BYTES]>,
}

impl Cipher {
    /// A secret as it travels: the initialisation vector and the encrypted bytes.
    pub(super) fn encrypt(&self, secret: &[u8]) -> Result<(Vec<u8>, Vec<u8>), StoreError> {
        let mut vector = [0; BLOCK_BYTES];
        random(&mut vector)?;
        let mut buffer = Zeroizing::new(vec![0; (secret.len() / BLOCK_BYTES + 1) * BLOCK_BYTES]);
        buffer[..secret.len()].copy_from_slice(secret);
        let cipher = cbc::Encryptor::<Aes128>::new((&*self.key).into(), &vector.into());
        let encrypted = cipher
            .encrypt_padded::<Pkcs7>(&mut buffer, secret.len())
            .map_err(|_| StoreError::Failed("the secret could not be encrypted for the bus".to_owned()))?;
        Ok((vector.to_vec(), encrypted.to_vec()))
    }

    /// The secret; `None` if it was not encrypted with this key.
    pub(super) fn decrypt(&self, vector: &[u8], encrypted: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let vector: &[u8; BLOCK_BYTES] = vector.try_into().ok()?;
        let mut buffer = Zeroizing::new(encrypted.to_vec());
        let cipher = cbc::Decryptor::<Aes128>::new((&*self.key).into(), vector.into());
        let length = cipher.decrypt_padded::<Pkcs7>(&mut buffer).ok()?.len();
        buffer.truncate(length);
        Some(buffer)
    }
}

fn random(bytes: &mut [u8]) -> Result<(), StoreError> {
    getrandom::fill(bytes)
        .map_err(|error| StoreError::Failed(format!("no random numbers can be had: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_derive_one_key() {
        let (ours, theirs) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let (at_ours, at_theirs) =
            (ours.agree(&theirs.public()).unwrap(), theirs.agree(&ours.public()).unwrap());
        for secret in [&b""[..], b"hunter2", b"sixteen bytes...", &vec![0; 65536]] {
            let (vector, encrypted) = at_ours.encrypt(secret).unwrap();
            assert_eq!(at_theirs.decrypt(&vector, &encrypted).unwrap().as_slice(), secret);
        }
        let stranger = KeyPair::generate().unwrap().agree(&ours.public()).unwrap();
        let (vector, encrypted) = at_ours.encrypt(b"hunter2").unwrap();
        // A wrong key makes a wrong padding, or at least another text.
        assert_ne!(
            stranger.decrypt(&vector, &encrypted).as_deref().map(Vec::as_slice),
            Some(&b"hunter2"[..])
        );
    }

    #[test]
    fn a_key_is_worked_out_as_others_do() {
        // 2^3 and 2^5 as public keys: the shared secret is 2^15 modulo the prime.
        let mut three = KeyPair { private: Zeroizing::new([0; 32]) };
        three.private[31] = 3;
        assert_eq!(three.public(), [&[0; 127][..], &[8]].concat());
        let mut shared = [0; GROUP_BYTES];
        shared[GROUP_BYTES - 2] = 0x80;
        let mut key = [0; BLOCK_BYTES];
        Hkdf::<Sha256>::new(None, &shared).expand(&[], &mut key).unwrap();
        assert_eq!(three.agree(&[32]).unwrap().key.as_ref(), &key);
    }

    #[test]
    fn a_public_key_that_gives_the_secret_away_is_refused() {
        let pair = KeyPair::generate().unwrap();
        let mut last = Zeroizing::new([0xff; GROUP_BYTES + 1]);
        last[0] = 0;
        for bad in [&[][..], &[0], &[1], &last[..], &last[1..]] {
            assert!(pair.agree(bad).is_none(), "{bad:?}");
        }
    }
}
