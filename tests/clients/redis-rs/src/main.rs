//! Writes to the primary that Sentinels name, and asks them again after every error.

use client_redis_rs::Pace;
use redis::RedisResult;

// docs: begin
use redis::AsyncTypedCommands;
use redis::aio::MultiplexedConnection;
use redis::sentinel::{SentinelClient, SentinelServerType};

struct Primary {
    client: SentinelClient,
    connection: Option<MultiplexedConnection>,
}

impl Primary {
    /// Sentinels are URLs as `redis://127.0.0.1:26379`.
    fn new(sentinels: Vec<String>, group: String) -> RedisResult<Self> {
        let role = SentinelServerType::Master;
        let client = SentinelClient::build(sentinels, group, None, role)?;
        Ok(Self {
            client,
            connection: None,
        })
    }

    async fn increment(&mut self, key: &str) -> RedisResult<isize> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.client.get_async_connection().await?,
        };
        let counter = connection.incr(key, 1).await?;
        // A connection keeps the address that it was made with: after an error another one is needed.
        self.connection = Some(connection);
        Ok(counter)
    }
}
// docs: end

#[tokio::main(flavor = "current_thread")]
async fn main() -> RedisResult<()> {
    let pace = Pace::begin();
    let sentinels = pace.addresses.iter();
    let sentinels = sentinels.map(|address| format!("redis://{address}"));
    let mut primary = Primary::new(sentinels.collect(), pace.group.clone())?;
    pace.run(async || primary.increment("counter").await).await;
    Ok(())
}
