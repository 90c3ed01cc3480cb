//! Where a checkout was asked for, for the evidence of a dispute: an address that can't be believed would do harm there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;

use crate::app::App;
use crate::db;
use crate::error::{Error, Result};
use crate::http::ClientAddress;

/// The most characters that are kept of a `User-Agent`.
const AGENT_LIMIT: usize = 500;

/// Where a checkout was asked for.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The buyer's address: of a caller from the internet, or the one that a trusted proxy names (`TRUSTED_PROXIES`).
    pub ip: Option<String>,
    /// What the caller says of itself.
    pub user_agent: Option<String>,
}

impl FromRequestParts<App> for Origin {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let ClientAddress(address) = ClientAddress::from_request_parts(parts, app).await?;
        let agent = parts.headers.get(header::USER_AGENT);
        let agent = agent.and_then(|value| value.to_str().ok());
        Ok(Self {
            ip: address.filter(is_public).map(|ip| ip.to_string()),
            user_agent: agent.map(|text| db::fit(text, AGENT_LIMIT)),
        })
    }
}

/// Whether an address may be a buyer's. One of a private network is a proxy's that isn't trusted, or of our own machines.
fn is_public(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => !is_local_v4(*ip),
        IpAddr::V6(ip) => !is_local_v6(*ip),
    }
}

fn is_local_v4(ip: Ipv4Addr) -> bool {
    let [first, second, ..] = ip.octets();
    // RFC 6598: addresses that providers share.
    let is_shared = first == 100 && (64..128).contains(&second);
    let is_special = ip.is_unspecified() || ip.is_broadcast() || ip.is_multicast();
    ip.is_private() || ip.is_loopback() || ip.is_link_local() || is_shared || is_special
}

fn is_local_v6(ip: Ipv6Addr) -> bool {
    let is_special = ip.is_unspecified() || ip.is_loopback() || ip.is_multicast();
    ip.is_unique_local() || ip.is_unicast_link_local() || is_special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_internet_are_a_buyers() {
        for (address, is_buyers) in [
            ("198.51.100.7", true),
            ("100.63.0.1", true),
            ("100.128.0.1", true),
            ("2001:db8::7", true),
            ("10.0.0.5", false),
            ("172.16.3.1", false),
            ("192.168.1.1", false),
            ("127.0.0.1", false),
            ("169.254.1.1", false),
            ("100.64.0.1", false),
            ("0.0.0.0", false),
            ("::1", false),
            ("fd00::1", false),
            ("fe80::1", false),
        ] {
            let address = address.parse().expect("an address");
            assert_eq!(is_public(&address), is_buyers, "{address}");
        }
    }
}
