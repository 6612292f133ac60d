//! `source_ip_kind` and the columns beside it: what `sourceIPAddress` is, as it is not always an address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::super::Event;
use super::ends_with;
use crate::schema::Column;

pub(super) fn set(event: &mut Event<'_>) {
    if let Some(address) = event.text(Column::SourceIpAddress)
        && !event.recall_address(address)
    {
        let kind = set_address(event, address);
        event.set_text(Column::SourceIpKind, kind);
        event.keep_address(address);
    }
    let kind = event.text(Column::SourceIpKind);
    event.set_flag(Column::HumanIp, kind == Some("public") && !event.has(Column::VpcEndpointId));
}

/// Sets the columns that only an address has, and yields what kind of source it is.
fn set_address(event: &mut Event<'_>, address: &str) -> &'static str {
    if ends_with(address, ".amazonaws.com") || ends_with(address, ".amazonaws.com.cn") {
        return "aws_service";
    }
    if address.eq_ignore_ascii_case("AWS Internal") {
        return "aws_internal";
    }
    match parse(address) {
        Some(IpAddr::V4(address)) => {
            set_v4(event, address);
            kind_v4(address)
        }
        Some(IpAddr::V6(address)) => {
            set_v6(event, address);
            kind_v6(address)
        }
        None => "other",
    }
}

/// The address, IPv4 also where it is mapped into IPv6.
fn parse(text: &str) -> Option<IpAddr> {
    if text.contains(':') { text.parse().ok().map(|address: IpAddr| address.to_canonical()) } else { parse_v4(text).map(IpAddr::V4) }
}

/// As std parses it, in a third of the time. Leading zeros are refused (`035.249.253.232`), as some take them for octal.
fn parse_v4(text: &str) -> Option<Ipv4Addr> {
    let mut octets = [0_u8; 4];
    let mut parts = text.as_bytes().split(|letter| *letter == b'.');
    for octet in &mut octets {
        *octet = match parts.next()? {
            [a] => digit(*a)?,
            [b'0', ..] => return None,
            [a, b] => digit(*a)? * 10 + digit(*b)?,
            [a, b, c] => digit(*a)?.checked_mul(100)?.checked_add(digit(*b)? * 10 + digit(*c)?)?,
            _ => return None,
        };
    }
    parts.next().is_none().then(|| octets.into())
}

fn digit(letter: u8) -> Option<u8> {
    letter.is_ascii_digit().then(|| letter - b'0')
}

/// Documentation and reserved ranges count as public: in published and anonymised logs
/// they stand in for public addresses. What no host can send from is `other`.
const fn kind_v4(address: Ipv4Addr) -> &'static str {
    match address.octets() {
        [10 | 127, ..] | [172, 16..=31, ..] | [192, 168, ..] | [169, 254, ..] | [100, 64..=127, ..] => "private",
        [0 | 224..=239, ..] | [255, 255, 255, 255] => "other",
        _ => "public",
    }
}

const fn kind_v6(address: Ipv6Addr) -> &'static str {
    if address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local() {
        "private"
    } else if address.is_unspecified() || address.is_multicast() {
        "other"
    } else {
        "public"
    }
}

fn set_v4(event: &mut Event<'_>, address: Ipv4Addr) {
    let [a, b, c, _] = address.octets();
    // One piece of the arena for all three texts.
    let mut line = Line { bytes: [0; 64], length: 0 };
    line.push_all(b"00000000000000000000ffff");
    line.push_hex(&address.octets());
    let hex_ends = line.length;
    line.push_octets([a, b, c, 0]);
    line.push_all(b"/24");
    let net_ends = line.length;
    line.push_octets([a, b, 0, 0]);
    line.push_all(b"/16");
    let text: &str = event.arena().alloc_str(line.text());
    event.set_optional(Column::SourceIpHex, text.get(..hex_ends));
    event.set_optional(Column::SourceIpNet, text.get(hex_ends..net_ends));
    event.set_optional(Column::SourceIpNet16, text.get(net_ends..));
}

fn set_v6(event: &mut Event<'_>, address: Ipv6Addr) {
    let mut line = Line { bytes: [0; 64], length: 0 };
    line.push_hex(&address.octets());
    let hex: &str = event.arena().alloc_str(line.text());
    event.set_text(Column::SourceIpHex, hex);
    let [a, b, c, ..] = address.segments();
    event.set_made(Column::SourceIpNet, format_args!("{}/48", Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0)));
    event.set_made(Column::SourceIpNet16, format_args!("{}/32", Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0)));
}

/// ASCII letters on the stack: `fmt` takes several times as long for these short texts.
struct Line {
    bytes: [u8; 64],
    length: usize,
}

impl Line {
    fn push(&mut self, letter: u8) {
        if let Some(slot) = self.bytes.get_mut(self.length) {
            *slot = letter;
            self.length += 1;
        }
    }

    fn push_all(&mut self, letters: &[u8]) {
        let end = self.length + letters.len();
        if let Some(slots) = self.bytes.get_mut(self.length..end) {
            slots.copy_from_slice(letters);
            self.length = end;
        }
    }

