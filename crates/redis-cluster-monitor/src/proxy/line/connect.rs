//! How a line begins: it connects until it can, while requests may be sent, and tells the server who
//! it is.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::{Line, Stage, wake};
use crate::proxy::room::Room;
use crate::proxy::session::{End, Fault, Identity, Session};
use crate::proxy::socket;

/// The pause after a connect that failed, doubling.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
/// The longest of them.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);
/// A line that was not used for so long, and for up to twice that, is closed.
const UNUSED: Duration = Duration::from_secs(30);

/// Why a line does not begin.
enum Failure {
    /// It may the next time.
    Later,
    /// The server does not accept who it is.
    Refused,
}

impl Line {
    /// Serves the line until it ends.
    pub(super) async fn run(self: Rc<Self>, identity: Identity, room: Rc<Room>) {
        let mut pause = FIRST_PAUSE;
        // Its clients, the room and this task know it: without clients it is not needed.
        while self.stage() == Stage::Opening && Rc::strong_count(&self) > 2 {
            match self.open(&identity, &room).await {
                Ok(()) => {
                    tokio::select! {
                        () = self.serve(&room) => {}
                        () = self.unused() => {}
                    }
                    self.end(Stage::Gone);
                }
                Err(Failure::Refused) => self.end(Stage::Refused),
                Err(Failure::Later) => {
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    room.opened().await;
                }
            }
        }
        room.lines.forget(&self);
        self.end(Stage::Gone);
    }

    /// Waits until nobody has used it for a while.
    async fn unused(&self) {
        loop {
            sleep(UNUSED).await;
            let mut state = self.state.borrow_mut();
            if !std::mem::take(&mut state.used) && state.owed.is_empty() {
                return;
            }
        }
    }

    async fn open(&self, identity: &Identity, room: &Room) -> Result<(), Failure> {
        let stream = timeout(room.settings.connect_within, async {
            let stream = socket::connect(self.primary)
                .await
                .map_err(|_| Failure::Later)?;
            introduce(&stream, identity).await?;
            Ok(stream)
        });
        let stream = stream.await.unwrap_or(Err(Failure::Later))?;
        let mut state = self.state.borrow_mut();
        if state.stage != Stage::Opening {
            return Ok(());
        }
        state.stage = Stage::Open;
        state.stream = Some(stream);
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        wake(&waiting);
        Ok(())
    }
}

/// Makes a connection what it has to be.
async fn introduce(stream: &TcpStream, identity: &Identity) -> Result<(), Failure> {
    let mut session = Session::introducing(identity.clone());
    session.connected(true).map_err(|_| Failure::Refused)?;
    let mut input = BytesMut::new();
    let mut chunk = [0; 512];
    while !session.is_told() {
        while !session.to_server.is_empty() {
            stream.writable().await.map_err(|_| Failure::Later)?;
            socket::write(stream, &mut session.to_server).map_err(|_| Failure::Later)?;
        }
        stream.readable().await.map_err(|_| Failure::Later)?;
        match stream.try_read(&mut chunk) {
            Ok(count @ 1..) => input.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Ok(0) | Err(_) => return Err(Failure::Later),
        }
        session.hear(&mut input).map_err(|fault| match fault {
            Fault::Client(End::Refused) => Failure::Refused,
            Fault::Client(_) | Fault::Protocol(_) | Fault::NotServing => Failure::Later,
        })?;
    }
    Ok(())
}
