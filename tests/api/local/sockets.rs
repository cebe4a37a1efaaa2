//! Sockets: who can open one, and the hints that it gets.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use shared::key::Scope;
use shared::store::Sockets;
use shared::time::{Clock, Micros};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderName;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::events::begins;
use crate::harness::{Person, World};

/// An open socket.
pub struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    /// The next text; none if the server closes the socket.
    async fn next(&mut self) -> Option<Value> {
        let frame = tokio::time::timeout(Duration::from_mins(1), self.0.next());
        match frame.await.expect("a frame comes")?.unwrap() {
            Message::Text(text) => Some(serde_json::from_str(&text).unwrap()),
            Message::Close(_) => None,
            other => panic!("unexpected frame {other:?}"),
        }
    }

    /// The code with which the server closes the socket.
    async fn close_code(&mut self) -> u16 {
        match self.0.next().await {
            Some(Ok(Message::Close(Some(frame)))) => frame.code.into(),
            other => panic!("unexpected frame {other:?}"),
        }
    }

    /// Closes the socket, and waits until the server has closed it, too.
    async fn closes(mut self) {
        self.0.close(None).await.unwrap();
        while let Some(Ok(_)) = self.0.next().await {}
    }

    async fn says(&mut self, text: &str) {
        self.0.send(Message::Text(text.into())).await.unwrap();
    }
}