    fn push_hex(&mut self, octets: &[u8]) {
        for digit in octets.iter().flat_map(|octet| [octet >> 4, octet & 15]) {
            self.push(if digit < 10 { b'0' + digit } else { b'a' + digit - 10 });
        }
    }

    fn push_octets(&mut self, octets: [u8; 4]) {
        for (place, octet) in octets.into_iter().enumerate() {
            if place > 0 {
                self.push(b'.');
            }
            if octet >= 100 {
                self.push(b'0' + octet / 100);
            }
            if octet >= 10 {
                self.push(b'0' + octet / 10 % 10);
            }
            self.push(b'0' + octet % 10);
        }
    }

    fn text(&self) -> &str {
        self.bytes.get(..self.length).and_then(|letters| std::str::from_utf8(letters).ok()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use bumpalo::Bump;

    use super::super::sample;
    use super::*;

    fn kind(address: &str) -> String {
        let arena = Bump::new();
        sample(&arena, &[(Column::SourceIpAddress, address)]).text(Column::SourceIpKind).expect("never null here").to_owned()
    }

    #[test]
    fn kinds_of_sources() {
        let cases = [
            (
                "public",
                "8.8.8.8 172.15.0.1 172.32.0.1 100.63.0.1 100.128.0.1 192.0.2.7 198.51.100.7 203.0.113.7 254.222.242.236 2600:1f18::1 2001:db8::1",
            ),
            ("public", "::ffff:8.8.8.8"),
            ("private", "10.8.8.10 127.0.0.1 172.16.0.1 172.31.255.255 192.168.10.20 169.254.169.254 100.64.0.1 100.127.0.1"),
            ("private", "::1 fe80::1 fd00:ec2::254 ::ffff:10.0.0.1 ::ffff:a00:1"),
            ("aws_service", "cloudtrail.amazonaws.com delivery.logs.amazonaws.com EC2.AMAZONAWS.COM ec2.amazonaws.com.cn"),
            (
                "other",
                "035.249.253.232 0.0.0.0 :: 224.0.0.1 255.255.255.255 ff02::1 amazonaws.com amazonaws.com.example example.com 1.2.3 * 8.8.8.8:443 [::1]",
            ),
            ("other", "evilamazonaws.com fe80::1%eth0 1.2.3.4/32"),
        ];
        for (wanted, addresses) in cases {
            for address in addresses.split(' ') {
                assert_eq!(kind(address), wanted, "{address}");
            }
        }
        assert_eq!(kind("AWS Internal"), "aws_internal");
        assert_eq!(kind(""), "other");
    }

    #[test]
    fn addresses_as_std_parses_them() {
        let octets =
            ["0", "00", "1", "01", "9", "10", "99", "100", "199", "255", "256", "299", "300", "999", "1000", "", "a", "1a", "-1", " 1"];
        for octet in octets {
            for text in
                [format!("{octet}.2.3.4"), format!("1.2.3.{octet}"), format!("1.2.3.4.{octet}"), format!("1.2.{octet}"), octet.into()]
            {
                assert_eq!(parse_v4(&text), text.parse().ok(), "{text}");
            }
        }
    }

    #[test]
    fn texts_of_an_address() {
        let arena = Bump::new();
        let texts = |address| {
            let event = sample(&arena, &[(Column::SourceIpAddress, address)]);
            [Column::SourceIpHex, Column::SourceIpNet, Column::SourceIpNet16].map(|column| event.text(column))
        };
        let v4 = [Some("00000000000000000000ffffcb00710a"), Some("203.0.113.0/24"), Some("203.0.0.0/16")];
        assert_eq!(texts("203.0.113.10"), v4);
        assert_eq!(texts("::ffff:203.0.113.10"), v4);
        assert_eq!(texts("255.254.100.9"), [Some("00000000000000000000fffffffe6409"), Some("255.254.100.0/24"), Some("255.254.0.0/16")]);
        let v6 = [Some("20010db8000100020000000000000003"), Some("2001:db8:1::/48"), Some("2001:db8::/32")];
        assert_eq!(texts("2001:DB8:1:2::3"), v6);
        for none in ["035.249.253.232", "ec2.amazonaws.com", "AWS Internal", ""] {
            assert_eq!(texts(none), [None; 3], "{none}");
        }
    }

    #[test]
    fn only_public_addresses_outside_endpoints_are_human() {
        let arena = Bump::new();
        let human = |fields: &[(Column, &'static str)]| sample(&arena, fields).flag(Column::HumanIp);
        let address = (Column::SourceIpAddress, "203.0.113.10");
        assert_eq!(human(&[address]), Some(true));
        assert_eq!(human(&[address, (Column::VpcEndpointId, "vpce-1")]), Some(false));
        assert_eq!(human(&[(Column::SourceIpAddress, "10.0.0.1")]), Some(false));
        assert_eq!(human(&[(Column::SourceIpAddress, "ec2.amazonaws.com")]), Some(false));
        assert_eq!(human(&[]), Some(false));
    }
}
