//! What a request costs that is refused: nothing is read that its caller may not know.

use std::collections::BTreeSet;

use local_stack::template::Template;
use reqwest::Method;
use shared::id::{ContactId, ConversationId};
use shared::key::Scope;

use crate::harness::{Cost, Person, Response, World};

/// An endpoint, a form that it accepts, and whether it is about a conversation, a message, a contact or a token
/// that can be someone else's. `{…}` is replaced, see [`Request::resolved`].
struct Request {
    method: Method,
    route: &'static str,
    form: &'static str,
    is_about_others: bool,
}

const fn request(
    method: Method,
    route: &'static str,
    form: &'static str,
    is_about_others: bool,
) -> Request {
    Request {
        method,
        route,
        form,
        is_about_others,
    }
}

static REQUESTS: [Request; 52] = [
    request(Method::GET, "/v1/messages", "", false),
    request(
        Method::GET,
        "/v1/messages",
        "conversation_id={conversation}&limit=100",
        true,
    ),
    request(
        Method::POST,
        "/v1/messages",
        "conversation_id={conversation}&message=hello",
        true,
    ),
    request(Method::GET, "/v1/messages/{message}", "", true),
    request(
        Method::PUT,
        "/v1/messages/{message}",
        "reactions[heart][]={username}",
        true,
    ),
    request(
        Method::PUT,
        "/v1/messages/{message}",
        "attachments[]={attachment}",
        true,
    ),
    request(Method::DELETE, "/v1/messages/{message}", "", true),
    request(Method::GET, "/v1/messages/{message}/edits", "", true),
    request(Method::POST, "/v1/messages/{message}/report", "", true),
    request(Method::GET, "/v1/events", "", false),
    request(Method::GET, "/v1/audit", "", false),
    request(Method::GET, "/v1/reports", "", false),
    request(Method::PUT, "/v1/reports/{token}", "resolution=done", false),
    request(
        Method::GET,
        "/v1/attachments",
        "conversation_id={conversation}&limit=100",
        true,
    ),
    request(
        Method::POST,
        "/v1/attachments",
        "conversation_id={conversation}&filename=a&file_size=1",
        true,
    ),
    request(Method::GET, "/v1/attachments/{attachment}", "", true),
    request(Method::DELETE, "/v1/attachments/{attachment}", "", true),
    request(Method::GET, "/v1/attachments/{attachment}/file", "", true),
    request(Method::GET, "/v1/conversations", "", false),
    request(
        Method::POST,
        "/v1/conversations",
        "participants[]={username}",
        false,
    ),
    request(Method::GET, "/v1/conversations/{conversation}", "", true),
    request(
        Method::PUT,
        "/v1/conversations/{conversation}",
        "read_up_to={message}",
        true,
    ),
    request(
        Method::PUT,
        "/v1/conversations/{conversation}",
        "closed=false",
        false,
    ),
    request(Method::DELETE, "/v1/conversations/{conversation}", "", true),
    request(
        Method::POST,
        "/v1/conversations/{conversation}/participants",
        "participants[]={username}",
        true,
    ),
    request(
        Method::DELETE,
        "/v1/conversations/{conversation}/participants/{contact}",
        "",
        true,
    ),
    request(Method::GET, "/v1/blocks", "", false),
    request(Method::PUT, "/v1/blocks/{contact}", "", false),
    request(Method::DELETE, "/v1/blocks/{contact}", "", false),
    request(Method::GET, "/v1/contacts", "", false),
    request(Method::GET, "/v1/contacts", "username={username}", false),
    request(Method::GET, "/v1/contacts/{contact}", "", true),
    request(Method::POST, "/v1/contacts", "username={username}", false),
    request(
        Method::PUT,
        "/v1/contacts/{contact}",
        "suspended=false",
        false,
    ),
    request(Method::DELETE, "/v1/contacts/{contact}", "", false),
    request(Method::POST, "/v1/contacts/{contact}/tokens", "", false),
    request(Method::DELETE, "/v1/contacts/{contact}/tokens", "", false),
    request(Method::GET, "/v1/me", "", false),
    request(Method::PUT, "/v1/me", "phone_number=1", false),
    request(Method::GET, "/v1/tokens", "", false),
    request(Method::POST, "/v1/tokens", "", false),
    request(Method::DELETE, "/v1/tokens", "", false),
    request(Method::DELETE, "/v1/tokens/{token}", "", true),
    request(Method::GET, "/v1/webhooks", "", false),
    request(
        Method::POST,
        "/v1/webhooks",
        "url=https://hooks.example.com",
        false,
    ),
    request(Method::GET, "/v1/webhooks/{webhook}", "", true),
    request(
        Method::PUT,
        "/v1/webhooks/{webhook}",
        "is_enabled=false",
        true,
    ),
    request(Method::DELETE, "/v1/webhooks/{webhook}", "", true),
    request(Method::POST, "/v1/webhooks/{webhook}/secret", "", true),
    request(Method::POST, "/v1/webhooks/{webhook}/test", "", true),
    request(
        Method::GET,
        "/v1/webhooks/{webhook}/deliveries",
        "status=failed",
        true,
    ),
    request(
        Method::POST,
        "/v1/webhooks/{webhook}/replay",
        "ids[]=1xXn2eK7dQ0bLr94S",
        true,
    ),
];

