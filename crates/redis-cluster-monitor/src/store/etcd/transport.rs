//! Calls to etcd: one connection at a time, to whichever endpoint answers.
//!
//! Decided here: which endpoint is asked, when the next one is, and whether a failed call may have
//! been carried out. Not here: what is called.
//!
//! Always holds: no call and no connect waits without end; a call is repeated only if it was
//! certainly not carried out.

use std::sync::Arc;
use std::time::Duration;

use rcm_core::time::Instant;
use tokio::sync::Mutex;
use tokio::time::timeout;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Request, Status};

use super::stubs::AuthenticateRequest;
use super::stubs::auth_client::AuthClient;
use crate::clock::Clock;
use crate::config::{Credentials, Etcd as Settings};
use crate::store::jitter;

/// The longest that a call may take.
pub(super) const CALL_WITHIN: Duration = Duration::from_secs(2);
/// The longest that a connect may take, with TLS; and as long again to show the password.
const CONNECT_WITHIN: Duration = Duration::from_millis(500);
/// A connection that was silent for so long is asked for a sign of life, and given up if it does
/// not come within as long again.
const ALIVE_EVERY: Duration = Duration::from_secs(1);
/// After a round of failed connects nobody connects for so long, a quarter more or less; it doubles
/// with every round.
const PAUSE: Duration = Duration::from_millis(100);
/// How often it doubles: up to 1.6 s.
const MOST_DOUBLINGS: u32 = 4;
/// No message may be longer, in bytes: a page of records is shorter.
pub(super) const LONGEST_MESSAGE: usize = 16 * 1024 * 1024;

/// Why a call brought nothing.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Fault {
    /// It was not sent.
    #[error("etcd cannot be reached: {0}")]
    Unreachable(String),
    /// It was refused, and is certainly not carried out.
    #[error("etcd refuses: {0}")]
    Refused(String),
    /// What has been read up to has been compacted away meanwhile.
    #[error("etcd has compacted what was being read")]
    Compacted,
    /// It may or may not be carried out.
    #[error("etcd gave no answer: {0}")]
    Lost(String),
}

/// What calls are made on.
pub(super) type Service = InterceptedService<Channel, Token>;

/// A client; copies share its connection.
#[derive(Clone, Debug)]
pub(super) struct Client(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    clock: Clock,
    endpoints: Vec<Endpoint>,
    credentials: Option<Credentials>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The endpoint whose turn it is.
    turn: usize,
    connection: Option<Connection>,
    /// How many connections there have been.
    count: u64,
    /// How many rounds in a row reached nobody, why, and until when nobody tries again.
    failed: Option<(u32, String, Instant)>,
}

#[derive(Clone, Debug)]
struct Connection {
    number: u64,
    service: Service,
}

/// Shows who we are with every call.
#[derive(Clone, Debug, Default)]
pub(super) struct Token(Option<MetadataValue<Ascii>>);

impl Interceptor for Token {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let metadata = request.metadata_mut();
        if let Some(token) = &self.0 {
            metadata.insert("token", token.clone());
        }
        // A member that has lost the others says so and ends streams instead of going quiet.
        metadata.insert("hasleader", MetadataValue::from_static("true"));
        Ok(request)
    }
}

impl Client {
    /// Nothing is connected yet. Fails if the certificates cannot be used.
    pub(super) fn new(settings: &Settings, clock: Clock) -> Result<Self, tonic::transport::Error> {
        let endpoints = settings
            .endpoints
            .iter()
            .map(|address| endpoint(settings, &address.to_string()))
            .collect::<Result<_, _>>()?;
        Ok(Self(Arc::new(Shared {
            clock,
            endpoints,
            credentials: settings.credentials.clone(),
            state: Mutex::default(),
        })))
    }

    /// Makes a call, at most for `within`. After a failure the next endpoint has its turn.
    pub(super) async fn call<T, A>(
        &self,
        within: Duration,
        call: impl Fn(Service) -> A,
    ) -> Result<T, Fault>
    where
        A: Future<Output = Result<T, Status>>,
    {
        let connection = self.connection().await?;
        let called = call(connection.service.clone());
        let answer = match self.once(&connection, within, called).await {
            // A token lives for some minutes, and not longer than its member. Whoever shows an old
            // one is turned away at the gate, so nothing was done.
            Err(status) if is_stale_token(&status) => {
                self.give_up(&connection, false).await;
                let connection = self.connection().await?;
                let called = call(connection.service.clone());
                self.once(&connection, within, called).await
            }
            answer => answer,
        };
        answer.map_err(|status| fault(&status))
    }

    async fn once<T>(
        &self,
        connection: &Connection,
        within: Duration,
        call: impl Future<Output = Result<T, Status>>,
    ) -> Result<T, Status> {
        let answer = timeout(within, call)
            .await
            .unwrap_or_else(|_| Err(Status::deadline_exceeded(format!("none in {within:?}"))));
        if let Err(status) = &answer
            && !is_stale_token(status)
            && matches!(fault(status), Fault::Lost(_))
        {
            self.give_up(connection, true).await;
        }
        answer
    }

    /// The connection is not used for further calls.
    async fn give_up(&self, connection: &Connection, rotate: bool) {
        let mut state = self.0.state.lock().await;
        let number = connection.number;
        if state
            .connection
            .take_if(|known| known.number == number)
            .is_some()
            && rotate
        {
            state.turn += 1;
        }
    }

