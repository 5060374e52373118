//! Addresses and names in networks: IP addresses, ranges of them, and DNS names.

use std::fmt;
use std::net::IpAddr;
use std::ops::Deref;
use std::str::FromStr;

use crate::code::Code;
use crate::values::{Fault, Written, written};

/// An IP address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ip(pub IpAddr);

/// A range of IP addresses, with no bit set behind its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cidr {
    first: IpAddr,
    prefix: u8,
}

/// A DNS name: RFC 1123 labels with dots between them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Host(String);

/// The longest DNS name.
const HOST_MAX: usize = 253;

impl Cidr {
    /// Its first address.
    #[must_use]
    pub const fn first(&self) -> IpAddr {
        self.first
    }

    /// Whether an address lies in it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let width = width(self.first);
        width == self::width(address)
            && masked(bits(address), self.prefix, width) == bits(self.first)
    }
}

const fn width(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    }
}

fn masked(bits: u128, prefix: u8, width: u8) -> u128 {
    let behind = width - prefix;
    if behind == 128 { 0 } else { bits >> behind << behind }
}

impl FromStr for Ip {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        text.parse().map(Self).map_err(|_| Fault::new(format!("`{text}` is not an IP address")))
    }
}

impl FromStr for Cidr {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let wrong = || Fault::new(format!("`{text}` is not a range of IP addresses"));
        let help = "write the first address, a slash, and how many bits stay the same";
        let (first, prefix) = text.split_once('/').ok_or_else(|| wrong().with_help(help))?;
        let first: IpAddr = first.parse().map_err(|_| wrong().with_help(help))?;
        let width = width(first);
        let plain = prefix.bytes().all(|byte| byte.is_ascii_digit());
        let prefix = prefix.parse().ok().filter(|prefix| plain && *prefix <= width);
        let prefix: u8 = prefix.ok_or_else(|| wrong().with_help(help))?;
        let kept = masked(bits(first), prefix, width);
        if kept != bits(first) {
            let right = match first {
                IpAddr::V4(_) => IpAddr::V4(u32::try_from(kept).unwrap_or(0).into()),
                IpAddr::V6(_) => IpAddr::V6(kept.into()),
            };
            let message = format!("`{text}` has bits set behind its prefix");
            return Err(Fault::new(message).with_help(format!("write `{right}/{prefix}`")));
        }
        Ok(Self { first, prefix })
    }
}

impl FromStr for Host {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let label = |label: &str| label.parse::<crate::values::Name>().is_ok();
        if text.len() <= HOST_MAX && text.split('.').all(label) {
            return Ok(Self(text.to_owned()));
        }
        let help = "use lower case letters, digits and hyphens, with dots between the labels";
        Err(Fault::new(format!("`{text}` is not a DNS name")).with_help(help))
    }
}

impl fmt::Display for Ip {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.0)
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.first, self.prefix)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl Deref for Host {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

written!(Ip);
written!(Cidr);
written!(Host);

impl Written for Ip {
    const FORMAT: &'static str = "ip-address";
    const CODE: Code = Code::BadAddress;
    const NUMERIC: bool = false;
    const SYNTAX: &'static str = "an IPv4 or IPv6 address";
    const EXAMPLES: &'static [&'static str] = &["203.0.113.7", "2001:db8::7"];
    const PATTERN: &'static str = "^[0-9a-fA-F.:]+$";
}

impl Written for Cidr {
    const FORMAT: &'static str = "cidr";
    const CODE: Code = Code::BadAddress;
    const NUMERIC: bool = false;
    const SYNTAX: &'static str =
        "a range of IP addresses: the first of them, a slash, and how many bits stay the same";
    const EXAMPLES: &'static [&'static str] = &["10.8.0.0/16", "2001:db8::/32"];
    const PATTERN: &'static str = "^[0-9a-fA-F.:]+/[0-9]+$";
}

impl Written for Host {
    const FORMAT: &'static str = "dns-name";
    const CODE: Code = Code::BadAddress;
    const NUMERIC: bool = false;
    const SYNTAX: &'static str =
        "a DNS name: lower case letters, digits and hyphens, with dots between its labels";
    const EXAMPLES: &'static [&'static str] = &["shop.example.net"];
    const PATTERN: &'static str = "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_what_begins_alike() {
        let range: Cidr = "10.8.0.0/16".parse().unwrap();
        assert!(range.contains("10.8.200.1".parse().unwrap()));
        assert!(!range.contains("10.9.0.1".parse().unwrap()));
        assert!(!range.contains("::1".parse().unwrap()));
        let all: Cidr = "::/0".parse().unwrap();
        assert!(all.contains("2001:db8::1".parse().unwrap()));
        for wrong in ["10.8.0.0", "10.8.0.0/33", "10.8.0/16", "a/8", "10.0.0.0/+8"] {
            assert!(wrong.parse::<Cidr>().is_err(), "{wrong}");
        }
        let help = "10.8.1.0/16".parse::<Cidr>().unwrap_err().help.unwrap();
        assert_eq!(help, "write `10.8.0.0/16`");
    }

    #[test]
    fn hosts_are_labels_with_dots() {
        for wrong in ["", ".", "a..b", "A.b", "a.b.", "a_b.c", "*.a", "a/b", "a b"] {
            assert!(wrong.parse::<Host>().is_err(), "{wrong}");
        }
        assert!("a-1.b.example".parse::<Host>().is_ok());
    }
}