/// What the requests are about.
struct Target {
    conversation: ConversationId,
    message: String,
    attachment: String,
    contact: ContactId,
    username: String,
    token: String,
    webhook: String,
}

impl Target {
    fn resolve(&self, text: &str) -> String {
        text.replace("{conversation}", &self.conversation.to_string())
            .replace("{message}", &self.message)
            .replace("{attachment}", &self.attachment)
            .replace("{contact}", &self.contact.to_string())
            .replace("{username}", &self.username)
            .replace("{token}", &self.token)
            .replace("{webhook}", &self.webhook)
    }
}

impl Request {
    async fn by(&self, person: &Person, target: &Target) -> Response {
        let (route, form) = (target.resolve(self.route), target.resolve(self.form));
        if self.method == Method::GET {
            return person.gets(&format!("{route}?{form}")).await;
        }
        let method = self.method.clone();
        if form.is_empty() {
            person.requests(method, &route, &[], ()).await
        } else {
            person.requests(method, &route, &[], form).await
        }
    }
}

/// Kevin's conversation, with long messages, and his token; and a target that does not exist.
async fn existing_and_unknown(world: &World) -> [Target; 2] {
    let kevin = &world.kevin;
    let mut message = String::new();
    for _ in 0..20 {
        message = kevin.sends(&"x".repeat(32 * 1024)).await;
    }
    let attachment = kevin.uploads("a", b"x").await;
    kevin.tries_to_send_files("", &[&attachment]).await.is(201);
    let token = kevin.posts("/v1/tokens", "").await.is(201).json();
    let webhook = "url=https://hooks.example.com";
    let webhook = kevin.posts("/v1/webhooks", webhook).await.is(201).json();
    let unknown = ConversationId::random();
    [
        Target {
            conversation: kevin.conversation,
            message: message.clone(),
            attachment: attachment.clone(),
            contact: kevin.id,
            username: kevin.username.clone(),
            token: token["id"].as_str().unwrap().to_owned(),
            webhook: webhook["id"].as_str().unwrap().to_owned(),
        },
        Target {
            conversation: unknown,
            message: format!("{}{unknown}", &message[..9]),
            attachment: format!("{}{unknown}", &attachment[..9]),
            contact: ContactId::random(),
            username: "nobody".to_owned(),
            token: ContactId::random().to_string(),
            webhook: ContactId::random().to_string(),
        },
    ]
}