/// Opens a socket, or returns the status of the refusal.
async fn opens(
    world: &World,
    query: &str,
    headers: &[(&'static str, String)],
) -> Result<Socket, u16> {
    let url = format!("{}{query}", world.stack().sockets.url());
    let mut request = url.into_client_request().unwrap();
    for (name, value) in headers {
        let name = HeaderName::from_static(name);
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    match connect_async(request).await {
        Ok((stream, _)) => Ok(Socket(stream)),
        Err(Error::Http(response)) => Err(response.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

fn bearer(person: &Person) -> (&'static str, String) {
    ("authorization", format!("Bearer {}", person.token))
}

pub async fn opens_as(world: &World, person: &Person) -> Socket {
    opens(world, "", &[bearer(person)]).await.ok().unwrap()
}

/// The connections that are stored for a contact.
fn connections(world: &World, person: &Person) -> usize {
    let mut listeners = world.items("ListenersTable").into_iter();
    let listener = listeners.find(|item| item["contact_id"]["S"] == json!(person.id));
    let connections = &listener.unwrap()["connections"]["SS"];
    connections.as_array().map_or(0, Vec::len)
}

#[tokio::test]
async fn a_socket_gets_a_hint_with_the_cursor_to_which_the_feed_has_events() {
    let world = World::new().await;
    let cursor = begins(&world, &world.kate).await;
    let mut kate = opens_as(&world, &world.kate).await;
    let mut tablet = opens_as(&world, &world.kate).await;
    let mut buzz = opens_as(&world, &world.buzz).await;
    let sent = world.kevin.sends("hello").await;
    world.settles().await;
    let hint = kate.next().await.unwrap();
    assert_eq!(hint["type"], "events");
    let page = world.kate.gets_events(&cursor, 100).await.is(200).json();
    assert_eq!(page["data"][0]["message_id"], sent);
    assert_eq!(hint["cursor"], page["cursor"]);
    assert_eq!(tablet.next().await.unwrap(), hint);
    // A contact that has never asked for a cursor follows its feed with the socket. The first hint is of its own message.
    world.buzz.sends("to myself").await;
    world.settles().await;
    let hint = buzz.next().await.unwrap();
    let end = world.buzz.gets("/v1/events").await.is(200).json();
    assert_eq!(hint["cursor"], end["cursor"]);
}

#[tokio::test]
async fn a_socket_needs_the_token_of_a_contact() {
    let world = World::new().await;
    let (id, short_lived) = world.kate.creates_token("expires_in=60").await;
    let query = format!("?access_token={}", short_lived.token);
    assert!(opens(&world, &query, &[]).await.is_ok());
    let server = world.new_server(&[Scope::Conversations]).await;

    let refused = async |query: &str, headers: &[_]| opens(&world, query, headers).await.err();
    assert_eq!(refused("", &[]).await, Some(401));
    assert_eq!(refused("?access_token=unknown", &[]).await, Some(401));
    assert_eq!(refused("?access_token=%0a", &[]).await, Some(401));
    assert_eq!(refused("", &[bearer(&server)]).await, Some(403));
    world.kate.revokes_token(&id).await.is(204);
    assert_eq!(refused(&query, &[]).await, Some(401));
}

#[tokio::test]
async fn a_socket_that_has_been_closed_is_forgotten() {
    let world = World::new().await;
    world.settles().await;
    let gone = opens_as(&world, &world.kate).await;
    let mut open = opens_as(&world, &world.kate).await;
    gone.closes().await;
    // API Gateway says the same of a socket that is not quite open yet.
    world.kevin.sends("one").await;
    world.settles().await;
    open.next().await.unwrap();
    assert_eq!(connections(&world, &world.kate), 2);
    let later = Micros(Clock::system().now().0 + 2 * 60_000_000);
    let store = world.store().clone().with_clock(Clock::new(move || later));
    world.kevin.sends("two").await;
    world.settles_with(&store).await.unwrap();
    open.next().await.unwrap();
    assert_eq!(connections(&world, &world.kate), 1);
}

#[tokio::test]
async fn the_oldest_of_eleven_sockets_is_closed_and_expired_ones_are_forgotten() {
    let world = World::new().await;
    let now = Arc::new(AtomicU64::new(Clock::system().now().0));
    // The sockets ask the last host that was started.
    world.host().clock_at(&now).start().await;
    let mut sockets = Vec::new();
    for _ in 0..11 {
        sockets.push(opens_as(&world, &world.kate).await);
        now.fetch_add(1_000_000, Ordering::Relaxed);
    }
    assert_eq!(sockets[0].next().await, None);
    assert_eq!(connections(&world, &world.kate), 10);
    sockets[1].says("still open").await;
    now.fetch_add(2 * 60 * 60 * 1_000_000, Ordering::Relaxed);
    opens_as(&world, &world.kate).await;
    assert_eq!(connections(&world, &world.kate), 1);
}

#[tokio::test]
async fn frames_of_clients_are_ignored_up_to_32_kib() {
    let world = World::new().await;
    world.settles().await;
    let mut kate = opens_as(&world, &world.kate).await;
    for text in ["ping", "{}", &"x".repeat(32 * 1024)] {
        kate.says(text).await;
    }
    world.kevin.sends("hello").await;
    world.settles().await;
    assert_eq!(kate.next().await.unwrap()["type"], "events");
    kate.says(&"x".repeat(32 * 1024 + 1)).await;
    assert_eq!(kate.close_code().await, 1009);
}

#[tokio::test]
async fn the_feed_does_not_depend_on_sockets() {
    let world = World::new().await;
    let cursor = begins(&world, &world.kate).await;
    let _kate = opens_as(&world, &world.kate).await;
    world.kevin.sends("hello").await;
    let unreachable = local_stack::engine::config_at("http://127.0.0.1:1/live").unwrap();
    let store = world
        .store()
        .clone()
        .with_sockets(Sockets::new(&unreachable));
    world.settles_with(&store).await.unwrap();
    let page = world.kate.gets_events(&cursor, 100).await.is(200).json();
    assert_eq!(page["data"].as_array().unwrap().len(), 1);
    // A deployment without sockets.
    world.kevin.sends("hello again").await;
    let store = world.store().clone().with_sockets(None);
    world.settles_with(&store).await.unwrap();
    let page = world.kate.gets_events(&cursor, 100).await.is(200).json();
    assert_eq!(page["data"].as_array().unwrap().len(), 2);
}

/// The contact that opens many sockets at once gets a hint on each of them.
#[tokio::test]
async fn sockets_that_are_opened_at_once_are_all_recorded() {
    let world = World::new().await;
    world.settles().await;
    let opening = (0..8).map(|_| opens_as(&world, &world.kate));
    let mut sockets = futures_util::future::join_all(opening).await;
    assert_eq!(connections(&world, &world.kate), 8);
    world.kevin.sends("hello").await;
    world.settles().await;
    for socket in &mut sockets {
        assert_eq!(socket.next().await.unwrap()["type"], "events");
    }
}
