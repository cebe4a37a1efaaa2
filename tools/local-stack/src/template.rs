//! Reads tables, functions, routes and policies from `template.yaml`, so that the local stack runs what is deployed.

use std::collections::{BTreeMap, BTreeSet};

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::Error;
use crate::permissions::{Permission, permission};

/// The DynamoDB endpoint in the region and partition of the stack.
const REGIONAL_ENDPOINT: &str = "https://dynamodb.${AWS::Region}.${AWS::URLSuffix}";

/// The tables and functions of a SAM template.
#[derive(Debug)]
pub struct Template {
    /// By logical id, which is also the name of the table in the local stack.
    pub tables: BTreeMap<String, Table>,
    /// Sorted by logical id.
    pub functions: Vec<Function>,
    /// The environment variables of every function, except `DYNAMODB_ENDPOINT`.
    pub variables: BTreeMap<String, String>,
}

/// The properties of a table that `CreateTable` accepts unchanged.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Table {
    /// The names and types of the key attributes.
    pub attribute_definitions: Value,
    /// The partition key and the sort key.
    pub key_schema: Value,
    /// `PAY_PER_REQUEST` or `PROVISIONED`.
    pub billing_mode: String,
    /// Indexes that sort the items of a partition by another attribute.
    pub local_secondary_indexes: Option<Value>,
    /// The attribute with the expiration time of an item.
    pub time_to_live_specification: Option<Value>,
}