    /// The connection that there is, or a new one to the first endpoint that answers.
    async fn connection(&self) -> Result<Connection, Fault> {
        let mut state = self.0.state.lock().await;
        if let Some(connection) = &state.connection {
            return Ok(connection.clone());
        }
        if let Some((_, why, until)) = &state.failed
            && self.0.clock.now() < *until
        {
            return Err(Fault::Unreachable(why.clone()));
        }
        let mut why = Vec::new();
        for _ in &self.0.endpoints {
            let endpoint = &self.0.endpoints[state.turn % self.0.endpoints.len()];
            match self.connect(endpoint).await {
                Ok(service) => {
                    state.count += 1;
                    state.failed = None;
                    let number = state.count;
                    let connection = Connection { number, service };
                    state.connection = Some(connection.clone());
                    return Ok(connection);
                }
                Err(error) => {
                    why.push(format!("{}: {error}", endpoint.uri()));
                    state.turn += 1;
                }
            }
        }
        let why = why.join(", ");
        let rounds = state.failed.as_ref().map_or(0, |(rounds, ..)| rounds + 1);
        let pause = jitter(PAUSE * 2_u32.pow(rounds.min(MOST_DOUBLINGS)));
        state.failed = Some((rounds, why.clone(), self.0.clock.now() + pause));
        Err(Fault::Unreachable(why))
    }

    async fn connect(&self, endpoint: &Endpoint) -> Result<Service, String> {
        let channel = timeout(CONNECT_WITHIN, endpoint.connect())
            .await
            .map_err(|_| format!("no connection within {CONNECT_WITHIN:?}"))?
            .map_err(|error| innermost(&error))?;
        let token = match &self.0.credentials {
            None => Token::default(),
            Some(credentials) => timeout(CONNECT_WITHIN, token(channel.clone(), credentials))
                .await
                .map_err(|_| format!("the password was not looked at in {CONNECT_WITHIN:?}"))??,
        };
        Ok(InterceptedService::new(channel, token))
    }
}

fn endpoint(settings: &Settings, address: &str) -> Result<Endpoint, tonic::transport::Error> {
    let scheme = if settings.tls.is_some() {
        "https"
    } else {
        "http"
    };
    let endpoint = Endpoint::from_shared(format!("{scheme}://{address}"))?
        .connect_timeout(CONNECT_WITHIN)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(ALIVE_EVERY)
        .keep_alive_timeout(ALIVE_EVERY)
        .keep_alive_while_idle(true);
    let Some(tls) = &settings.tls else {
        return Ok(endpoint);
    };
    let mut config = ClientTlsConfig::new();
    config = match &tls.ca {
        Some(ca) => config.ca_certificate(Certificate::from_pem(ca)),
        None => config.with_native_roots(),
    };
    if let Some((certificate, key)) = &tls.identity {
        config = config.identity(Identity::from_pem(certificate, key.reveal()));
    }
    endpoint.tls_config(config)
}

async fn token(channel: Channel, credentials: &Credentials) -> Result<Token, String> {
    let request = AuthenticateRequest {
        name: credentials.username.clone().unwrap_or_default(),
        password: credentials.password.reveal().to_owned(),
    };
    match AuthClient::new(channel).authenticate(request).await {
        Ok(answer) => match answer.into_inner().token.parse() {
            Ok(token) => Ok(Token(Some(token))),
            Err(_) => Err("it answered with a token that cannot be sent".to_owned()),
        },
        // Users come before the switch that makes them needed, and may stay after it.
        Err(status) if status.message().contains("authentication is not enabled") => {
            Ok(Token::default())
        }
        Err(status) => Err(status.message().to_owned()),
    }
}

fn is_stale_token(status: &Status) -> bool {
    let text = status.message();
    text.contains("invalid auth token")
        || text.contains("revision of auth store is old")
        // Users became needed while we were connected.
        || text.contains("user name is empty")
}

/// What is known after a call failed.
fn fault(status: &Status) -> Fault {
    let text = if status.message().is_empty() {
        status.code().to_string()
    } else {
        status.message().to_owned()
    };
    match status.code() {
        Code::OutOfRange if text.contains("compacted") => Fault::Compacted,
        // These are said before anything is done.
        Code::InvalidArgument
        | Code::PermissionDenied
        | Code::Unauthenticated
        | Code::FailedPrecondition
        | Code::NotFound
        | Code::Unimplemented
        | Code::OutOfRange => Fault::Refused(text),
        // The member that notices that there is no space left has stored what it complains about.
        Code::ResourceExhausted if text.contains("space exceeded") => Fault::Lost(format!(
            "{text}; compact and defragment etcd, then disarm its alarm"
        )),
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::DeadlineExceeded
        | Code::AlreadyExists
        | Code::ResourceExhausted
        | Code::Aborted
        | Code::Internal
        | Code::Unavailable
        | Code::DataLoss => Fault::Lost(text),
    }
}

/// The last cause, which says most.
pub(super) fn innermost(error: &tonic::transport::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// A client of one of etcd's services, whose messages are bounded.
macro_rules! bounded {
    ($client:ident, $service:expr) => {
        $client::new($service)
            .max_decoding_message_size($crate::store::etcd::transport::LONGEST_MESSAGE)
    };
}
pub(super) use bounded;
