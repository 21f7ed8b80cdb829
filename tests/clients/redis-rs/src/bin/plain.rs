//! Writes to one address, with a connection that connects again by itself.

use client_redis_rs::Pace;
use redis::RedisResult;

use redis::AsyncTypedCommands;
use redis::aio::ConnectionManager;

/// The address is a URL as `redis://127.0.0.1:6380`.
async fn connect(address: &str) -> RedisResult<ConnectionManager> {
    redis::Client::open(address)?.get_connection_manager().await
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> RedisResult<()> {
    let pace = Pace::begin();
    let mut client = connect(&format!("redis://{}", pace.addresses[0])).await?;
    pace.run(async || client.incr("counter", 1).await).await;
    Ok(())
}
