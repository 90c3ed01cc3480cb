//! Requests over kept-alive connections, with as little work of the client's own as can be: the bytes are made
//! beforehand, and only the status and the body of an answer are read.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::Failure;
use crate::events::Signed;

/// A request, ready to be sent.
pub struct Request(Vec<u8>);

impl Request {
    /// A POST of a JSON body.
    pub fn post(path: &str, headers: &[(&str, &str)], body: &str) -> Self {
        let mut text = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        );
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
        Self(text.into_bytes())
    }

    /// A GET.
    pub fn get(path: &str, headers: &[(&str, &str)]) -> Self {
        let mut text = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n");
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        Self(text.into_bytes())
    }

    /// A delivery to the Connect endpoint.
    pub fn delivery(signed: &Signed) -> Self {
        let headers = [("stripe-signature", signed.signature.as_str())];
        Self::post("/webhooks/stripe/connect", &headers, &signed.body)
    }
}

/// How requests went.
pub struct Load {
    pub count: usize,
    pub took: Duration,
    /// The processor time of the server's own threads, where that is known.
    pub processor: Option<Duration>,
    /// Of each request, sorted.
    latencies: Vec<Duration>,
}

impl Load {
    /// Requests a second.
    pub fn per_second(&self) -> f64 {
        self.requests() / self.took.as_secs_f64()
    }

    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    fn requests(&self) -> f64 {
        self.count as f64
    }

    /// Processor time a request, in µs.
    pub fn processor_us(&self) -> Option<f64> {
        let took = self.processor?.as_secs_f64();
        Some(took * 1e6 / self.requests())
    }

    /// Nearest rank, in ms.
    pub fn percentile(&self, percent: usize) -> f64 {
        let rank = (self.latencies.len() * percent).div_ceil(100).max(1);
        let took = self.latencies.get(rank - 1);
        took.map_or(0.0, |took| took.as_secs_f64() * 1000.0)
    }
}

/// Sends each request once, over so many connections. Every one must be answered with 2xx and a body that `is_right`.
pub async fn send(
    addr: SocketAddr,
    requests: Vec<Request>,
    connections: u32,
    is_right: fn(&str) -> bool,
) -> Result<Load, Failure> {
    let count = requests.len();
    let requests = Arc::new(requests);
    let next = Arc::new(AtomicUsize::new(0));
    let mut open = Vec::new();
    for _ in 0..connections {
        let connection = TcpStream::connect(addr).await?;
        connection.set_nodelay(true)?;
        open.push(connection);
    }
    let mut senders: JoinSet<Result<Vec<Duration>, Failure>> = JoinSet::new();
    let start = Instant::now();
    for mut connection in open {
        let (requests, next) = (requests.clone(), next.clone());
        senders.spawn(async move {
            let (mut latencies, mut answer) = (Vec::new(), Vec::new());
            while let Some(Request(bytes)) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
                let start = Instant::now();
                connection.write_all(bytes).await?;
                let (status, body) = read(&mut connection, &mut answer).await?;
                latencies.push(start.elapsed());
                if !(200..300).contains(&status) || !is_right(body) {
                    return Err(format!("a request was answered with {status}: {body}").into());
                }
            }
            Ok(latencies)
        });
    }
    let mut latencies = Vec::with_capacity(count);
    while let Some(sent) = senders.join_next().await {
        latencies.extend(sent??);
    }
    let took = start.elapsed();
    if latencies.len() != count {
        return Err(format!("{} of {count} requests were answered", latencies.len()).into());
    }
    latencies.sort_unstable();
    Ok(Load {
        count,
        took,
        processor: None,
        latencies,
    })
}

/// Reads one answer, which must have a content-length.
async fn read<'a>(
    connection: &mut TcpStream,
    answer: &'a mut Vec<u8>,
) -> Result<(u16, &'a str), Failure> {
    answer.clear();
    let head = loop {
        if let Some(at) = answer.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if connection.read_buf(answer).await? == 0 {
            return Err("the server hung up".into());
        }
    };
    let text = std::str::from_utf8(&answer[..head])?.to_ascii_lowercase();
    let status = text.split(' ').nth(1).ok_or("no status")?.parse()?;
    let length: usize = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .ok_or("the answer doesn't say its length")?
        .trim()
        .parse()?;
    while answer.len() < head + length {
        if connection.read_buf(answer).await? == 0 {
            return Err("the server hung up".into());
        }
    }
    Ok((status, std::str::from_utf8(&answer[head..])?))
}
