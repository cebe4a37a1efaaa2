//! Which IP addresses webhooks may be posted to.
//!
//! Clients choose the URLs of webhooks. Without this check, a URL could make the function send requests to its own host, to
//! a private network or to the metadata service of the cloud (server-side request forgery).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The IPv4 blocks that are not public, each with the length of its prefix: those of the [IANA registry of
/// special-purpose addresses][registry] that are not globally reachable, and multicast.
///
/// [registry]: https://www.iana.org/assignments/iana-ipv4-special-registry
const NOT_PUBLIC_V4: [([u8; 4], u32); 15] = [
    ([0, 0, 0, 0], 8),       // this network; 0.0.0.0 is the local host
    ([10, 0, 0, 0], 8),      // private
    ([100, 64, 0, 0], 10),   // shared, for carrier-grade NAT
    ([127, 0, 0, 0], 8),     // loopback
    ([169, 254, 0, 0], 16),  // link-local, with the metadata and DNS servers of AWS
    ([172, 16, 0, 0], 12),   // private
    ([192, 0, 0, 0], 24),    // IETF protocol assignments
    ([192, 0, 2, 0], 24),    // documentation
    ([192, 88, 99, 0], 24),  // 6to4 relays, deprecated
    ([192, 168, 0, 0], 16),  // private
    ([198, 18, 0, 0], 15),   // benchmarking
    ([198, 51, 100, 0], 24), // documentation
    ([203, 0, 113, 0], 24),  // documentation
    ([224, 0, 0, 0], 4),     // multicast
    ([240, 0, 0, 0], 4),     // reserved, and broadcast
];

/// The only IPv6 block of which IANA assigns global unicast addresses. Outside are, among others, loopback,
/// IPv4-mapped, NAT64, unique local, link-local and multicast addresses.
const GLOBAL_UNICAST: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// The blocks within [`GLOBAL_UNICAST`] that are not public, according to the [IANA registry of
/// special-purpose addresses][registry].
///
/// [registry]: https://www.iana.org/assignments/iana-ipv6-special-registry
const NOT_PUBLIC_V6: [(Ipv6Addr, u32); 4] = [
    // IETF protocol assignments: Teredo, benchmarking, ORCHID
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    // documentation
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    // 6to4, which contains IPv4 addresses
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    // documentation
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// Whether packets to an address can leave for the public internet, rather than reach this host, its network
/// or nothing at all. An IPv6 address that contains an IPv4 address is never public, whichever it contains.
///
/// Check the address that is connected to, after each resolution of a name: a name may resolve to a public
/// address now and to a private one later.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !NOT_PUBLIC_V4
            .iter()
            .any(|block| contains_v4(*block, address)),
        IpAddr::V6(address) => {
            contains_v6(GLOBAL_UNICAST, address)
                && !NOT_PUBLIC_V6
                    .iter()
                    .any(|block| contains_v6(*block, address))
        }
    }
}

/// Whether the first `length` bits of an address are those of the block. The length is not 0.
fn contains_v4((first, length): ([u8; 4], u32), address: Ipv4Addr) -> bool {
    (u32::from_be_bytes(first) ^ address.to_bits()) >> (Ipv4Addr::BITS - length) == 0
}

