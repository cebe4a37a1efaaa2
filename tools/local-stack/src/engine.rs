//! An embedded DynamoDB engine, in memory or in a file. It listens on the loopback interface.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use dynoxide::Database;
use serde_json::{Value, json};
use shared::store::Pool;
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::Error;
use crate::bucket::KEY;
use crate::streams::Positions;
use crate::template::{Table, Template};

/// A running engine. It stops with the Tokio runtime that started it.
#[derive(Clone)]
pub struct Engine {
    database: Database,
    address: SocketAddr,
    positions: Arc<Positions>,
}

impl Engine {
    /// Starts an engine with the tables of `template` in the file `data`, or in memory if there is none.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened, or contains a table whose keys differ from those of the template.
    pub async fn start(template: &Template, data: Option<&Path>) -> Result<Self, Error> {
        // The name of a database in memory that other connections of this process can open.
        let in_memory = format!("file:{}?mode=memory&cache=shared", Uuid::new_v4());
        let (name, positions) = match data {
            None => (in_memory.as_str(), Positions::default()),
            Some(path) => (name_of(path)?, Positions::beside(path)?),
        };
        let database = open(name)?;
        positions.prepare(name)?;
        create_tables(&database, template)?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        tokio::spawn(dynoxide::server::serve_on(listener, database.clone()));
        Ok(Self {
            database,
            address,
            positions: Arc::new(positions),
        })
    }

    /// Also serves requests on `listener`, until `shutdown` resolves.
    pub async fn serve(
        &self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), Error> {
        Ok(
            dynoxide::server::serve_with_shutdown(listener, self.database.clone(), shutdown)
                .await?,
        )
    }

    /// Returns the URL of the engine.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns how far the streams of its tables have been handled.
    pub(crate) fn positions(&self) -> &Positions {
        &self.positions
    }

    /// Returns the database, for direct access without HTTP.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }
}

/// Returns an SDK configuration that connects to an engine at `url`.
///
/// # Errors
///
/// If `url` is not a valid URL.
pub fn config_at(url: &str) -> Result<SdkConfig, Error> {
    Ok(SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("local"))
        .credentials_provider(credentials())
        .endpoint_url(url)
        .http_client(Pool::new(url)?.client())
        .build())
}

/// Returns the credentials of the engine and the bucket.
#[must_use]
pub fn credentials() -> SharedCredentialsProvider {
    let credentials = Credentials::new(KEY, KEY, None, None, "the local stack");
    SharedCredentialsProvider::new(credentials)
}

fn name_of(path: &Path) -> Result<&str, Error> {
    let text = path.to_str();
    Ok(text.ok_or("the path of the data file is not valid UTF-8")?)
}

fn open(name: &str) -> Result<Database, Error> {
    Database::new(name).map_err(|error| format!("cannot open {name}: {error}").into())
}

/// Creates missing tables and global indexes, and fails if an existing table has keys other than those of the
/// template.
fn create_tables(database: &Database, template: &Template) -> Result<(), Error> {
    let existing = database
        .list_tables(serde_json::from_value(json!({}))?)?
        .table_names;
    for (name, table) in &template.tables {
        if existing.contains(name) {
            let table_name = serde_json::from_value(json!({ "TableName": name }))?;
            let found = serde_json::to_value(database.describe_table(table_name)?)?;
            if found["Table"]["KeySchema"] != table.key_schema {
                return Err(format!(
                    "the keys of {name} in the data file differ from those in template.yaml"
                )
                .into());
            }
            add_global_indexes(database, name, table, &found["Table"])?;
            add_stream(database, name, table, &found["Table"])?;
            continue;
        }
        let mut request = json!({
            "TableName": name,
            "AttributeDefinitions": table.attribute_definitions,
            "KeySchema": table.key_schema,
            "BillingMode": table.billing_mode,
        });
        if let Some(indexes) = &table.local_secondary_indexes {
            request["LocalSecondaryIndexes"] = indexes.clone();
        }
        if let Some(indexes) = &table.global_secondary_indexes {
            request["GlobalSecondaryIndexes"] = indexes.clone();
        }
        if let Some(stream) = stream(table) {
            request["StreamSpecification"] = stream;
        }
        database.create_table(serde_json::from_value(request)?)?;
        if let Some(specification) = &table.time_to_live_specification {
            database.update_time_to_live(serde_json::from_value(json!({
                "TableName": name,
                "TimeToLiveSpecification": specification,
            }))?)?;
        }
    }
    Ok(())
}

/// The stream of a table as requests name it.
fn stream(table: &Table) -> Option<Value> {
    let mut stream = table.stream_specification.clone()?;
    stream["StreamEnabled"] = json!(true);
    Some(stream)
}

/// Adds the stream that an existing table lacks, as a deployment does. It begins with the next change.
fn add_stream(database: &Database, name: &str, table: &Table, found: &Value) -> Result<(), Error> {
    let is_on = found["StreamSpecification"]["StreamEnabled"] == true;
    if let Some(stream) = stream(table).filter(|_| !is_on) {
        database.update_table(serde_json::from_value(json!({
            "TableName": name,
            "StreamSpecification": stream,
        }))?)?;
    }
    Ok(())
}

/// Adds the global indexes that an existing table lacks, as a deployment does; they are filled from its items.
fn add_global_indexes(
    database: &Database,
    name: &str,
    table: &Table,
    found: &Value,
) -> Result<(), Error> {
    let names = |indexes: &Value| {
        let indexes = indexes.as_array().into_iter().flatten();
        let names = indexes.map(|index| index["IndexName"].clone());
        names.collect::<Vec<_>>()
    };
    let existing = names(&found["GlobalSecondaryIndexes"]);
    let indexes = table.global_secondary_indexes.iter();
    let indexes = indexes.flat_map(|indexes| indexes.as_array().into_iter().flatten());
    for index in indexes.filter(|index| !existing.contains(&index["IndexName"])) {
        database.update_table(serde_json::from_value(json!({
            "TableName": name,
            "AttributeDefinitions": table.attribute_definitions,
            "GlobalSecondaryIndexUpdates": [{ "Create": index }],
        }))?)?;
    }
    Ok(())
}
