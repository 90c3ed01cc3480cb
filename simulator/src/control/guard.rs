//! Access to the control API: only from this machine, under its own name, and never with a live
//! key.

use std::net::IpAddr;

use axum::{
    extract::{ConnectInfo, Request},
    http::{HeaderMap, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{
    error::ApiError,
    server::{Peer, authenticate},
};

pub(super) async fn guard(
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: Request,
    next: Next,
) -> Response {
    match check(peer.address.ip(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

fn check(peer: IpAddr, headers: &HeaderMap) -> Result<(), ApiError> {
    let text = |name| headers.get(name).and_then(|v| v.to_str().ok());
    let refuse = |message: &str| Err(ApiError::new(403, "invalid_request_error", message));
    if !peer.to_canonical().is_loopback() {
        return refuse("The control API answers this machine only.");
    }
    // DNS rebinding: a foreign page's name can resolve to this machine, so the `Host` is checked.
    if text(header::HOST).is_some_and(|host| !is_loopback(host)) {
        return refuse(
            "The control API answers to localhost, 127.0.0.1 and [::1] only, not to another host's name.",
        );
    }
    let origin = text(header::ORIGIN).map(|o| o.split_once("://").map_or(o, |(_, host)| host));
    if origin.is_some_and(|host| !is_loopback(host)) {
        return refuse("The control API takes nothing from pages of other hosts.");
    }
    match text(header::AUTHORIZATION) {
        None => Ok(()),
        some => authenticate(some).map(drop),
    }
}

fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.split(':').next().unwrap_or_default(),
    };
    let name = name.to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(peer: &str, headers: &[(&'static str, &str)]) -> bool {
        let headers = headers
            .iter()
            .map(|(name, value)| {
                let name = header::HeaderName::from_static(name);
                (name, value.parse().expect("value"))
            })
            .collect();
        check(peer.parse().expect("address"), &headers).is_ok()
    }

    #[test]
    fn this_machine_may_and_others_may_not() {
        for host in ["localhost:12111", "127.0.0.1", "[::1]:1", "a.LOCALHOST"] {
            assert!(allowed("127.0.0.1", &[("host", host)]), "{host}");
        }
        assert!(allowed("::ffff:127.0.0.1", &[]));
        assert!(!allowed("192.168.1.7", &[("host", "127.0.0.1")]));
        for host in ["evil.example", "localhost.evil.example", "10.0.0.1:80", ""] {
            assert!(!allowed("127.0.0.1", &[("host", host)]), "{host}");
        }
        assert!(!allowed("::1", &[("origin", "https://evil.example")]));
        assert!(!allowed("::1", &[("origin", "null")]));
        assert!(allowed("::1", &[("origin", "http://localhost:3000")]));
    }

    #[test]
    fn a_key_that_is_sent_must_be_a_test_key() {
        let live = format!("Bearer sk_{}_x", "live");
        assert!(!allowed("::1", &[("authorization", &live)]));
        assert!(!allowed("::1", &[("authorization", "Bearer nonsense")]));
        assert!(allowed("::1", &[("authorization", "Bearer sk_test_x")]));
    }
}