/// As [`contains_v4`].
fn contains_v6((first, length): (Ipv6Addr, u32), address: Ipv6Addr) -> bool {
    (first.to_bits() ^ address.to_bits()) >> (Ipv6Addr::BITS - length) == 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The first and the last address of each block that is not public.
    const NOT_PUBLIC: [(&str, &str); 39] = [
        ("0.0.0.0", "0.255.255.255"),
        ("10.0.0.0", "10.255.255.255"),
        ("100.64.0.0", "100.127.255.255"),
        ("127.0.0.0", "127.255.255.255"),
        ("169.254.0.0", "169.254.255.255"),
        ("172.16.0.0", "172.31.255.255"),
        ("192.0.0.0", "192.0.0.255"),
        ("192.0.2.0", "192.0.2.255"),
        ("192.88.99.0", "192.88.99.255"),
        ("192.168.0.0", "192.168.255.255"),
        ("198.18.0.0", "198.19.255.255"),
        ("198.51.100.0", "198.51.100.255"),
        ("203.0.113.0", "203.0.113.255"),
        ("224.0.0.0", "239.255.255.255"),
        ("240.0.0.0", "255.255.255.255"),
        // unspecified and loopback
        ("::", "::1"),
        // IPv4-compatible
        ("::", "::255.255.255.255"),
        // IPv4-mapped
        ("::ffff:0.0.0.0", "::ffff:255.255.255.255"),
        // IPv4-translated
        ("::ffff:0:0.0.0.0", "::ffff:0:255.255.255.255"),
        // NAT64
        ("64:ff9b::", "64:ff9b::255.255.255.255"),
        ("64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff"),
        // discard and dummy
        ("100::", "100::ffff:ffff:ffff:ffff"),
        ("100:0:0:1::", "100::1:ffff:ffff:ffff:ffff"),
        // all below global unicast
        ("::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        // IETF protocol assignments; of them Teredo, benchmarking, AMT, AS112, ORCHID, ORCHIDv2, DETs
        ("2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff"),
        ("2001:3::", "2001:4:112:ffff:ffff:ffff:ffff:ffff"),
        ("2001:10::", "2001:3f:ffff:ffff:ffff:ffff:ffff:ffff"),
        // documentation
        ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"),
        // 6to4
        ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        // all above global unicast
        ("4000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        // SRv6
        ("5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        // unique local
        ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        // AWS: DNS and metadata
        ("fd00:ec2::253", "fd00:ec2::254"),
        // link-local
        ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        // site-local
        ("fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        // multicast
        ("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ];

    /// The public addresses just before and just after the blocks that are not public.
    const NEIGHBORS: [&str; 36] = [
        "1.0.0.0",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "191.255.255.255",
        "192.0.1.0",
        "192.0.1.255",
        "192.0.3.0",
        "192.88.98.255",
        "192.88.100.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "198.51.99.255",
        "198.51.101.0",
        "203.0.112.255",
        "203.0.114.0",
        "223.255.255.255",
        "2000::",
        "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "2001:200::",
        "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff",
        "2001:db9::",
        "2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "2003::",
        "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "3fff:1000::",
        "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    ];

    /// Addresses of public servers.
    const SERVERS: [&str; 9] = [
        "1.1.1.1",
        "8.8.8.8",
        "93.184.216.34",
        "52.94.236.248", // AWS
        "3.5.140.2",     // AWS, S3
        "2606:4700::1111",
        "2a00:1450:4001:812::200e",
        "2600:1f18::1", // AWS
        "2001:4860:4860::8888",
    ];

    fn parse(address: &str) -> IpAddr {
        address.parse().unwrap()
    }

    #[test]
    fn special_purpose_addresses_are_not_public() {
        for (first, last) in NOT_PUBLIC {
            assert!(!is_public(parse(first)), "{first}");
            assert!(!is_public(parse(last)), "{last}");
        }
    }

    #[test]
    fn addresses_next_to_the_special_purpose_blocks_are_public() {
        for address in NEIGHBORS {
            assert!(is_public(parse(address)), "{address}");
        }
    }

    #[test]
    fn servers_on_the_internet_are_public() {
        for address in SERVERS {
            assert!(is_public(parse(address)), "{address}");
        }
    }

    #[test]
    fn metadata_servers_are_not_public() {
        for address in [
            "169.254.169.254",
            "169.254.170.2",
            "fd00:ec2::254",
            "::ffff:169.254.169.254",
        ] {
            assert!(!is_public(parse(address)), "{address}");
        }
    }

    proptest! {
        #[test]
        fn an_ipv6_address_that_contains_an_ipv4_address_is_not_public(address: Ipv4Addr) {
            let [a, b, c, d] = address.octets();
            let [high, low] = [[a, b], [c, d]].map(u16::from_be_bytes);
            for containing in [
                address.to_ipv6_mapped(),
                address.to_ipv6_compatible(),
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low), // NAT64
                Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, high, low), // NAT64, local
                Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1), // 6to4
                Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, !high, !low), // Teredo
            ] {
                prop_assert!(!is_public(containing.into()), "{containing}");
            }
        }
    }
}