/// A function with its routes and permissions.
#[derive(Debug)]
pub struct Function {
    /// The logical id.
    pub name: String,
    /// The name of its Lambda binary.
    pub binary: String,
    /// `GET /v1/messages/{id}`, or `$default` for every request that matches no other route.
    pub routes: Vec<String>,
    /// The permissions that its policies grant.
    pub permissions: BTreeSet<Permission>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    globals: Globals,
    resources: BTreeMap<String, Resource>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Globals {
    function: GlobalFunction,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GlobalFunction {
    environment: Environment,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Environment {
    variables: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Resource {
    r#type: String,
    #[serde(default)]
    properties: Value,
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    build_properties: BuildProperties,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BuildProperties {
    binary: String,
}

/// The properties of a function. Others are refused, so that no property grants permissions unnoticed.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct FunctionProperties {
    code_uri: String,
    events: BTreeMap<String, Event>,
    #[serde(default)]
    policies: Vec<Policy>,
    /// Required: without it, a change of a function's memory or environment publishes no new version.
    #[serde(rename = "AutoPublishAliasAllProperties")]
    _publish: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Policy {
    #[serde(rename = "Version")]
    _version: String,
    statement: Vec<Statement>,
}

/// A policy statement. Only named actions on referenced tables and indexes are supported.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Statement {
    effect: String,
    action: OneOrMany<String>,
    resource: OneOrMany<Arn>,
}

#[derive(Deserialize)]
enum Arn {
    /// `Table.Arn`
    #[serde(rename = "Fn::GetAtt")]
    Table(String),
    /// `${Table.Arn}/index/name`
    #[serde(rename = "Fn::Sub")]
    Index(String),
}

impl Arn {
    /// `Table`, or `Table/index/name`.
    fn resource(&self) -> Option<String> {
        match self {
            Self::Table(attribute) => attribute.strip_suffix(".Arn").map(ToOwned::to_owned),
            Self::Index(text) => {
                let (table, index) = text.strip_prefix("${")?.split_once(".Arn}/index/")?;
                (!text.contains('*')).then(|| format!("{table}/index/{index}"))
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    fn as_slice(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Event {
    properties: EventProperties,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EventProperties {
    method: Option<String>,
    path: Option<String>,
}

impl Template {
    /// Returns the template that was embedded when this program was built.
    ///
    /// # Errors
    ///
    /// Like [`Template::parse`].
    pub fn embedded() -> Result<Self, Error> {
        Self::parse(include_str!("../../../template.yaml"))
    }

    /// Parses a template.
    ///
    /// # Errors
    ///
    /// If the YAML is invalid, or the template contains something that the local stack does not support.
    pub fn parse(yaml: &str) -> Result<Self, Error> {
        Self::from_document(document(yaml)?)
    }

    /// Reads a template from the JSON that [`document`] returns. Tests modify that JSON first.
    ///
    /// # Errors
    ///
    /// Like [`Template::parse`].
    pub fn from_document(document: Value) -> Result<Self, Error> {
        let document: Document = serde_json::from_value(document)?;
        let mut template = Self {
            tables: BTreeMap::new(),
            functions: Vec::new(),
            variables: BTreeMap::new(),
        };
        for (name, resource) in document.resources {
            match resource.r#type.as_str() {
                "AWS::DynamoDB::Table" => {
                    template
                        .tables
                        .insert(name, serde_json::from_value(resource.properties)?);
                }
                "AWS::Serverless::Function" => {
                    template
                        .functions
                        .push(Function::from_resource(&name, resource)?);
                }
                kind if kind.starts_with("AWS::IAM::") || kind.ends_with("::Connector") => {
                    return Err(format!(
                        "template.yaml: {name} grants permissions outside of a function"
                    )
                    .into());
                }
                _ => {}
            }
        }
        let mut variables = document.globals.function.environment.variables;
        let endpoint = variables.remove("DYNAMODB_ENDPOINT");
        if endpoint != Some(json!({ "Fn::Sub": REGIONAL_ENDPOINT })) {
            return Err(
                format!("template.yaml: DYNAMODB_ENDPOINT is not {REGIONAL_ENDPOINT}").into(),
            );
        }
        for (name, value) in variables {
            let value = template
                .resolve(&value)
                .ok_or(format!("template.yaml: {name} does not refer to a table"))?;
            template.variables.insert(name, value);
        }
        Ok(template)
    }

    /// Returns the value of a variable in the local stack, where the name of a table is its logical id.
    fn resolve(&self, value: &Value) -> Option<String> {
        let name = value.get("Ref")?.as_str()?;
        self.tables.contains_key(name).then(|| name.to_owned())
    }
}

impl Function {
    fn from_resource(name: &str, resource: Resource) -> Result<Self, Error> {
        let metadata = resource
            .metadata
            .ok_or(format!("template.yaml: {name} has no Metadata"))?;
        let properties: FunctionProperties = serde_json::from_value(resource.properties)
            .map_err(|error| format!("template.yaml: {name}: {error}"))?;
        let binary = metadata.build_properties.binary;
        if properties.code_uri != format!("functions/{binary}") {
            let folder = properties.code_uri;
            return Err(format!("template.yaml: {name} builds {binary} from {folder}").into());
        }
        let routes = properties
            .events
            .into_values()
            .map(|event| match event.properties {
                EventProperties {
                    method: Some(method),
                    path: Some(path),
                } => Ok(format!("{method} {path}")),
                EventProperties {
                    method: None,
                    path: None,
                } => Ok("$default".to_owned()),
                _ => Err(format!(
                    "template.yaml: {name} has a route with only one of Method and Path"
                )
                .into()),
            });
        let mut permissions = BTreeSet::new();
        for statement in properties
            .policies
            .iter()
            .flat_map(|policy| &policy.statement)
        {
            permissions.extend(
                statement
                    .permissions()
                    .map_err(|error| format!("template.yaml: {name}: {error}"))?,
            );
        }
        Ok(Self {
            name: name.to_owned(),
            binary,
            routes: routes.collect::<Result<_, Error>>()?,
            permissions,
        })
    }
}

impl Statement {
    fn permissions(&self) -> Result<Vec<Permission>, String> {
        if self.effect != "Allow" {
            return Err(format!("a statement with the effect {}", self.effect));
        }
        let mut permissions = Vec::new();
        for action in self.action.as_slice() {
            if action.contains('*') {
                return Err(format!("{action} contains a wildcard"));
            }
            for arn in self.resource.as_slice() {
                let resource = arn
                    .resource()
                    .ok_or("a resource that is not the Arn of a table or an index")?;
                permissions.push(permission(action, &resource));
            }
        }
        Ok(permissions)
    }
}

/// Converts a template to JSON, with the long forms of CloudFormation's intrinsic functions.
///
/// # Errors
///
/// If the template is empty or not valid YAML.
pub fn document(yaml: &str) -> Result<Value, Error> {
    let documents = Yaml::load_from_str(yaml)?;
    to_json(documents.first().ok_or("template.yaml is empty")?)
}

/// Converts YAML to JSON, with the long forms of intrinsic functions: `!Ref x` becomes `{"Ref": "x"}`.
fn to_json(yaml: &Yaml) -> Result<Value, Error> {
    Ok(match yaml {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(boolean)) => json!(boolean),
        Yaml::Value(Scalar::Integer(number)) => json!(number),
        Yaml::Value(Scalar::FloatingPoint(number)) => json!(number.into_inner()),
        Yaml::Value(Scalar::String(text)) => json!(text),
        Yaml::Sequence(list) => Value::Array(list.iter().map(to_json).collect::<Result<_, _>>()?),
        Yaml::Mapping(map) => {
            let mut object = Map::new();
            for (key, value) in map {
                let key = key
                    .as_str()
                    .ok_or("template.yaml has a key that is not a string")?;
                object.insert(key.to_owned(), to_json(value)?);
            }
            Value::Object(object)
        }
        Yaml::Tagged(tag, node) => match tag.suffix.as_str() {
            "Ref" | "Condition" => json!({ &tag.suffix: to_json(node)? }),
            function => json!({ format!("Fn::{function}"): to_json(node)? }),
        },
        Yaml::Representation(text, ..) => {
            return Err(format!("template.yaml: cannot read {text}").into());
        }
        Yaml::Alias(_) | Yaml::BadValue => {
            return Err("template.yaml has a value that cannot be read".into());
        }
    })
}
