//! Reads tables, functions, routes and policies from `template.yaml`, so that the local stack runs what is deployed.

use std::collections::{BTreeMap, BTreeSet};

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::Error;
use crate::cors::CorsConfiguration;
use crate::permissions::{
    CLOSE, FILES, Permission, SEND, attribute_permission, key_permission, permission,
};

/// The DynamoDB endpoint in the region and partition of the stack.
const REGIONAL_ENDPOINT: &str = "https://dynamodb.${AWS::Region}.${AWS::URLSuffix}";

/// The URL of the bucket, whose name is that of the resource.
const BUCKET_URL: &str = "https://${FilesBucket}.s3.${AWS::Region}.${AWS::URLSuffix}";

/// The variable that has it, of the functions that use the bucket.
const FILES_URL: &str = "FILES_URL";

/// The URL at which functions post to open sockets.
const SOCKETS_API_URL: &str =
    "https://${Sockets}.execute-api.${AWS::Region}.${AWS::URLSuffix}/live";

/// The variable that has it, of the functions that send or close.
const SOCKETS_URL: &str = "SOCKETS_URL";

/// What the resources of open sockets begin with.
const SOCKETS_ARN: &str =
    "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Sockets}";

/// The tables and functions of a SAM template.
#[derive(Debug)]
pub struct Template {
    /// By logical id, which is also the name of the table in the local stack.
    pub tables: BTreeMap<String, Table>,
    /// Sorted by logical id.
    pub functions: Vec<Function>,
    /// The environment variables of every function, except `DYNAMODB_ENDPOINT`.
    pub variables: BTreeMap<String, String>,
    /// The routes of the WebSocket API, and the logical ids of their functions.
    pub socket_routes: Vec<(String, String)>,
    /// What pages of other origins may send and read, where the API allows any.
    pub cors: CorsConfiguration,
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
    /// Indexes with keys and attributes of their own, which can be added to an existing table.
    pub global_secondary_indexes: Option<Value>,
    /// The attribute with the expiration time of an item.
    pub time_to_live_specification: Option<Value>,
    /// What the stream of changes contains.
    pub stream_specification: Option<Value>,
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
    /// The streams that invoke it.
    pub streams: Vec<Stream>,
    /// Whether a schedule invokes it.
    pub is_scheduled: bool,
    /// Whether it has the URL of the bucket.
    pub has_files: bool,
    /// Whether it has the URL of open sockets.
    pub has_sockets: bool,
    /// The environment variables that other functions do not have.
    pub variables: BTreeMap<String, Variable>,
    /// The permissions that its policies grant.
    pub permissions: BTreeSet<Permission>,
    /// Those of them that only the last release needs, which serves while this one is deployed.
    pub still_granted: BTreeSet<Permission>,
}

/// A stream of a table, and which of its changes invoke a function.
#[derive(Clone, Debug)]
pub struct Stream {
    /// The logical id of the table.
    pub table: String,
    /// The pattern that records have to match; none if all do.
    pub filter: Option<Value>,
}

impl Stream {
    /// Whether a record passes the filter. Only patterns that compare values are supported.
    ///
    /// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html>
    #[must_use]
    pub fn passes(&self, record: &Value) -> bool {
        let filter = self.filter.as_ref();
        filter.is_none_or(|pattern| matches(pattern, record))
    }
}

/// Whether a pattern has no other rules than lists of values.
fn compares_values(pattern: &Value) -> bool {
    match pattern {
        Value::Object(parts) => parts.values().all(compares_values),
        Value::Array(values) => values.iter().all(|value| !value.is_object()),
        _ => false,
    }
}

/// Whether a value has one of the values of a list, or each attribute of a pattern matches.
fn matches(pattern: &Value, value: &Value) -> bool {
    match pattern {
        Value::Object(parts) => parts.iter().all(|(name, part)| matches(part, &value[name])),
        pattern => pattern.as_array().is_some_and(|any| any.contains(value)),
    }
}