#[test]
fn the_requests_cover_every_endpoint() {
    let template = Template::embedded().unwrap();
    let routes = template
        .functions
        .iter()
        .flat_map(|function| &function.routes);
    let anonymous = |route: &str| -> String {
        let segments = route.split('/');
        let segments = segments.map(|part| if part.starts_with('{') { "{}" } else { part });
        segments.collect::<Vec<_>>().join("/")
    };
    let routes: BTreeSet<_> = routes.map(|route| anonymous(route)).collect();
    let requests = REQUESTS.iter();
    let mut covered: BTreeSet<_> = requests
        .map(|request| anonymous(&format!("{} {}", request.method, request.route)))
        .collect();
    covered.insert("$default".to_owned());
    assert_eq!(covered, routes);
}

#[tokio::test]
async fn a_request_with_an_invalid_token_costs_at_most_one_read_unit() {
    let world = World::active().await;
    let [existing, _] = existing_and_unknown(&world).await;
    for request in &REQUESTS {
        let invalid = world.kevin.with_token("token_invalid");
        let cost = request.by(&invalid, &existing).await.is(401).cost();
        let endpoint = format!("{} {}", request.method, request.route);
        assert_eq!((cost.calls, cost.round_trips), (1, 1), "{endpoint}");
        assert!(cost.capacity_units <= 1.0, "{endpoint}: {cost:?}");
    }
}

#[tokio::test]
async fn a_strangers_request_costs_at_most_five_units_whether_its_target_exists_or_not() {
    let world = World::active().await;
    let targets = existing_and_unknown(&world).await;
    let stranger = world.new_person("stranger").await;
    stranger.gets("/v1/me").await.is(200);
    for request in REQUESTS.iter().filter(|request| request.is_about_others) {
        let endpoint = format!("{} {}", request.method, request.route);
        let mut costs: Vec<Cost> = Vec::new();
        // Twice: the first request of a token takes a round trip more.
        for target in [&targets[0], &targets[1], &targets[0], &targets[1]] {
            costs.push(request.by(&stranger, target).await.is(404).cost());
        }
        assert_eq!(costs[2], costs[3], "{endpoint}");
        for cost in costs {
            assert!(cost.capacity_units <= 5.0, "{endpoint}: {cost:?}");
        }
    }
}

/// What each request needs: a contact, or a server key that acts for itself and has a scope.
fn scope_of(request: &Request) -> Option<Scope> {
    let method = request.method.as_str();
    match request.route {
        "/v1/contacts" | "/v1/contacts/{contact}" => Some(Scope::Contacts),
        "/v1/contacts/{contact}/tokens" => Some(Scope::Tokens),
        route if route.starts_with("/v1/webhooks") => Some(Scope::Webhooks),
        "/v1/audit" => Some(Scope::Export),
        "/v1/attachments/{attachment}" | "/v1/attachments/{attachment}/file" => {
            (method == "GET").then_some(Scope::Moderate)
        }
        "/v1/reports"
        | "/v1/reports/{token}"
        | "/v1/messages/{message}/edits"
        | "/v1/conversations/{conversation}/participants/{contact}" => Some(Scope::Moderate),
        "/v1/messages/{message}" => (method != "PUT").then_some(Scope::Moderate),
        "/v1/messages" => {
            let is_of_conversation = method == "GET" && !request.form.is_empty();
            is_of_conversation.then_some(Scope::Moderate)
        }
        "/v1/conversations/{conversation}" => {
            let is_closing = request.form.starts_with("closed");
            (method == "GET" || is_closing).then_some(Scope::Moderate)
        }
        _ => None,
    }
}

/// Whether contacts may send the request, too.
fn is_for_contacts(request: &Request) -> bool {
    match scope_of(request) {
        None | Some(Scope::Webhooks) => true,
        Some(Scope::Moderate) => {
            !request.route.starts_with("/v1/reports") && !request.form.starts_with("closed")
        }
        Some(Scope::Export) => false,
        Some(_) => request.method == Method::GET,
    }
}

