//! `template.yaml`, as far as a local stack needs it: what is deployed is what runs here.

use std::collections::{BTreeMap, BTreeSet};

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::Error;
use crate::permissions::{Permission, permission};

/// That of DynamoDB in the region, and the partition, of the stack.
const REGIONAL_ENDPOINT: &str = "https://dynamodb.${AWS::Region}.${AWS::URLSuffix}";

/// The tables and functions of a SAM template.
#[derive(Debug)]
pub struct Template {
    /// By their logical ids, which are their names in the local stack.
    pub tables: BTreeMap<String, Table>,
    /// Sorted by their logical ids.
    pub functions: Vec<Function>,
    /// The environment of every function, but for `DYNAMODB_ENDPOINT`.
    pub variables: BTreeMap<String, String>,
}

/// The properties of a table that `CreateTable` takes as they are.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Table {
    /// Which attributes the keys have, and of what type.
    pub attribute_definitions: Value,
    /// The keys.
    pub key_schema: Value,
    /// How it is paid for.
    pub billing_mode: String,
    /// Other ways to sort the items of one partition.
    pub local_secondary_indexes: Option<Value>,
    /// Which attribute says when an item ends.
    pub time_to_live_specification: Option<Value>,
}

/// A function and the routes that lead to it.
#[derive(Debug)]
pub struct Function {
    /// Its logical id.
    pub name: String,
    /// The name of its Lambda binary.
    pub binary: String,
    /// `GET /v1/messages/{id}`, or `$default` for every request that matches no other route.
    pub routes: Vec<String>,
    /// What its policies allow.
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

/// Nothing but these, so that no rights come from elsewhere.
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

/// Just what the policies here need: actions by name on tables, or indexes of tables, by reference.
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
    /// The template that this program was built with.
    ///
    /// # Errors
    ///
    /// As [`Template::parse`].
    pub fn embedded() -> Result<Self, Error> {
        Self::parse(include_str!("../../../template.yaml"))
    }

    /// Reads a template.
    ///
    /// # Errors
    ///
    /// Names what is wrong with it.
    pub fn parse(yaml: &str) -> Result<Self, Error> {
        Self::from_document(document(yaml)?)
    }

    /// Reads a template that [`document`] returned, for tests that change it before.
    ///
    /// # Errors
    ///
    /// As [`Template::parse`].
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
                        "template.yaml: {name} grants rights outside of a function"
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
                .ok_or(format!("template.yaml: {name} refers to no table"))?;
            template.variables.insert(name, value);
        }
        Ok(template)
    }

    /// What a variable holds in the local stack, where a table is called as in the template.
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
                    .map_err(|problem| format!("template.yaml: {name}: {problem}"))?,
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
            return Err(format!("a statement that is {}", self.effect));
        }
        let mut permissions = Vec::new();
        for action in self.action.as_slice() {
            if action.contains('*') {
                return Err(format!("{action} is more than an action"));
            }
            for arn in self.resource.as_slice() {
                let resource = arn
                    .resource()
                    .ok_or("a resource that is no Arn of a table")?;
                permissions.push(permission(action, &resource));
            }
        }
        Ok(permissions)
    }
}

/// A template as JSON, CloudFormation's short forms as the long ones.
///
/// # Errors
///
/// If it is empty or no YAML.
pub fn document(yaml: &str) -> Result<Value, Error> {
    let documents = Yaml::load_from_str(yaml)?;
    to_json(documents.first().ok_or("template.yaml is empty")?)
}

/// YAML as JSON, CloudFormation's short forms as the long ones: `!Ref x` as `{"Ref": "x"}`.
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
                    .ok_or("template.yaml has a key that is not text")?;
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
