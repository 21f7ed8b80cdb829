//! The calls of etcd's API that are made, and the parts of its transactions.

use std::time::Duration;

use tokio_stream::{StreamExt as _, once, pending};
use tonic::{Status, Streaming};

use super::stubs::compare::{CompareResult, CompareTarget, TargetUnion};
use super::stubs::kv_client::KvClient;
use super::stubs::lease_client::LeaseClient;
use super::stubs::request_op::Request;
use super::stubs::response_op::Response;
use super::stubs::watch_client::WatchClient;
use super::stubs::watch_request::RequestUnion;
use super::stubs::{
    Compare, DeleteRangeRequest, KeyValue, LeaseGrantRequest, LeaseKeepAliveRequest,
    LeaseRevokeRequest, PutRequest, RangeRequest, RangeResponse, RequestOp, TxnRequest,
    TxnResponse, WatchCreateRequest, WatchRequest, WatchResponse,
};
use super::transport::{CALL_WITHIN, Client, Fault, bounded};

/// A lease that etcd has granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LeaseId(pub i64);

/// Messages of a watch, as they arrive.
pub(super) struct Messages(Streaming<WatchResponse>);

impl Messages {
    /// The next one; after an error or the end there is none.
    pub(super) async fn next(&mut self) -> Result<WatchResponse, String> {
        match self.0.message().await {
            Ok(Some(message)) if message.canceled => Err(message.cancel_reason),
            Ok(Some(message)) => Ok(message),
            Ok(None) => Err("the member ended it".to_owned()),
            Err(status) => Err(status.message().to_owned()),
        }
    }
}

impl Client {
    /// The value of one key, no older than this call.
    pub(super) async fn get(&self, key: &str) -> Result<Option<KeyValue>, Fault> {
        let request = range_of(key);
        let answer = self.range(request).await?;
        Ok(answer.kvs.into_iter().next())
    }

    pub(super) async fn range(&self, request: RangeRequest) -> Result<RangeResponse, Fault> {
        let call = |service| {
            let mut kv = bounded!(KvClient, service);
            let request = request.clone();
            async move { Ok(kv.range(request).await?.into_inner()) }
        };
        self.call(CALL_WITHIN, call).await
    }

    /// If all of `compare` hold, `success` is done at once, else `failure`.
    pub(super) async fn transact(
        &self,
        compare: Vec<Compare>,
        success: Vec<RequestOp>,
        failure: Vec<RequestOp>,
    ) -> Result<TxnResponse, Fault> {
        let request = TxnRequest {
            compare,
            success,
            failure,
        };
        let call = |service| {
            let mut kv = bounded!(KvClient, service);
            let request = request.clone();
            async move { Ok(kv.txn(request).await?.into_inner()) }
        };
        self.call(CALL_WITHIN, call).await
    }

    /// A new lease, and for how long it is granted.
    pub(super) async fn grant(&self, ttl: Duration) -> Result<(LeaseId, Duration), Fault> {
        let ttl = i64::try_from(ttl.as_secs()).unwrap_or(i64::MAX);
        let call = |service| async move {
            let mut lease = bounded!(LeaseClient, service);
            let request = LeaseGrantRequest { ttl };
            Ok(lease.lease_grant(request).await?.into_inner())
        };
        let answer = self.call(CALL_WITHIN, call).await?;
        Ok((LeaseId(answer.id), seconds(answer.ttl)))
    }

    /// For how long the lease is granted from now on; zero when it has ended.
    pub(super) async fn keep_alive(
        &self,
        LeaseId(id): LeaseId,
        within: Duration,
    ) -> Result<Duration, Fault> {
        let call = |service| async move {
            let mut lease = bounded!(LeaseClient, service);
            let request = once(LeaseKeepAliveRequest { id });
            let mut answers = lease.lease_keep_alive(request).await?.into_inner();
            let answer = answers.message().await?;
            let answer = answer.ok_or_else(|| Status::unavailable("the member ended the call"))?;
            Ok(seconds(answer.ttl))
        };
        self.call(within, call).await
    }

    /// Ends the lease; its keys are gone with it.
    pub(super) async fn revoke(&self, LeaseId(id): LeaseId) -> Result<(), Fault> {
        let call = |service| async move {
            let mut lease = bounded!(LeaseClient, service);
            lease.lease_revoke(LeaseRevokeRequest { id }).await?;
            Ok(())
        };
        self.call(CALL_WITHIN, call).await
    }

    /// Tells what becomes of all keys from `key` to `end` in revision `from` and later.
    pub(super) async fn watch(&self, key: &str, end: &[u8], from: i64) -> Result<Messages, Fault> {
        let create = WatchCreateRequest {
            key: key.into(),
            range_end: end.to_vec(),
            start_revision: from,
            progress_notify: true,
            fragment: true,
        };
        let request = WatchRequest {
            request_union: Some(RequestUnion::CreateRequest(create)),
        };
        let call = |service| {
            let mut watch = bounded!(WatchClient, service);
            // A stream of requests that ends ends the watch.
            let requests = once(request.clone()).chain(pending());
            async move { Ok(Messages(watch.watch(requests).await?.into_inner())) }
        };
        self.call(CALL_WITHIN, call).await
    }
}

/// All of this key.
pub(super) fn range_of(key: &str) -> RangeRequest {
    RangeRequest {
        key: key.into(),
        ..RangeRequest::default()
    }
}

/// The key was created by the transaction of this revision; zero: it does not exist.
pub(super) fn created(key: &str, revision: i64) -> Compare {
    let target = TargetUnion::CreateRevision(revision);
    compare(key, CompareTarget::Create, target)
}

/// The key was last written by the transaction of this revision; zero: it does not exist.
pub(super) fn modified(key: &str, revision: i64) -> Compare {
    compare(key, CompareTarget::Mod, TargetUnion::ModRevision(revision))
}

/// The key has this value.
pub(super) fn holds(key: &str, value: &str) -> Compare {
    let target = TargetUnion::Value(value.into());
    compare(key, CompareTarget::Value, target)
}

fn compare(key: &str, target: CompareTarget, value: TargetUnion) -> Compare {
    Compare {
        result: CompareResult::Equal.into(),
        target: target.into(),
        key: key.into(),
        target_union: Some(value),
    }
}

pub(super) fn get(key: &str) -> RequestOp {
    operation(Request::Range(range_of(key)))
}

/// With a lease the key ends when that does.
pub(super) fn put(key: &str, value: impl Into<Vec<u8>>, lease: Option<LeaseId>) -> RequestOp {
    operation(Request::Put(PutRequest {
        key: key.into(),
        value: value.into(),
        lease: lease.map_or(0, |LeaseId(id)| id),
    }))
}

pub(super) fn delete(key: &str) -> RequestOp {
    let key = key.into();
    operation(Request::DeleteRange(DeleteRangeRequest { key }))
}

const fn operation(request: Request) -> RequestOp {
    RequestOp {
        request: Some(request),
    }
}

/// What the transaction read: the answer to its first operation, if that was [`get`].
pub(super) fn found(answer: TxnResponse) -> Option<KeyValue> {
    let first = answer.responses.into_iter().next()?;
    let Some(Response::Range(range)) = first.response else {
        return None;
    };
    range.kvs.into_iter().next()
}

/// What etcd calls a time to live; one that has ended is zero or negative.
fn seconds(ttl: i64) -> Duration {
    Duration::from_secs(u64::try_from(ttl).unwrap_or_default())
}