#[tokio::test]
async fn a_server_key_does_what_its_scopes_allow_and_a_token_none_of_it() {
    const NEEDED_FOR_TOKENS: [Scope; 2] = [Scope::Conversations, Scope::Tokens];
    let world = World::active().await;
    let [existing, _] = existing_and_unknown(&world).await;
    let stranger = world.new_person("stranger").await;
    for scopes in [
        &[][..],
        &[Scope::Contacts],
        &[Scope::Tokens],
        &[Scope::Conversations],
        &NEEDED_FOR_TOKENS,
        &[Scope::Moderate],
        &[Scope::Export],
        &[Scope::Webhooks],
    ] {
        let server = world.new_server(scopes).await;
        for request in &REQUESTS {
            let endpoint = format!("{} {} with {scopes:?}", request.method, request.route);
            let refused = |response: Response| {
                let is_refused = response.status == 403;
                let code = is_refused.then(|| response.json()["code"].as_str().unwrap().to_owned());
                code.unwrap_or_default()
            };
            // As itself.
            let expected = match scope_of(request) {
                None => "contact_required",
                Some(scope) if scopes.contains(&scope) => "",
                Some(_) => "scope_missing",
            };
            assert_eq!(
                refused(request.by(&server, &existing).await),
                expected,
                "{endpoint}"
            );
            // On behalf of a contact: each has its own, so that none is left by an earlier request.
            let contact = world.new_person("one").await;
            let acting = server.on_behalf_of(contact.id);
            let expected = match request.route {
                _ if !scopes.contains(&Scope::Conversations) => "scope_missing",
                _ if !is_for_contacts(request) => "key_required",
                "/v1/tokens" | "/v1/tokens/{token}" if !scopes.contains(&Scope::Tokens) => {
                    "scope_missing"
                }
                _ => "",
            };
            let response = refused(request.by(&acting, &existing).await);
            assert_eq!(response, expected, "{endpoint}, on behalf");
            if scopes.contains(&Scope::Conversations) {
                let nobody = server.on_behalf_of("external:nobody");
                let response = refused(request.by(&nobody, &existing).await);
                assert_eq!(response, "on_behalf_of_refused", "{endpoint}");
            }
        }
    }
    for request in &REQUESTS {
        let endpoint = format!("{} {}", request.method, request.route);
        let acting = stranger.on_behalf_of(world.kevin.id);
        let response = request.by(&acting, &existing).await;
        response.fails(403, "key_required", ());
        if !is_for_contacts(request) {
            let response = request.by(&stranger, &existing).await;
            assert_eq!(response.status, 403, "{endpoint}");
            response.fails(403, "key_required", ());
        }
    }
}

#[tokio::test]
async fn a_removed_participant_costs_a_page_once_more_at_most() {
    let world = World::active().await;
    let kevin = world
        .kevin
        .creates_conversation(&[&world.kate, &world.linnie], "name=Home")
        .await;
    for _ in 0..20 {
        kevin.sends(&"x".repeat(32 * 1024)).await;
    }
    let kate = world.kate.within(kevin.conversation);
    kate.lists_messages("limit=20").await.is(200);
    kevin.removes_participant(&kate).await.is(204);
    // The instance reads ahead for a participant of the last minute, and returns nothing of it.
    let first = kate.lists_messages("limit=20").await.is(404).cost();
    assert!(first.capacity_units > 100.0, "{first:?}");
    let second = kate.lists_messages("limit=20").await.is(404).cost();
    assert!(second.capacity_units <= 5.0, "{second:?}");
}

#[tokio::test]
async fn a_revoked_token_costs_a_page_once_more_at_most() {
    let world = World::active().await;
    for _ in 0..20 {
        world.kevin.sends(&"x".repeat(32 * 1024)).await;
    }
    let (id, kevin) = world.kevin.creates_token("").await;
    kevin.lists_messages("limit=20").await.is(200);
    world.kevin.revokes_token(&id).await.is(204);
    kevin.lists_messages("limit=20").await.is(401);
    for _ in 0..2 {
        let cost = kevin.lists_messages("limit=20").await.is(401).cost();
        assert!(cost.capacity_units <= 1.0, "{cost:?}");
    }
}
