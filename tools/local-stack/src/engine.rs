//! An embedded DynamoDB, in memory or in a file, on a port of this machine only.

use std::net::SocketAddr;
use std::path::Path;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use dynoxide::Database;
use serde_json::json;
use shared::store::Pool;
use tokio::net::TcpListener;

use crate::Error;
use crate::template::Template;

/// A running engine; it ends with the process or the runtime that started it.
#[derive(Clone)]
pub struct Engine {
    database: Database,
    address: SocketAddr,
}

impl Engine {
    /// Starts an engine with the tables of `template`, in `data` or in memory.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened, or has tables with other keys.
    pub async fn start(template: &Template, data: Option<&Path>) -> Result<Self, Error> {
        let database = match data {
            None => Database::memory()?,
            Some(path) => open(path)?,
        };
        create_tables(&database, template)?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        tokio::spawn(dynoxide::server::serve_on(listener, database.clone()));
        Ok(Self { database, address })
    }

    /// Answers at another address as well, until `end`.
    ///
    /// # Errors
    ///
    /// If the listener fails.
    pub async fn serve(
        &self,
        listener: TcpListener,
        end: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), Error> {
        Ok(dynoxide::server::serve_with_shutdown(listener, self.database.clone(), end).await?)
    }

    /// Where it answers.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The database itself, for what need not go over HTTP.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }
}

/// How the SDK reaches an engine at this address.
///
/// # Errors
///
/// If it is no URL.
pub fn config_at(url: &str) -> Result<SdkConfig, Error> {
    let credentials = Credentials::new("local", "local", None, None, "the local stack");
    Ok(SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("local"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(url)
        .http_client(Pool::new(url)?.client())
        .build())
}

fn open(path: &Path) -> Result<Database, Error> {
    let text = path
        .to_str()
        .ok_or("the name of the data file is not UTF-8")?;
    Database::new(text).map_err(|error| format!("cannot open {text}: {error}").into())
}

/// Creates the tables that are not there yet; those that are must have the keys of the template.
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
                    "the data file has a {name} with other keys than template.yaml"
                )
                .into());
            }
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
