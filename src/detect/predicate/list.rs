//! Lists in rules: [`Literals`], among which a value is looked up; and networks, where `in_network(source_ip_address, :list)`
//! becomes a comparison of the address's hexadecimal form with the first and last address of each network.

use std::net::{IpAddr, Ipv6Addr};

use super::{Comparison, Datum, Literal, Operand, Predicate};
use crate::schema::Column;

/// Literals, each once and in order, to be looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Literals(Vec<Literal>);

impl FromIterator<Literal> for Literals {
    fn from_iter<I: IntoIterator<Item = Literal>>(literals: I) -> Self {
        let mut literals: Vec<Literal> = literals.into_iter().collect();
        literals.sort_unstable();
        literals.dedup();
        Self(literals)
    }
}

impl Literals {
    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Literal> {
        self.0.iter()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a value is one of them.
    pub(super) fn contains(&self, value: &Datum<'_>) -> bool {
        self.0.binary_search_by(|literal| Datum::from(literal).cmp(value)).is_ok()
    }
}

/// The test whether the address lies in one of the networks; null where there is no address.
pub(super) fn in_networks(operand: &Operand, networks: &[String]) -> Result<Predicate, String> {
    if *operand != Operand::Column(Column::SourceIpAddress) {
        return Err("only source_ip_address can be looked up in networks".to_owned());
    }
    let hex = || Operand::Column(Column::SourceIpHex);
    let bound = |address: u128| Operand::Literal(Literal::Text(format!("{address:032x}")));
    let mut tests = Vec::new();
    for network in networks {
        let (first, last) = network_range(network)?;
        tests.push(Predicate::All(vec![
            Predicate::Compare(hex(), Comparison::AtLeast, bound(first)),
            Predicate::Compare(hex(), Comparison::AtMost, bound(last)),
        ]));
    }
    Ok(Predicate::Any(tests))
}

/// The first and last address of `192.0.2.0/24`, `2001:db8::/32` or a single address; IPv4 is mapped.
pub(in crate::detect) fn network_range(network: &str) -> Result<(u128, u128), String> {
    let (address, length) = match network.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (network, None),
    };
    let wrong = || format!("`{network}` is no network: write 192.0.2.0/24, 2001:db8::/32 or one address");
    let address: IpAddr = address.parse().map_err(|_| wrong())?;
    let (bits, width) = match address {
        IpAddr::V4(address) => (address.to_ipv6_mapped(), 32),
        IpAddr::V6(address) => (address, 128),
    };
    let length: u32 = match length {
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().map_err(|_| wrong())?,
        Some(_) => return Err(wrong()),
        None => width,
    };
    let host_bits = width.checked_sub(length).ok_or_else(wrong)?;
    let hosts = 1_u128.checked_shl(host_bits).map_or(u128::MAX, |size| size - 1);
    let first = Ipv6Addr::to_bits(bits);
    if first & hosts != 0 {
        return Err(format!("`{network}` has bits after its length: the network's first address is meant, or a longer length"));
    }
    Ok((first, first | hosts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_networks() {
        let shown = |network| network_range(network).map(|(first, last)| format!("{first:032x} {last:032x}"));
        assert_eq!(shown("198.51.100.0/24").as_deref(), Ok("00000000000000000000ffffc6336400 00000000000000000000ffffc63364ff"));
        assert_eq!(shown("::/0").as_deref(), Ok("00000000000000000000000000000000 ffffffffffffffffffffffffffffffff"));
        assert_eq!(shown("0.0.0.0/0").as_deref(), Ok("00000000000000000000ffff00000000 00000000000000000000ffffffffffff"));
        assert_eq!(shown("192.0.2.1").as_deref(), Ok("00000000000000000000ffffc0000201 00000000000000000000ffffc0000201"));
        for wrong in ["192.0.2.1/24", "192.0.2.0/33", "192.0.2/24", "office", "192.0.2.0/+4", "192.0.2.0/"] {
            assert!(network_range(wrong).is_err(), "{wrong}");
        }
    }
}