/// An environment variable whose value is a parameter of the template.
#[derive(Clone, Debug)]
pub struct Variable {
    /// The name of the parameter.
    pub parameter: String,
    /// The default of the parameter: the value in the local stack.
    pub default: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    globals: Globals,
    #[serde(default)]
    parameters: BTreeMap<String, Parameter>,
    resources: BTreeMap<String, Resource>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameter {
    #[serde(default)]
    default: Value,
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

#[derive(Default, Deserialize)]
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
    metadata: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    build_properties: BuildProperties,
    #[serde(default)]
    still_granted: BTreeSet<Permission>,
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
    #[serde(default)]
    events: BTreeMap<String, Event>,
    #[serde(default)]
    environment: Environment,
    #[serde(default)]
    policies: Vec<Policy>,
    /// Required: without it, a change of a function's memory or environment publishes no new version.
    #[serde(rename = "AutoPublishAliasAllProperties")]
    _publish: Value,
    #[serde(rename = "Timeout")]
    _timeout: Option<u64>,
    #[serde(rename = "EventInvokeConfig")]
    _invoke: Option<EventInvokeConfig>,
}

/// What becomes of events that fail. A destination for them would grant permissions.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EventInvokeConfig {
    #[serde(rename = "MaximumRetryAttempts")]
    _retries: u64,
    #[serde(rename = "MaximumEventAgeInSeconds")]
    _age: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Policy {
    #[serde(rename = "Version")]
    _version: String,
    statement: Vec<StatementIf>,
}

/// A policy statement, of which the local stack fulfills the condition of the template.
#[derive(Deserialize)]
#[serde(untagged)]
enum StatementIf {
    Always(Statement),
    If {
        #[serde(rename = "Fn::If")]
        branches: (String, Statement, Value),
    },
}

impl StatementIf {
    fn statement(&self) -> &Statement {
        match self {
            Self::Always(statement)
            | Self::If {
                branches: (_, statement, _),
            } => statement,
        }
    }
}

/// A policy statement. Only named actions on referenced tables, indexes and the objects of the bucket are supported,
/// and a condition on the attributes that an update names.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Statement {
    effect: String,
    action: OneOrMany<String>,
    resource: OneOrMany<Arn>,
    condition: Option<Condition>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Condition {
    OnAttributes(AttributeCondition),
    OnKeys(KeyCondition),
}

/// Limits updates to some attributes. They may return those that they update: other `ReturnValues` return all.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AttributeCondition {
    #[serde(rename = "ForAllValues:StringLike")]
    only: OnlyAttributes,
    #[serde(rename = "StringEqualsIfExists")]
    _returns: ReturnsUpdated,
}

