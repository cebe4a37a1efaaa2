//! Random faults between the API and DynamoDB, and between both the API and its clients and S3.
//!
//! Four clients concurrently upload, send, add, take off and delete, and retry as well-behaved clients do, while files
//! are being removed. Afterwards the messages have what the clients know, each attachment that is shown has its file,
//! and each file its attachment. `seeds` has the choice of seeds.

use std::time::Duration;

use futures_util::future::{join, join_all};
use shared::store::Inconsistency;

use super::seeds::{Outcome, assert_violated, run_seeds};
use crate::harness::host::with_s3;
use crate::harness::s3::uploads_to_s3;
use crate::harness::{Chaos, Person, Response, S3Chaos, World};

/// The number of operations per client.
const STEPS: usize = 8;

/// The number of attempts before a client gives up.
const MAX_ATTEMPTS: usize = 12;

/// A message as a client knows it.
struct Known {
    id: String,
    /// Its attachments, in their order. None if an operation on them had no certain outcome.
    attachments: Option<Vec<String>>,
    /// Whether its deletion was acknowledged, if it was tried.
    deleted: Option<bool>,
}

struct Client {
    person: Person,
    number: usize,
    random: fastrand::Rng,
    messages: Vec<Known>,
    unexpected: Vec<String>,
    acknowledged: usize,
}

impl Client {
    fn new(person: Person, number: usize, seed: u64) -> Self {
        Self {
            person,
            number,
            random: fastrand::Rng::with_seed(seed * 10 + number as u64),
            messages: Vec::new(),
            unexpected: Vec::new(),
            acknowledged: 0,
        }
    }

    /// Repeats a request while the response is 503. Returns the response with one of the `expected` statuses, or
    /// `None` if there was none.
    async fn retry<F: Future<Output = Response>>(
        &mut self,
        expected: &[u16],
        attempt: impl Fn() -> F,
    ) -> Option<Response> {
        for _ in 0..MAX_ATTEMPTS {
            let response = attempt().await;
            match response.status.as_u16() {
                status if expected.contains(&status) => return Some(response),
                503 if response.header("retry-after") == "1" => {}
                _ => {
                    self.unexpected.push(format!("{response:?}"));
                    return None;
                }
            }
        }
        None
    }

    async fn run(mut self) -> Self {
        for step in 0..STEPS {
            let own: Vec<_> = (0..self.messages.len())
                .filter(|&index| self.messages[index].deleted.is_none())
                .collect();
            let choice = self.random.usize(..8);
            match own.get(self.random.usize(..own.len().max(1))) {
                Some(&index) if choice == 0 => self.delete(index).await,
                Some(&index) if choice <= 2 => self.add(index).await,
                Some(&index) if choice <= 4 => self.take_off(index).await,
                _ => self.send(step).await,
            }
        }
        self
    }

    /// Uploads a file. None if that did not succeed.
    async fn upload(&mut self) -> Option<String> {
        let person = self.person.clone();
        let form = "filename=a&file_size=5";
        let create = || person.tries_to_create_attachment(form);
        let created = self.retry(&[201], create).await?.json();
        for _ in 0..MAX_ATTEMPTS {
            match uploads_to_s3(&created["upload"], b"bytes").await {
                // 412: an earlier attempt has uploaded it.
                200 | 412 => return Some(created["id"].as_str().unwrap().to_owned()),
                500 | 503 => {}
                status => self.unexpected.push(format!("S3 responded with {status}")),
            }
        }
        None
    }

    async fn send(&mut self, step: usize) {
        let mut ids = Vec::new();
        for _ in 0..self.random.usize(1..3) {
            ids.extend(self.upload().await);
        }
        let (person, key) = (self.person.clone(), format!("{}.{step}", self.number));
        let headers = [("idempotency-key", key.as_str())];
        let send = || person.sends_files_with(&headers, "Look", &ids);
        if let Some(sent) = self.retry(&[201], send).await {
            self.acknowledged += 1;
            self.messages.push(Known {
                id: sent.json()["id"].as_str().unwrap().to_owned(),
                attachments: Some(ids),
                deleted: None,
            });
        }
    }

    async fn add(&mut self, index: usize) {
        let Some(attachment) = self.upload().await else {
            return;
        };
        let (person, id) = (self.person.clone(), self.messages[index].id.clone());
        let ids = [attachment.clone()];
        let updated = self.retry(&[200, 400], || person.adds_attachments(&id, &ids));
        let updated = updated.await.map(|response| response.status.as_u16());
        let known = &mut self.messages[index].attachments;
        match updated {
            Some(200) => {
                if let Some(known) = known {
                    known.push(attachment);
                }
            }
            // There are eight already.
            Some(_) => {}
            None => *known = None,
        }
    }

