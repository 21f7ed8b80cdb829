//! Addresses that have their first bits in common.

use std::net::IpAddr;
use std::str::FromStr;

/// All addresses that begin as this one does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    /// How many bits count.
    bits: u32,
}

impl Network {
    /// All that begin with the first `bits` of `address`.
    pub(super) const fn new(address: IpAddr, bits: u32) -> Self {
        Self { address, bits }
    }

    /// Whether an address is one of them.
    pub fn contains(self, address: IpAddr) -> bool {
        let (own, width) = number(self.address);
        let (other, other_width) = number(address.to_canonical());
        let differs = (own ^ other).checked_shr(width - self.bits).unwrap_or(0);
        width == other_width && differs == 0
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no network; write 10.0.0.0/8, 10.0.0.7 or fd00::/8");
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse().map_err(|_| wrong())?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let (_, width) = number(address);
        let bits = bits.unwrap_or(width);
        if bits > width {
            return Err(wrong());
        }
        Ok(Self::new(address, bits))
    }
}

/// An address as a number, and its length in bits.
fn number(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(address) => (address.to_bits().into(), u32::BITS),
        IpAddr::V6(address) => (address.to_bits(), u128::BITS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bits_decide() {
        for (network, address, contains) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.7", "10.0.0.7", true),
            ("10.0.0.7", "10.0.0.6", false),
            ("10.0.0.0/8", "::ffff:10.0.0.1", true),
            ("0.0.0.0/0", "1.2.3.4", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "fd00::1", true),
            ("::1", "::1", true),
            ("fd00::/8", "fe00::1", false),
        ] {
            let network: Network = network.parse().unwrap();
            let found = network.contains(address.parse().unwrap());
            assert_eq!(found, contains, "{address} in {network:?}");
        }
        for text in [
            "",
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0.0/8",
            "host",
            "::1/129",
            "1.1.1.1/-1",
        ] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }
}
