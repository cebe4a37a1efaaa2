//! JSON Web Tokens of the operator's identity provider.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::{join, join_all};
use ring::hmac;
use serde_json::{Value, json};
use shared::id::ContactId;
use shared::key::Scope;
use shared::store::Admin;
use shared::time::Clock;

use crate::harness::issuer::{Issuer, SigningKey, encode, now};
use crate::harness::{Fault, Person, Proxy, Response, World};

const MINUTE: u64 = 60_000_000;

/// A world whose API takes the tokens of an identity provider.
struct Signed {
    world: World,
    issuer: Issuer,
    key: SigningKey,
    /// The external id of Kevin.
    subject: String,
    /// Kevin, with a valid token.
    kevin: Person,
}

impl Signed {
    async fn new() -> Self {
        let world = World::new().await;
        let key = SigningKey::es256("one");
        let issuer = Issuer::start(&[&key]).await;
        let subject = format!("kevin|{}", world.kevin.id);
        let path = format!("/v1/contacts/{}", world.kevin.id);
        let form = format!("external_id={}", subject.replace('|', "%7C"));
        server(&world).await.puts(&path, form).await.is(200);
        let host = world.host().identity_provider(issuer.provider(false));
        let token = key.signs(&issuer.claims(&subject));
        let kevin = world.kevin.at(&host.start().await).with_token(&token);
        Self {
            world,
            issuer,
            key,
            subject,
            kevin,
        }
    }

    /// Valid claims about Kevin, with these instead.
    fn claims(&self, changes: Value) -> Value {
        changed(self.issuer.claims(&self.subject), changes)
    }

    /// Kevin at a host with a clock that can be set, and the clock.
    async fn with_clock(&self) -> (Person, Arc<AtomicU64>) {
        let clock = Arc::new(AtomicU64::new(Clock::system().now().0));
        let host = self.world.host().clock_at(&clock);
        let host = host.identity_provider(self.issuer.provider(false));
        (self.kevin.at(&host.start().await), clock)
    }

    /// Kevin at a new host, which has no keys yet.
    async fn at_new_host(&self) -> Person {
        let host = self.world.host();
        let host = host.identity_provider(self.issuer.provider(false));
        self.kevin.at(&host.start().await)
    }
}

async fn server(world: &World) -> Person {
    world.new_server(&Scope::ALL).await
}

/// An object with these keys instead; null removes a key.
fn changed(mut object: Value, changes: Value) -> Value {
    let Value::Object(changes) = changes else {
        panic!("not an object: {changes}");
    };
    let object_mut = object.as_object_mut().unwrap();
    for (key, value) in changes {
        if value.is_null() {
            object_mut.remove(&key);
        } else {
            object_mut.insert(key, value);
        }
    }
    object
}

fn advance(clock: &AtomicU64, by: u64) {
    clock.fetch_add(by, Ordering::Relaxed);
}