    async fn take_off(&mut self, index: usize) {
        let Known { attachments, .. } = &self.messages[index];
        let attachment = attachments
            .as_ref()
            .and_then(|known| known.first().cloned());
        let Some(attachment) = attachment else {
            return;
        };
        let person = self.person.clone();
        let deleted = self.retry(&[204], || person.deletes_attachment(&attachment));
        let deleted = deleted.await;
        let known = &mut self.messages[index].attachments;
        match (deleted, known) {
            (Some(_), Some(known)) => {
                known.remove(0);
            }
            (_, known) => *known = None,
        }
    }

    async fn delete(&mut self, index: usize) {
        let (person, id) = (self.person.clone(), self.messages[index].id.clone());
        let deleted = self.retry(&[204], || person.deletes_message(&id)).await;
        self.messages[index].deleted = Some(deleted.is_some());
    }
}

/// Runs all clients with a seed. `split_transactions` executes each transaction as two, to test the test.
async fn run_seed(seed: u64, split_transactions: bool) -> Outcome<usize> {
    let world = World::new().await;
    let chaos = Chaos::start(world.engine(), seed, split_transactions).await;
    let s3 = S3Chaos::start(&world.stack().bucket, seed).await;
    let hosts = [
        world.host().proxy(chaos.url()).s3(s3.url()).start().await,
        world.host().proxy(chaos.url()).s3(s3.url()).start().await,
    ];
    let people = [&world.kevin, &world.kate];
    let clients = (0..4).map(|number| {
        let person = people[number % 2].at(&hosts[number / 2]);
        Client::new(person, number, seed).run()
    });
    let remover = world.stack().store_at(chaos.url()).unwrap();
    let gateway = world.stack().gateway(&with_s3(remover, s3.url())).unwrap();
    let removals = async {
        loop {
            // What fails is repeated.
            let _ = world.stack().handle_changes(&gateway).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let clients = tokio::select! {
        clients = join_all(clients) => clients,
        () = removals => unreachable!("it never ends"),
    };
    chaos.stop();
    s3.stop();
    world.settles().await;
    let mut violations = Vec::new();
    for client in &clients {
        violations.extend(client.unexpected.iter().cloned());
        for known in &client.messages {
            violations.extend(contradiction(known, &world.kate).await);
        }
    }
    violations.extend(inconsistencies(&world).await);
    Outcome {
        violations,
        counts: clients.iter().map(|client| client.acknowledged).sum(),
    }
}

/// Compares a stored message with what its author knows.
async fn contradiction(known: &Known, reader: &Person) -> Option<String> {
    let message = reader.gets_message(&known.id).await;
    let exists = message.status == 200;
    match known.deleted {
        Some(true) if exists => return Some(format!("{} was deleted and exists", known.id)),
        None if !exists => return Some(format!("{} is lost", known.id)),
        _ if !exists => return None,
        _ => {}
    }
    let message = message.json();
    let shown = message["attachments"].as_array().unwrap().iter();
    let shown: Vec<_> = shown.map(|file| file["id"].as_str().unwrap()).collect();
    for id in &shown {
        let (file, found) = join(reader.gets_file(id), reader.gets_attachment(id)).await;
        if file.status != 302 || found.json()["message_id"] != known.id.as_str() {
            return Some(format!("{} shows {id}: {found:?}", known.id));
        }
    }
    let expected = known.attachments.as_ref()?;
    (shown != *expected).then(|| format!("{} shows {shown:?}, not {expected:?}", known.id))
}

/// What `doctor` finds two days later, when nothing can be in flight any more.
async fn inconsistencies(world: &World) -> Vec<String> {
    let found = world.inconsistencies_in(Duration::from_hours(48)).await;
    // The next message moves a conversation to the top if that failed.
    let found = found
        .into_iter()
        .filter(|found| !matches!(found, Inconsistency::StalePosition(..)));
    found.map(|found| format!("{found:?}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn under_random_faults_every_attachment_has_its_file_and_every_file_its_attachment() {
    let (outcomes, is_single) = run_seeds(|seed| run_seed(seed, false)).await;
    let acknowledged: usize = outcomes.iter().sum();
    println!(
        "{} seeds: {acknowledged} sends acknowledged",
        outcomes.len()
    );
    assert!(is_single || acknowledged > 5 * outcomes.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_executed_in_two_parts_leave_attachments_that_contradict_messages() {
    assert_violated(|seed| run_seed(seed, true)).await;
}
