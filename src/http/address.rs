//! The client's address of a request, also behind proxies.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use ipnet::IpNet;

use crate::app::App;
use crate::error::{Error, Result};

/// The client's address: the peer's, or the one that a trusted proxy names. None: the request came over no network.
pub struct ClientAddress(pub Option<IpAddr>);

impl FromRequestParts<App> for ClientAddress {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let address = peer.map(|ConnectInfo(peer)| {
            client(peer.ip(), &parts.headers, &app.config.trusted_proxies)
        });
        Ok(Self(address))
    }
}

/// Walks from the peer back through `X-Forwarded-For`, as long as the proxy that added an entry is trusted. The first
/// address that isn't a trusted proxy's is the client, since it may have made up everything to its left. If an entry
/// can't be read, the host that added it is the client.
fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let mut speaker = peer.to_canonical();
    let lines = headers.get_all("x-forwarded-for").iter().rev();
    let hops = lines.flat_map(|line| line.to_str().unwrap_or("unreadable").rsplit(','));
    for hop in hops {
        let is_trusted = trusted.iter().any(|network| network.contains(&speaker));
        match address(hop.trim()) {
            Some(named) if is_trusted => speaker = named.to_canonical(),
            _ => break,
        }
    }
    speaker
}

/// `192.0.2.1`, `2001:db8::1`, and with a port as some proxies write it.
fn address(text: &str) -> Option<IpAddr> {
    let with_port = || text.parse().ok().map(|socket: SocketAddr| socket.ip());
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    text.parse().ok().or_else(with_port).or_else(bracketed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROXY: &str = "10.0.0.5";

    /// The client's address, with proxies in 10.0.0.0/8 and at 2001:db8::5.
    fn of(peer: &str, lines: &[&'static str]) -> String {
        let trusted = ["10.0.0.0/8", "2001:db8::5/128"].map(|net| net.parse().expect("a network"));
        let mut headers = HeaderMap::new();
        for line in lines {
            let value = axum::http::HeaderValue::from_bytes(line.as_bytes());
            headers.append("x-forwarded-for", value.expect("a value"));
        }
        client(peer.parse().expect("an address"), &headers, &trusted).to_string()
    }

    #[test]
    fn a_strangers_header_is_not_believed() {
        assert_eq!(of("192.0.2.7", &["198.51.100.1"]), "192.0.2.7");
        assert_eq!(of("192.0.2.7", &[]), "192.0.2.7");
    }

    #[test]
    fn behind_a_trusted_proxy_the_rightmost_untrusted_address_counts() {
        assert_eq!(of(PROXY, &["198.51.100.1"]), "198.51.100.1");
        // What the client wrote itself stands on the left.
        let made_up = ["203.0.113.9, 10.9.9.9, 198.51.100.1"];
        assert_eq!(of(PROXY, &made_up), "198.51.100.1");
        assert_eq!(of(PROXY, &["198.51.100.1, 10.0.0.6"]), "198.51.100.1");
        let two_lines = ["203.0.113.9", "198.51.100.1,10.0.0.6"];
        assert_eq!(of(PROXY, &two_lines), "198.51.100.1");
        assert_eq!(of("2001:db8::5", &["2001:db8:1::9"]), "2001:db8:1::9");
    }

    #[test]
    fn what_cannot_be_read_leaves_whoever_wrote_it() {
        assert_eq!(of(PROXY, &[]), PROXY);
        for odd in ["", "unknown", "198.51.100.1, ", "1.2.3", "\u{e9}"] {
            assert_eq!(of(PROXY, &[odd]), PROXY, "{odd:?}");
        }
        let named_by_a_proxy = ["198.51.100.1, unknown, 10.0.0.6"];
        assert_eq!(of(PROXY, &named_by_a_proxy), "10.0.0.6");
        assert_eq!(of(PROXY, &["10.0.0.7"]), "10.0.0.7", "all are trusted");
    }

    #[test]
    fn an_address_may_have_a_port_or_be_written_as_ipv6() {
        assert_eq!(of(PROXY, &["198.51.100.1:4711"]), "198.51.100.1");
        assert_eq!(of(PROXY, &["[2001:db8:1::9]:4711"]), "2001:db8:1::9");
        assert_eq!(of(PROXY, &["[2001:db8:1::9]"]), "2001:db8:1::9");
        assert_eq!(of("::ffff:10.0.0.5", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(of(PROXY, &["::ffff:198.51.100.1"]), "198.51.100.1");
    }
}