/// Asserts that the token is refused, and that only the log says why.
#[track_caller]
fn is_refused(response: Response, why: &str) {
    let response = response.fails(401, "token_invalid", ());
    let challenge = response.header("www-authenticate");
    assert_eq!(challenge, r#"Bearer error="invalid_token""#);
    assert_eq!(
        response.json()["message"],
        "the bearer token is malformed, unknown, expired or revoked"
    );
    let error = response.log_line()["error"].clone();
    assert_eq!(error, format!("token_invalid: {why}"));
}

#[tokio::test]
async fn a_token_of_each_algorithm_acts_as_the_contact_of_its_subject() {
    let signed = Signed::new().await;
    let keys = [
        SigningKey::es256("es"),
        SigningKey::eddsa("ed"),
        SigningKey::rsa("rs", "RS256"),
        SigningKey::rsa("ps", "PS256"),
    ];
    signed.issuer.publishes(&keys.each_ref());
    for key in &keys {
        let token = key.signs(&signed.claims(json!({})));
        let kevin = signed.kevin.with_token(&token);
        let me = kevin.gets("/v1/me").await.is(200);
        assert_eq!(me.json()["id"], json!(signed.kevin.id), "{}", key.id);
        let line = me.log_line();
        assert_eq!(line["contact_id"], json!(signed.kevin.id));
        let id = kevin.sends("hello").await;
        kevin.gets_message(&id).await.is(200);
        kevin.deletes_message(&id).await.is(204);
    }
}

#[tokio::test]
async fn what_a_token_may_have_besides_changes_nothing() {
    let signed = Signed::new().await;
    let attacker = SigningKey::es256("attacker");
    let soon = now() + 30;
    for claims in [
        json!({"aud": ["other", "chat"]}),
        json!({"exp": now() - 30}),
        json!({"exp": 1e10 + 0.5}),
        json!({"nbf": soon, "iat": soon}),
        json!({"preferred_username": 7, "picture": [], "phone_number": {}}),
    ] {
        let token = signed.key.signs(&signed.claims(claims.clone()));
        let response = signed.kevin.with_token(&token).gets("/v1/me").await;
        assert_eq!(response.status, 200, "{claims}");
    }
    for header in [
        json!({"typ": null}),
        json!({"typ": "at+jwt", "cty": "x"}),
        json!({"kid": null}),
        json!({"jwk": attacker.jwk(), "jku": "http://127.0.0.1:1/keys"}),
    ] {
        let own = changed(signed.key.header(), header.clone());
        let token = signed.key.signs_with(&own, &signed.claims(json!({})));
        let response = signed.kevin.with_token(&token).gets("/v1/me").await;
        assert_eq!(response.status, 200, "{header}");
    }
    assert_eq!(signed.issuer.fetches(), 1);
}

#[tokio::test]
async fn a_token_with_wrong_claims_is_refused() {
    let signed = Signed::new().await;
    let required = "iss, aud, exp or sub is missing or malformed";
    for (claims, why) in [
        (
            json!({"iss": "https://example.com"}),
            "its issuer is another",
        ),
        (
            json!({"iss": format!("{}/", signed.issuer.url)}),
            "its issuer is another",
        ),
        (json!({"iss": null}), required),
        (json!({"aud": "other"}), "its audience is another"),
        (json!({"aud": ["other"]}), "its audience is another"),
        (json!({"aud": []}), "its audience is another"),
        (json!({"aud": null}), required),
        (json!({"exp": now() - 120}), "it has expired"),
        (json!({"exp": null}), "it is malformed"),
        (json!({"exp": "9999999999"}), "it is malformed"),
        (json!({"exp": -1}), required),
        (json!({"nbf": now() + 120}), "it is not valid yet"),
        (json!({"nbf": "1"}), required),
        (json!({"sub": null}), "it is malformed"),
        (json!({"sub": 7}), "it is malformed"),
        (json!({"sub": ""}), required),
        (json!({"sub": "with space"}), required),
        (json!({"sub": "a".repeat(256)}), required),
        (
            json!({"sub": "nobody"}),
            "its subject is not the external id of a contact",
        ),
    ] {
        let token = signed.key.signs(&signed.claims(claims.clone()));
        println!("{claims}");
        let refused = signed.kevin.with_token(&token).gets("/v1/me").await;
        is_refused(refused, why);
    }
}

#[tokio::test]
async fn a_token_that_is_not_signed_by_a_key_of_the_issuer_is_refused() {
    let signed = Signed::new().await;
    let rsa = SigningKey::rsa("rsa", "RS256");
    signed.issuer.publishes(&[&signed.key, &rsa]);
    let claims = signed.claims(json!({}));
    let valid = signed.key.signs(&claims);
    let [header, payload, signature]: [&str; 3] =
        valid.split('.').collect::<Vec<_>>().try_into().unwrap();
    let attacker = SigningKey::es256("one");
    let as_attacker = |changes: Value| {
        let header = changed(attacker.header(), changes);
        attacker.signs_with(&header, &claims)
    };
    let wrong = "its signature is wrong";
    let algorithm = "its algorithm is not that of its key, or not allowed";
    let with_public_key = |key: &[u8]| {
        let header = json!({"alg": "HS256", "kid": "rsa"}).to_string();
        let message = format!("{}.{payload}", encode(header));
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        let tag = hmac::sign(&key, message.as_bytes());
        format!("{message}.{}", encode(tag))
    };
    let public_key = rsa.jwk();
    let other_payload = encode(signed.claims(json!({"sub": "kate"})).to_string());
    let with_header =
        |header: Value| format!("{}.{payload}.{signature}", encode(header.to_string()));
    for (token, why) in [
        (as_attacker(json!({})), wrong),
        (as_attacker(json!({"jwk": attacker.jwk()})), wrong),
        (
            as_attacker(json!({"jku": format!("{}/keys", signed.issuer.url)})),
            wrong,
        ),
        (as_attacker(json!({"x5c": [encode(b"certificate")]})), wrong),
        (
            as_attacker(json!({"kid": "two", "jwk": attacker.jwk()})),
            "its key is unknown",
        ),
        (as_attacker(json!({"kid": null})), "its key is unknown"),
        (format!("{header}.{other_payload}.{signature}"), wrong),
        (format!("{header}.{payload}.{}", encode([0; 64])), wrong),
        (format!("{header}.{payload}."), wrong),
        (with_header(json!({"alg": "none"})), "it is malformed"),
        (
            format!("{}.{payload}.", encode(r#"{"alg":"none","kid":"one"}"#)),
            "it is malformed",
        ),
        (
            with_public_key(public_key.to_string().as_bytes()),
            algorithm,
        ),
        (
            with_public_key(public_key["n"].as_str().unwrap().as_bytes()),
            algorithm,
        ),
        // The key of the one with the algorithm of the other.
        (
            signed
                .key
                .signs_with(&json!({"alg": "ES256", "kid": "rsa"}), &claims),
            algorithm,
        ),
        (
            rsa.signs_with(&json!({"alg": "RS256", "kid": "one"}), &claims),
            algorithm,
        ),
        (SigningKey::rsa("rsa", "PS256").signs(&claims), algorithm),
        (
            rsa.signs_with(&json!({"alg": "RS512", "kid": "rsa"}), &claims),
            algorithm,
        ),
    ] {
        println!("{token}");
        let refused = signed.kevin.with_token(&token).gets("/v1/me").await;
        is_refused(refused, why);
    }
    signed.kevin.gets("/v1/me").await.is(200);
    assert_eq!(signed.issuer.fetches(), 1);
}

#[tokio::test]
async fn a_malformed_token_is_refused() {
    let signed = Signed::new().await;
    let valid = signed.kevin.token.as_str();
    let [header, payload, signature]: [&str; 3] =
        valid.split('.').collect::<Vec<_>>().try_into().unwrap();
    for (token, why) in [
        (
            signed.key.signs_with(
                &changed(signed.key.header(), json!({"crit": ["x"], "x": 1})),
                &signed.claims(json!({})),
            ),
            "it is malformed",
        ),
        (format!("{header}.{payload}.A"), "it is malformed"),
        (format!("A.{payload}.{signature}"), "it is malformed"),
        (
            format!("{header}~.{payload}.{signature}"),
            "it is malformed",
        ),
        (
            format!("{}.{payload}.{signature}", encode("no JSON")),
            "it is malformed",
        ),
        (signed.key.signs(&json!("no object")), "it is malformed"),
        (
            signed
                .key
                .signs(&signed.claims(json!({"x": "y".repeat(8000)}))),
            "it is too large",
        ),
        ("a.b.c".to_owned(), "it is malformed"),
        ("..".to_owned(), "it is malformed"),
    ] {
        println!("{token}");
        let refused = signed.kevin.with_token(&token).gets("/v1/me").await;
        is_refused(refused, why);
    }
    signed.kevin.gets("/v1/me").await.is(200);
    assert_eq!(signed.issuer.fetches(), 1);
    // Not three parts: as any other token.
    for token in ["a.b", "a.b.c.d", &signed.kevin.id.to_string()] {
        let refused = signed.kevin.with_token(token).gets("/v1/me").await;
        let refused = refused.fails(401, "token_invalid", ());
        assert_eq!(refused.log_line()["error"], "token_invalid");
    }
}

#[tokio::test]
async fn a_refused_token_is_401_whatever_else_is_wrong_and_reads_nothing() {
    let signed = Signed::new().await;
    let attacker = SigningKey::es256("one");
    let mallory = signed
        .kevin
        .with_token(&attacker.signs(&signed.claims(json!({}))));
    let id = signed.kevin.sends("hello").await;
    for refused in [
        mallory.gets_message(&id).await,
        mallory.lists_messages("limit=0").await,
        mallory.tries_to_send("hello").await,
        mallory.gets("/v1/contacts?username=x").await,
        mallory.posts("/v1/tokens", "").await,
        mallory.on_behalf_of("x").gets("/v1/me").await,
    ] {
        let refused = refused.fails(401, "token_invalid", ());
        assert_eq!(refused.cost().calls, 0);
    }
    let no_key = signed.kevin.on_behalf_of(signed.world.kate.id);
    let refused = no_key.gets("/v1/me").await;
    refused.fails(403, "key_required", ());
}

#[tokio::test]
async fn without_an_issuer_a_json_web_token_is_unknown() {
    let signed = Signed::new().await;
    let kevin = signed.kevin.at(&signed.world.host().start().await);
    let refused = kevin.gets("/v1/me").await;
    refused.fails(401, "token_invalid", ());
    assert_eq!(signed.issuer.fetches(), 0);
}

#[tokio::test]
async fn a_new_key_is_fetched_once_and_the_old_one_is_refused() {
    let signed = Signed::new().await;
    let (kevin, clock) = signed.with_clock().await;
    kevin.gets("/v1/me").await.is(200);
    let new = SigningKey::eddsa("two");
    signed.issuer.publishes(&[&new]);
    let rotated = kevin.with_token(&new.signs(&signed.claims(json!({}))));
    is_refused(rotated.gets("/v1/me").await, "its key is unknown");
    advance(&clock, MINUTE);
    rotated.gets("/v1/me").await.is(200);
    rotated.gets("/v1/me").await.is(200);
    is_refused(kevin.gets("/v1/me").await, "its key is unknown");
    assert_eq!(signed.issuer.fetches(), 2);
}

#[tokio::test]
async fn unknown_keys_cause_one_fetch_a_minute() {
    let signed = Signed::new().await;
    let (kevin, clock) = signed.with_clock().await;
    let attacker = SigningKey::es256("x");
    for minute in 1..=3 {
        let requests = (0..20).map(|number| {
            let header = json!({"alg": "ES256", "kid": number.to_string()});
            let token = attacker.signs_with(&header, &signed.claims(json!({})));
            let mallory = kevin.with_token(&token);
            async move { mallory.gets("/v1/me").await }
        });
        for refused in join_all(requests).await {
            is_refused(refused, "its key is unknown");
        }
        assert_eq!(signed.issuer.fetches(), minute);
        advance(&clock, MINUTE);
    }
}

#[tokio::test]
async fn keys_are_fetched_again_after_an_hour() {
    let signed = Signed::new().await;
    let (kevin, clock) = signed.with_clock().await;
    for (minutes, fetches) in [(0, 1), (59, 1), (1, 2), (59, 2), (1, 3)] {
        advance(&clock, minutes * MINUTE);
        kevin.gets("/v1/me").await.is(200);
        assert_eq!(signed.issuer.fetches(), fetches);
    }
    // A key that the issuer has withdrawn is refused then.
    signed.issuer.publishes(&[&SigningKey::es256("two")]);
    advance(&clock, 59 * MINUTE);
    kevin.gets("/v1/me").await.is(200);
    advance(&clock, MINUTE);
    is_refused(kevin.gets("/v1/me").await, "its key is unknown");
}

#[tokio::test]
async fn while_the_issuer_is_down_known_keys_are_used_and_without_them_requests_are_503() {
    let signed = Signed::new().await;
    let (kevin, clock) = signed.with_clock().await;
    signed.issuer.is_down(true);
    let unavailable = kevin.gets("/v1/me").await;
    let unavailable = unavailable.fails(503, "unavailable", ());
    assert_eq!(unavailable.header("retry-after"), "1");
    let error = unavailable.log_line()["error"].to_string();
    let url = format!("{}/.well-known/openid-configuration", signed.issuer.url);
    assert!(error.contains(&url) && error.contains("502"), "{error}");
    // Opaque tokens do not need it.
    let opaque = signed.world.kevin.at(&kevin.url);
    opaque.gets("/v1/me").await.is(200);
    signed.issuer.is_down(false);
    // Not before Retry-After.
    let unavailable = kevin.gets("/v1/me").await;
    unavailable.fails(503, "unavailable", ());
    advance(&clock, 1_000_000);
    kevin.gets("/v1/me").await.is(200);
    signed.issuer.is_down(true);
    for _ in 0..3 {
        advance(&clock, 61 * MINUTE);
        kevin.gets("/v1/me").await.is(200);
        kevin.gets("/v1/me").await.is(200);
    }
    assert_eq!(signed.issuer.fetches(), 2);
    signed.issuer.is_down(false);
    advance(&clock, MINUTE);
    kevin.gets("/v1/me").await.is(200);
    assert_eq!(signed.issuer.fetches(), 3);
}

#[tokio::test]
async fn an_issuer_whose_documents_cannot_be_trusted_is_unavailable() {
    let signed = Signed::new().await;
    let issuer = &signed.issuer;
    let keys = format!("{}/keys", issuer.url);
    for (names, jwks_uri, problem) in [
        ("https://example.com", keys.as_str(), "the issuer is"),
        (
            &issuer.url,
            "http://example.com/keys",
            "jwks_uri is not an https URL",
        ),
        (&issuer.url, "file:///keys", "jwks_uri is not an https URL"),
        (
            &issuer.url,
            "http://127.0.0.1:1/keys",
            "http://127.0.0.1:1/keys",
        ),
        (&issuer.url, &format!("{}/nothing", issuer.url), "404"),
    ] {
        issuer.describes_itself_as(names, jwks_uri);
        let response = signed.at_new_host().await.gets("/v1/me").await;
        let response = response.fails(503, "unavailable", ());
        let error = response.log_line()["error"].to_string();
        assert!(error.contains(problem), "{error}");
    }
    issuer.describes_itself_as(&issuer.url, &keys);
    let many: Vec<_> = (0..2000).map(|_| &signed.key).collect();
    for (published, problem) in [(vec![], "no key for signatures"), (many, "length limit")] {
        issuer.publishes(&published);
        let response = signed.at_new_host().await.gets("/v1/me").await;
        let response = response.fails(503, "unavailable", ());
        let error = response.log_line()["error"].to_string();
        assert!(error.contains(problem), "{error}");
    }
}

#[tokio::test]
async fn a_suspended_contact_has_no_valid_json_web_token() {
    let signed = Signed::new().await;
    let server = server(&signed.world).await;
    let path = format!("/v1/contacts/{}", signed.kevin.id);
    signed.kevin.lists_messages("").await.is(200);
    for _ in 0..2 {
        server.puts(&path, "suspended=true").await.is(200);
        let why = "its contact is suspended";
        is_refused(signed.kevin.gets("/v1/me").await, why);
        is_refused(signed.kevin.lists_messages("").await, why);
        is_refused(signed.kevin.posts("/v1/tokens", "").await, why);
    }
    // Nor under another subject.
    server.puts(&path, "external_id=renamed").await.is(200);
    let token = signed.key.signs(&signed.claims(json!({"sub": "renamed"})));
    let renamed = signed.kevin.with_token(&token);
    is_refused(renamed.gets("/v1/me").await, "its contact is suspended");
    let unknown = "its subject is not the external id of a contact";
    is_refused(signed.kevin.gets("/v1/me").await, unknown);
    server.puts(&path, "suspended=false").await.is(200);
    renamed.gets("/v1/me").await.is(200);
    // Both at once.
    let form = "suspended=true&external_id=again";
    server.puts(&path, form).await.is(200);
    let token = signed.key.signs(&signed.claims(json!({"sub": "again"})));
    let again = signed.kevin.with_token(&token);
    is_refused(again.gets("/v1/me").await, "its contact is suspended");
    assert_eq!(signed.world.inconsistencies().await, []);
}

#[tokio::test]
async fn suspending_and_renaming_at_once_leaves_no_way_in() {
    let signed = Signed::new().await;
    let server = server(&signed.world).await;
    let path = format!("/v1/contacts/{}", signed.kevin.id);
    for round in 0..10 {
        let name = format!("name-{round}");
        let (suspended, renamed) = join(
            server.puts(&path, "suspended=true"),
            server.puts(&path, format!("external_id={name}")),
        )
        .await;
        suspended.is(200);
        renamed.is(200);
        let token = signed.key.signs(&signed.claims(json!({"sub": name})));
        let kevin = signed.kevin.with_token(&token);
        is_refused(kevin.gets("/v1/me").await, "its contact is suspended");
        server.puts(&path, "suspended=false").await.is(200);
        kevin.gets("/v1/me").await.is(200);
    }
    assert_eq!(signed.world.inconsistencies().await, []);
}

#[tokio::test]
async fn an_erased_contact_has_no_valid_json_web_token() {
    let signed = Signed::new().await;
    signed.kevin.gets("/v1/me").await.is(200);
    let admin = Admin::new(signed.world.store().clone());
    admin.erase_contact(signed.kevin.id).await.unwrap();
    let why = "its subject is not the external id of a contact";
    is_refused(signed.kevin.gets("/v1/me").await, why);
}

#[tokio::test]
async fn a_token_created_with_a_json_web_token_expires_with_it() {
    let signed = Signed::new().await;
    let expiry = now() + 600;
    let token = signed.key.signs(&signed.claims(json!({"exp": expiry})));
    let kevin = signed.kevin.with_token(&token);
    let created = kevin.posts("/v1/tokens", "").await.is(201).json();
    assert_eq!(created["expires_at"], expiry);
    assert_eq!(created["issued_with"], json!(null));
    let shorter = kevin.posts("/v1/tokens", "expires_in=60").await.is(201);
    assert!(shorter.json()["expires_at"].as_u64().unwrap() < expiry);
    let longer = kevin.posts("/v1/tokens", "expires_in=601").await;
    longer.fails(400, "parameter_invalid", "expires_in");
    // It is still taken, but not for this.
    let token = signed.key.signs(&signed.claims(json!({"exp": now() - 30})));
    let late = kevin.with_token(&token);
    late.gets("/v1/me").await.is(200);
    let refused = late.posts("/v1/tokens", "").await;
    refused.fails(401, "token_invalid", ());
}

#[tokio::test]
async fn tokens_are_listed_and_revoked_with_a_json_web_token() {
    let signed = Signed::new().await;
    let kevin = &signed.kevin;
    let (first, phone) = kevin.creates_token("").await;
    let (_, laptop) = kevin.creates_token("").await;
    let listed = kevin.gets("/v1/tokens").await.is(200).json();
    // And the one that an operator created.
    assert_eq!(listed["data"].as_array().unwrap().len(), 3);
    kevin.revokes_token(&first).await.is(204);
    phone.gets("/v1/me").await.is(401);
    laptop.gets("/v1/me").await.is(200);
    kevin.revokes_other_tokens().await.is(204);
    laptop.gets("/v1/me").await.is(401);
    signed.world.kevin.gets("/v1/me").await.is(401);
    kevin.gets("/v1/me").await.is(200);
    assert_eq!(signed.world.inconsistencies().await, []);
}

#[tokio::test]
async fn a_contact_suspended_meanwhile_creates_no_token() {
    let signed = Signed::new().await;
    let server = server(&signed.world).await;
    let proxy = Proxy::start(signed.world.engine()).await;
    let host = signed.world.host().proxy(proxy.url());
    let host = host.identity_provider(signed.issuer.provider(false));
    let kevin = signed.kevin.at(&host.start().await);
    proxy.inject("TransactWriteItems", 1, Fault::Delay(500));
    let suspend = async {
        while !proxy.is_done() {
            tokio::task::yield_now().await;
        }
        let path = format!("/v1/contacts/{}", kevin.id);
        server.puts(&path, "suspended=true").await.is(200);
    };
    let (created, ()) = join(kevin.posts("/v1/tokens", ""), suspend).await;
    created.fails(401, "token_invalid", ());
    assert!(
        signed
            .world
            .items("TokenIdsTable")
            .iter()
            .all(|token| { token["contact_id"]["S"] != json!(kevin.id) })
    );
}

#[tokio::test]
async fn a_request_with_a_json_web_token_costs_what_one_with_an_opaque_token_does() {
    let signed = Signed::new().await;
    let opaque = signed.world.kevin.at(&signed.kevin.url);
    let id = opaque.sends("hello").await;
    for person in [&opaque, &signed.kevin] {
        // Warm up.
        person.lists_messages("").await.is(200);
        person.gets_message(&id).await.is(200);
        person.sends("hello").await;
        person.gets("/v1/me").await.is(200);
        person.gets_conversation().await.is(200);
    }
    let pairs = [
        (
            opaque.lists_messages("").await,
            signed.kevin.lists_messages("").await,
        ),
        (
            opaque.gets_message(&id).await,
            signed.kevin.gets_message(&id).await,
        ),
        (
            opaque.tries_to_send("hi").await,
            signed.kevin.tries_to_send("hi").await,
        ),
        (
            opaque.gets("/v1/me").await,
            signed.kevin.gets("/v1/me").await,
        ),
        (
            opaque.gets_conversation().await,
            signed.kevin.gets_conversation().await,
        ),
        (
            opaque.lists_inbox("").await,
            signed.kevin.lists_inbox("").await,
        ),
    ];
    for (with_opaque, with_jwt) in pairs {
        assert!(with_opaque.status.is_success() && with_jwt.status.is_success());
        assert_eq!(
            with_jwt.cost(),
            with_opaque.cost(),
            "{}",
            with_jwt.log_line()
        );
    }
}

#[tokio::test]
async fn no_attribute_is_written_per_json_web_token() {
    let signed = Signed::new().await;
    let (kevin, clock) = signed.with_clock().await;
    let attributes = || {
        let id = json!({"S": signed.kevin.id});
        let contacts = signed.world.items("ContactsTable");
        let contact = contacts.into_iter().find(|contact| contact["id"] == id);
        let contact = contact.unwrap();
        let active = contact["last_active_at"]["N"].clone();
        (contact.as_object().unwrap().len(), active)
    };
    kevin.gets("/v1/me").await.is(200);
    let (count, mut last) = attributes();
    for number in 0..3 {
        advance(&clock, 2 * MINUTE);
        let token = signed.key.signs(&signed.claims(json!({"jti": number})));
        kevin.with_token(&token).gets("/v1/me").await.is(200);
        let (same, active) = attributes();
        assert_eq!(same, count);
        assert_ne!(active, last);
        last = active;
    }
}

/// Someone whom the identity provider knows and who has no contact yet, at a host that creates contacts.
async fn newcomer(signed: &Signed, claims: Value) -> Person {
    let provider = signed.issuer.provider(true);
    let host = signed.world.host().identity_provider(provider);
    let token = signed.key.signs(&signed.claims(claims));
    signed.kevin.at(&host.start().await).with_token(&token)
}

#[tokio::test]
async fn an_unknown_subject_becomes_a_contact_with_the_claims_of_its_token() {
    let signed = Signed::new().await;
    let subject = ContactId::random().to_string();
    let username = format!("marv.{subject}");
    let marv = newcomer(
        &signed,
        json!({
            "sub": subject,
            "preferred_username": username,
            "picture": "https://example.com/marv.png",
            "phone_number": "+1 555",
        }),
    )
    .await;
    let unknown = "its subject is not the external id of a contact";
    is_refused(marv.lists_inbox("").await, unknown);
    let me = marv.gets("/v1/me").await.is(200).json();
    assert_eq!(me["username"], json!(username));
    assert_eq!(me["avatar_url"], "https://example.com/marv.png");
    assert_eq!(me["phone_number"], "+1 555");
    assert_eq!(marv.gets("/v1/me").await.is(200).json()["id"], me["id"]);
    marv.lists_inbox("").await.is(200);
    let path = format!("/v1/contacts/external:{subject}");
    let found = server(&signed.world).await.gets(&path).await.is(200).json();
    assert_eq!(found["id"], me["id"]);
    assert_eq!(signed.world.inconsistencies().await, []);
    // Claims do not change a contact that exists.
    let later = newcomer(
        &signed,
        json!({"sub": subject, "preferred_username": "x1y2z3"}),
    )
    .await;
    assert_eq!(
        later.gets("/v1/me").await.json()["username"],
        json!(username)
    );
}

#[tokio::test]
async fn a_username_that_cannot_be_had_is_replaced() {
    let signed = Signed::new().await;
    let id_like = ContactId::random().to_string();
    for username in [
        json!(null),
        json!(7),
        json!("with space"),
        json!("admin"),
        json!(id_like),
        json!(signed.world.kate.username),
    ] {
        let subject = ContactId::random().to_string();
        let claims = json!({
            "sub": subject,
            "preferred_username": username,
            "picture": "javascript:alert(1)",
            "phone_number": "call me",
        });
        let me = newcomer(&signed, claims).await.gets("/v1/me").await;
        let me = me.is(200).json();
        let generated = me["username"].as_str().unwrap();
        assert!(generated.starts_with("user-"), "{generated}");
        assert_eq!(me["avatar_url"], json!(null));
        assert_eq!(me["phone_number"], json!(null));
    }
    assert_eq!(signed.world.inconsistencies().await, []);
}

#[tokio::test]
async fn twenty_first_requests_at_once_make_one_contact() {
    let signed = Signed::new().await;
    let subject = ContactId::random().to_string();
    let username = format!("harry.{subject}");
    let harry = newcomer(
        &signed,
        json!({"sub": subject, "preferred_username": username}),
    )
    .await;
    let responses = join_all((0..20).map(|_| harry.gets("/v1/me"))).await;
    let contacts = responses
        .into_iter()
        .map(|me| me.is(200).json()["id"].to_string());
    assert_eq!(contacts.collect::<BTreeSet<_>>().len(), 1);
    assert_eq!(signed.world.inconsistencies().await, []);
}

#[tokio::test]
async fn no_contact_is_created_unless_the_deployment_says_so() {
    let signed = Signed::new().await;
    let before = signed.world.items("ContactsTable").len();
    let token = signed.key.signs(&signed.claims(json!({"sub": "nobody"})));
    let nobody = signed.kevin.with_token(&token);
    let why = "its subject is not the external id of a contact";
    is_refused(nobody.gets("/v1/me").await, why);
    // Nor for a token that is not valid, or a contact that is suspended.
    let attacker = SigningKey::es256("one");
    let forged = newcomer(&signed, json!({})).await;
    let forged = forged.with_token(&attacker.signs(&signed.claims(json!({"sub": "nobody"}))));
    is_refused(forged.gets("/v1/me").await, "its signature is wrong");
    let path = format!("/v1/contacts/{}", signed.kevin.id);
    let server = server(&signed.world).await;
    server.puts(&path, "suspended=true").await.is(200);
    let kevin = newcomer(&signed, json!({})).await;
    is_refused(kevin.gets("/v1/me").await, "its contact is suspended");
    // The item of the server key.
    assert_eq!(signed.world.items("ContactsTable").len(), before + 1);
}