/// Limits puts and deletes to partition keys that begin in one of these ways.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyCondition {
    #[serde(rename = "ForAllValues:StringLike")]
    only: OnlyKeys,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OnlyKeys {
    #[serde(rename = "dynamodb:LeadingKeys")]
    keys: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OnlyAttributes {
    #[serde(rename = "dynamodb:Attributes")]
    attributes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReturnsUpdated {
    #[serde(rename = "dynamodb:ReturnValues")]
    _values: (ReturnsNone, ReturnsUpdatedNew),
}

#[derive(Deserialize)]
enum ReturnsNone {
    #[serde(rename = "NONE")]
    None,
}

#[derive(Deserialize)]
enum ReturnsUpdatedNew {
    #[serde(rename = "UPDATED_NEW")]
    UpdatedNew,
}

#[derive(Deserialize)]
enum Arn {
    /// `Table.Arn`
    #[serde(rename = "Fn::GetAtt")]
    Table(String),
    /// `${Table.Arn}/index/name`, or `${Bucket.Arn}/*`
    #[serde(rename = "Fn::Sub")]
    Part(String),
}

impl Arn {
    /// `Table`, `Table/index/name`, or `Bucket/*`.
    fn resource(&self) -> Option<String> {
        match self {
            Self::Table(attribute) => attribute.strip_suffix(".Arn").map(ToOwned::to_owned),
            Self::Part(text) if text == "${FilesBucket.Arn}/*" => Some(FILES.to_owned()),
            Self::Part(text) if text.starts_with(SOCKETS_ARN) => {
                let rest = text.strip_prefix(SOCKETS_ARN)?;
                let known = [SEND, CLOSE].map(|resource| resource.strip_prefix("Sockets"));
                known
                    .contains(&Some(rest))
                    .then(|| format!("Sockets{rest}"))
            }
            Self::Part(text) => {
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
#[serde(tag = "Type", content = "Properties")]
enum Event {
    HttpApi(Route),
    #[serde(rename = "DynamoDB")]
    Stream(StreamProperties),
    Schedule(Schedule),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Route {
    method: Option<String>,
    path: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Schedule {
    schedule: Rate,
}

/// The only one that the local stack knows.
#[derive(Deserialize)]
enum Rate {
    #[serde(rename = "rate(1 minute)")]
    EveryMinute,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StreamProperties {
    stream: StreamArn,
    filter_criteria: Option<FilterCriteria>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FilterCriteria {
    filters: [Filter; 1],
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Filter {
    /// JSON.
    pattern: String,
}

impl StreamProperties {
    fn stream(self) -> Result<Stream, Error> {
        let StreamArn::Attribute(attribute) = self.stream;
        let table = attribute.strip_suffix(".StreamArn");
        let filter = match self.filter_criteria.map(|criteria| criteria.filters) {
            None => None,
            Some([Filter { pattern }]) => {
                let filter = serde_json::from_str(&pattern)?;
                if !compares_values(&filter) {
                    return Err(format!("{pattern} is not a supported filter").into());
                }
                Some(filter)
            }
        };
        Ok(Stream {
            table: table
                .ok_or_else(|| format!("{attribute} is not a stream"))?
                .to_owned(),
            filter,
        })
    }
}

#[derive(Deserialize)]
enum StreamArn {
    /// `Table.StreamArn`
    #[serde(rename = "Fn::GetAtt")]
    Attribute(String),
}

/// Reads `CorsConfiguration` of the API, which is conditional.
fn cors_configuration(resources: &BTreeMap<String, Resource>) -> Result<CorsConfiguration, Error> {
    let mut resources = resources.values();
    let api = resources.find(|resource| resource.r#type == "AWS::Serverless::HttpApi");
    let api = api.ok_or("template.yaml has no AWS::Serverless::HttpApi")?;
    let conditional = &api.properties["CorsConfiguration"]["Fn::If"];
    Ok(CorsConfiguration::deserialize(&conditional[1])?)
}

impl Table {
    /// Returns the name of the partition key.
    #[must_use]
    pub fn partition_key(&self) -> &str {
        let keys = self.key_schema.as_array().into_iter().flatten();
        let mut partition_keys = keys.filter(|key| key["KeyType"] == "HASH");
        let key = partition_keys.next();
        key.and_then(|key| key["AttributeName"].as_str())
            .unwrap_or_default()
    }
}

/// Whether a role is for a service of AWS other than Lambda, so that no function can have it.
fn is_of_another_service(role: &Value) -> bool {
    let statements = role["AssumeRolePolicyDocument"]["Statement"].as_array();
    statements.is_some_and(|statements| {
        statements.iter().all(|statement| {
            let service = statement["Principal"]["Service"].as_str();
            service.is_some_and(|service| service != "lambda.amazonaws.com")
        })
    })
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
            socket_routes: Vec::new(),
            cors: cors_configuration(&document.resources)?,
        };
        let (mut integrations, mut routes) = (BTreeMap::new(), Vec::new());
        for (name, resource) in document.resources {
            match resource.r#type.as_str() {
                "AWS::DynamoDB::Table" => {
                    template
                        .tables
                        .insert(name, serde_json::from_value(resource.properties)?);
                }
                "AWS::Serverless::Function" => {
                    template.functions.push(Function::from_resource(
                        &name,
                        resource,
                        &document.parameters,
                    )?);
                }
                "AWS::ApiGatewayV2::Integration" => {
                    let uri = &resource.properties["IntegrationUri"]["Fn::Sub"];
                    let alias = uri[1]["Function"]["Ref"].as_str().unwrap_or_default();
                    let function = alias.strip_suffix(".Alias");
                    let function = function.ok_or(format!("template.yaml: {name}: no alias"))?;
                    integrations.insert(name, function.to_owned());
                }
                "AWS::ApiGatewayV2::Route" => routes.push((name, resource.properties)),
                "AWS::IAM::Role" if is_of_another_service(&resource.properties) => {}
                kind if kind.starts_with("AWS::IAM::") || kind.ends_with("::Connector") => {
                    return Err(format!(
                        "template.yaml: {name} grants permissions outside of a function"
                    )
                    .into());
                }
                _ => {}
            }
        }
        for (name, route) in routes {
            let target = route["Target"]["Fn::Sub"].as_str().unwrap_or_default();
            let target = target.strip_prefix("integrations/${");
            let target = target.and_then(|target| target.strip_suffix('}'));
            let function = target.and_then(|target| integrations.get(target));
            let function = function.ok_or(format!("template.yaml: {name}: no integration"))?;
            let key = route["RouteKey"].as_str().unwrap_or_default().to_owned();
            template.socket_routes.push((key, function.clone()));
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
                .resolve(&value, &document.parameters)
                .ok_or(format!(
                    "template.yaml: {name} refers neither to a table nor to a parameter with a default"
                ))?;
            template.variables.insert(name, value);
        }
        Ok(template)
    }

    /// Returns a variable that only some functions have.
    #[must_use]
    pub fn function_variable(&self, name: &str) -> Option<&Variable> {
        let mut functions = self.functions.iter();
        functions.find_map(|function| function.variables.get(name))
    }

    /// Returns the value of a variable in the local stack, where the name of a table is its logical id and a
    /// parameter has its default.
    fn resolve(&self, value: &Value, parameters: &BTreeMap<String, Parameter>) -> Option<String> {
        let name = value.get("Ref")?.as_str()?;
        if self.tables.contains_key(name) {
            return Some(name.to_owned());
        }
        Some(Variable::from_value(value, parameters)?.default)
    }
}

impl Function {
    fn from_resource(
        name: &str,
        resource: Resource,
        parameters: &BTreeMap<String, Parameter>,
    ) -> Result<Self, Error> {
        let metadata = resource
            .metadata
            .ok_or(format!("template.yaml: {name} has no Metadata"))?;
        let metadata: Metadata = serde_json::from_value(metadata)
            .map_err(|error| format!("template.yaml: {name}: {error}"))?;
        let properties: FunctionProperties = serde_json::from_value(resource.properties)
            .map_err(|error| format!("template.yaml: {name}: {error}"))?;
        let binary = metadata.build_properties.binary;
        if properties.code_uri != format!("functions/{binary}") {
            let folder = properties.code_uri;
            return Err(format!("template.yaml: {name} builds {binary} from {folder}").into());
        }
        let (mut routes, mut streams, mut is_scheduled) = (Vec::new(), Vec::new(), false);
        for event in properties.events.into_values() {
            match event {
                Event::HttpApi(Route {
                    method: Some(method),
                    path: Some(path),
                }) => routes.push(format!("{method} {path}")),
                Event::HttpApi(Route {
                    method: None,
                    path: None,
                }) => routes.push("$default".to_owned()),
                Event::HttpApi(_) => {
                    return Err(format!(
                        "template.yaml: {name} has a route with only one of Method and Path"
                    )
                    .into());
                }
                Event::Schedule(Schedule {
                    schedule: Rate::EveryMinute,
                }) => is_scheduled = true,
                Event::Stream(properties) => {
                    let wrong = |error| format!("template.yaml: {name}: {error}");
                    streams.push(properties.stream().map_err(wrong)?);
                }
            }
        }
        let mut variables = properties.environment.variables;
        let files_url = variables.remove(FILES_URL);
        if files_url
            .as_ref()
            .is_some_and(|url| *url != json!({ "Fn::Sub": BUCKET_URL }))
        {
            return Err(format!("template.yaml: {name}: {FILES_URL} is not {BUCKET_URL}").into());
        }
        let sockets_url = variables.remove(SOCKETS_URL);
        let expected = json!({ "Fn::If": ["HasRealtime", { "Fn::Sub": SOCKETS_API_URL }, ""] });
        if sockets_url.as_ref().is_some_and(|url| *url != expected) {
            return Err(
                format!("template.yaml: {name}: {SOCKETS_URL} is not {SOCKETS_API_URL}").into(),
            );
        }
        let variables = variables.into_iter().map(|(variable, value)| {
            let value = Variable::from_value(&value, parameters).ok_or(format!(
                "template.yaml: {name}: {variable} does not refer to a parameter with a default"
            ))?;
            Ok((variable, value))
        });
        let variables = variables.collect::<Result<_, Error>>()?;
        let mut permissions = BTreeSet::new();
        for statement in properties
            .policies
            .iter()
            .flat_map(|policy| &policy.statement)
            .map(StatementIf::statement)
        {
            for permission in statement
                .permissions()
                .map_err(|error| format!("template.yaml: {name}: {error}"))?
            {
                // One statement must grant all that a call needs: IAM does not combine their attributes.
                if !permissions.insert(permission.clone()) {
                    return Err(
                        format!("template.yaml: {name}: {permission} is granted twice").into(),
                    );
                }
            }
        }
        let still_granted = metadata.still_granted;
        if let Some(missing) = still_granted.difference(&permissions).next() {
            return Err(format!(
                "template.yaml: {name}: StillGranted has {missing}, which no policy grants"
            )
            .into());
        }
        Ok(Self {
            name: name.to_owned(),
            binary,
            routes,
            streams,
            is_scheduled,
            has_files: files_url.is_some(),
            has_sockets: sockets_url.is_some(),
            variables,
            permissions,
            still_granted,
        })
    }
}

impl Variable {
    /// None unless the value refers to a parameter with a default.
    fn from_value(value: &Value, parameters: &BTreeMap<String, Parameter>) -> Option<Self> {
        let parameter = value.get("Ref")?.as_str()?;
        let default = match &parameters.get(parameter)?.default {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        Some(Self {
            parameter: parameter.to_owned(),
            default,
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
                    .ok_or("a resource that is not the Arn of a table, an index or the objects of the bucket")?;
                match &self.condition {
                    None => permissions.push(permission(action, &resource)),
                    Some(Condition::OnAttributes(condition)) => {
                        let attributes = condition.only.attributes.iter();
                        permissions.extend(
                            attributes.map(|attribute| {
                                attribute_permission(action, &resource, attribute)
                            }),
                        );
                    }
                    Some(Condition::OnKeys(condition)) => {
                        for pattern in &condition.only.keys {
                            if pattern.find(['*', '?']) != Some(pattern.len() - 1) {
                                return Err(format!(
                                    "the pattern {pattern:?} is not a prefix and *"
                                ));
                            }
                            permissions.push(key_permission(action, &resource, pattern));
                        }
                    }
                }
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
