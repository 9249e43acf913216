//! Accepting connections.

use core::net::SocketAddr;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::io;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::api::dispatch::Caller;
use crate::worker::worker::Worker;

use super::connection;

/// How long accepting rests when the system has no room for another connection.
const REST: Duration = Duration::from_millis(50);

/// Opens the socket that connections are accepted on.
///
/// # Errors
/// When the address cannot be had: in use, or not this machine's.
pub async fn bind(address: &str) -> io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Accepts connections and serves each, for ever. When this is dropped, so are they.
pub async fn accept(worker: Arc<Worker>, listener: TcpListener) {
    let open = Arc::new(AtomicUsize::new(0));
    let mut running = JoinSet::new();
    // How many connections there were.
    let mut count = 0;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            // Finished connections are taken off the list as they finish.
            Some(_) = running.join_next() => continue,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of files or memory: those who are connected go on, and room may come.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(REST).await;
                continue;
            }
        };
        let connections_max = worker.around().live.get().connections_max;
        if open.fetch_add(1, Ordering::Relaxed) >= connections_max {
            open.fetch_sub(1, Ordering::Relaxed);
            tracing::warn!(%peer, connections_max, "refusing a connection: max.connections are open");
            continue;
        }
        // Answers are put together before they are sent, so there is nothing to gain by waiting for more.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%peer, %error, "a socket does not take TCP_NODELAY");
        }
        let (worker, open) = (Arc::clone(&worker), Arc::clone(&open));
        count += 1;
        let connection = count;
        running.spawn(async move {
            connection::serve(worker, stream, Caller { client_host: host_of(peer), connection }).await;
            open.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

/// The host as Kafka prints it. Source: `InetAddress.toString` of an address without a name.
fn host_of(peer: SocketAddr) -> String {
    format!("/{}", peer.ip())
}
