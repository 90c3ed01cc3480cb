//! A plain TCP load balancer: one address for all replicas, whichever are alive.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::Failure;

/// Each connection goes to the next replica that takes it. It ends when it is dropped.
pub struct LoadBalancer {
    /// Where it listens.
    pub addr: SocketAddr,
    task: JoinHandle<()>,
}

impl LoadBalancer {
    /// Opens it before these replicas, which need not listen yet.
    pub async fn open(replicas: Vec<SocketAddr>) -> Result<Self, Failure> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let addr = listener.local_addr()?;
        let replicas: Arc<[SocketAddr]> = replicas.into();
        let next = Arc::new(AtomicUsize::new(0));
        let task = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let first = next.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(forward(near, replicas.clone(), first));
            }
        });
        Ok(Self { addr, task })
    }
}

impl Drop for LoadBalancer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn forward(mut near: TcpStream, replicas: Arc<[SocketAddr]>, first: usize) {
    for step in 0..replicas.len() {
        let replica = replicas[(first + step) % replicas.len()];
        if let Ok(mut far) = TcpStream::connect(replica).await {
            // Either end may break off. The runs are about that.
            drop(copy_bidirectional(&mut near, &mut far).await);
            return;
        }
    }
}
