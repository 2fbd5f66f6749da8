//! Calls over the session bus, many at once, within one deadline.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use dbus::Message;
use dbus::arg::ReadAll;
use dbus::channel::Channel;
use dbus::message::MessageType;
use regcred_core::harmless::harmless;

use crate::store::{StoreError, StoreKind};

/// The whole of a verb takes milliseconds; starting a keyring daemon, a second.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

pub(super) const SERVICE: &str = "org.freedesktop.secrets";

/// Why a call failed: what a caller may want to tell apart.
pub(super) enum CallError {
    /// There is no such object, any more.
    NoObject,
    Other(StoreError),
}

impl From<StoreError> for CallError {
    fn from(error: StoreError) -> Self {
        Self::Other(error)
    }
}

/// A connection to a bus. Calls are sent without waiting, so that several travel at once.
pub(super) struct Bus {
    channel: Channel,
    replies: HashMap<u32, Message>,
    deadline: Instant,
}

/// A call whose reply can be waited for.
#[must_use]
#[derive(Clone, Copy)]
pub(super) struct Call(u32);

impl Bus {
    /// Connects and says hello, without waiting for the answer: what fails later fails the first reply.
    pub(super) fn connect(address: &str) -> Result<Self, StoreError> {
        let channel = Channel::open_private(address)
            .map_err(|error| no_bus(&format!("the session bus can't be reached ({})", words(&error))))?;
        let mut bus = Self { channel, replies: HashMap::new(), deadline: Instant::now() + PATIENCE };
        let hello =
            message("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello")?;
        let _ = bus.send(hello)?;
        Ok(bus)
    }

    /// A verb's time begins; a connection can serve several verbs.
    pub(super) fn begin(&mut self) {
        self.deadline = Instant::now() + PATIENCE;
    }

    /// Sends a call to the Secret Service.
    pub(super) fn call<A: dbus::arg::AppendAll>(
        &mut self,
        path: &str,
        interface: &str,
        member: &str,
        arguments: A,
    ) -> Result<Call, StoreError> {
        let mut call = message(SERVICE, path, interface, member)?;
        call.append_all(arguments);
        self.send(call)
    }

    fn send(&mut self, message: Message) -> Result<Call, StoreError> {
        self.channel
            .send(message)
            .map(Call)
            .map_err(|()| StoreError::Failed("no memory is left for a message to the session bus".to_owned()))
    }

    /// Waits for the reply to a call.
    pub(super) fn reply<R: ReadAll>(&mut self, call: Call) -> Result<R, CallError> {
        let mut reply = self.wait(call)?;
        let reply = reply.as_result().map_err(|error| from_bus(&error))?;
        reply.read_all().map_err(|_| {
            StoreError::Failed(
                "the Secret Service answers with something else than its specification says".to_owned(),
            )
            .into()
        })
    }

    fn wait(&mut self, Call(serial): Call) -> Result<Message, StoreError> {
        loop {
            if let Some(reply) = self.replies.remove(&serial) {
                return Ok(reply);
            }
            while let Some(message) = self.channel.pop_message() {
                let is_reply = matches!(message.msg_type(), MessageType::MethodReturn | MessageType::Error);
                match message.get_reply_serial() {
                    // The answer to Hello: only a refusal is news.
                    Some(1) if message.msg_type() == MessageType::Error => {
                        let mut refusal = message;
                        let error = refusal.as_result().err().map(|error| words(&error)).unwrap_or_default();
                        return Err(no_bus(&format!("the session bus refuses us ({error})")));
                    }
                    Some(to) if is_reply => {
                        self.replies.insert(to, message);
                    }
                    _ => {}
                }
            }
            if self.replies.contains_key(&serial) {
                continue;
            }
            let left = self.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(StoreError::TimedOut {
                    store: StoreKind::SecretService,
                    seconds: PATIENCE.as_secs(),
                });
            }
            // At least a millisecond, or the loop would spin through the last one.
            if self.channel.read_write(Some(left.max(Duration::from_millis(1)))).is_err() {
                return Err(no_bus("the session bus closed the connection (it may belong to another user)"));
            }
        }
    }
}

fn message(destination: &str, path: &str, interface: &str, member: &str) -> Result<Message, StoreError> {
    // Paths come from the service, and may be none.
    Message::new_method_call(destination, path, interface, member)
        .map_err(|_| StoreError::Failed("the Secret Service names an object that can't be".to_owned()))
}

/// An error that a call was answered with (specification of the Secret Service, "Errors"; dbus-daemon's own).
fn from_bus(error: &dbus::Error) -> CallError {
    let name = error.name().unwrap_or_default();
    let absent = |why: String| {
        CallError::Other(StoreError::Absent {
            why,
            remedy: "start one, such as gnome-keyring-daemon, or choose the kernel's with REGCRED_STORE=keyutils",
        })
    };
    match name.strip_prefix("org.freedesktop.").unwrap_or(name) {
        "DBus.Error.ServiceUnknown" | "DBus.Error.NameHasNoOwner" => {
            absent("no Secret Service answers on the session bus".to_owned())
        }
        name if name.starts_with("DBus.Error.Spawn.") => {
            absent(format!("the Secret Service could not be started ({})", words(error)))
        }
        "Secret.Error.IsLocked" => StoreError::Locked.into(),
        "Secret.Error.NoSuchObject" | "DBus.Error.UnknownObject" | "DBus.Error.UnknownMethod" => CallError::NoObject,
        "DBus.Error.AccessDenied" => StoreError::Denied(format!(
            "the session bus does not let us talk to the Secret Service ({}); run as the user whose session it is",
            words(error)
        ))
        .into(),
        "DBus.Error.NoReply" | "DBus.Error.Disconnected" => StoreError::Failed(
            "the Secret Service went away while it was asked; see that it runs (gnome-keyring-daemon --start), \
             and try again"
                .to_owned(),
        )
        .into(),
        _ => StoreError::Failed(format!("the Secret Service failed ({name}: {})", words(error))).into(),
    }
}

/// No bus, and so no Secret Service.
pub(crate) fn no_bus(why: &str) -> StoreError {
    StoreError::Absent {
        why: format!("{why}, so there is no Secret Service"),
        remedy: "log in to a desktop session or set DBUS_SESSION_BUS_ADDRESS, or choose the kernel's keyring with \
                 REGCRED_STORE=keyutils",
    }
}

fn words(error: &dbus::Error) -> String {
    harmless(error.message().or(error.name()).unwrap_or("no reason given"))
}
