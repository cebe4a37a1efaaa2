//! Whether a request fits its operation.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::{Contract, Exchange, Operation};

impl Contract {
    /// What is wrong with a request; `None` if it fits the schemas.
    pub(super) fn problem_of_request(
        &self,
        operation: &Operation,
        exchange: &Exchange,
    ) -> Option<String> {
        self.problem_of_path(operation, exchange)
            .or_else(|| self.problem_of_query(operation, exchange))
            .or_else(|| self.problem_of_headers(operation, exchange))
            .or_else(|| self.problem_of_body(operation, exchange))
    }

    fn problem_of_path(&self, operation: &Operation, exchange: &Exchange) -> Option<String> {
        let values = operation.path_parameters(exchange)?;
        values.into_iter().find_map(|(name, value)| {
            let schema = &operation
                .parameter("path", name)
                .unwrap_or_else(|| panic!("{name} of {}", operation.id))["schema"];
            let value = percent_decode_str(value).decode_utf8_lossy();
            self.error(schema, &json!(value))
                .map(|error| format!("{name} in the path: {error}"))
        })
    }

    fn problem_of_query(&self, operation: &Operation, exchange: &Exchange) -> Option<String> {
        if !operation.bodies.is_empty() {
            return (!exchange.query().is_empty()).then(|| "it has a query string".to_owned());
        }
        let (mut properties, mut required) = (Map::new(), Vec::new());
        for parameter in operation
            .parameters
            .iter()
            .filter(|parameter| parameter["in"] == "query")
        {
            let name = parameter["name"].as_str().unwrap();
            properties.insert(name.to_owned(), parameter["schema"].clone());
            required.extend((parameter["required"] == true).then_some(name));
        }
        let schema = json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false});
        let problem = match self.fields(exchange.query().as_bytes(), &schema) {
            Ok(fields) => self.error(&schema, &fields),
            Err(problem) => Some(problem),
        };
        problem.map(|problem| format!("query: {problem}"))
    }

    fn problem_of_headers(&self, operation: &Operation, exchange: &Exchange) -> Option<String> {
        let headers = operation
            .parameters
            .iter()
            .filter(|parameter| parameter["in"] == "header");
        headers.into_iter().find_map(|parameter| {
            let name = parameter["name"].as_str().unwrap();
            let value = exchange.header(name)?;
            self.error(&parameter["schema"], &json!(value))
                .map(|error| format!("{name}: {error}"))
        })
    }

    fn problem_of_body(&self, operation: &Operation, exchange: &Exchange) -> Option<String> {
        if exchange.body.is_empty() {
            return operation
                .is_body_required
                .then(|| "it has no body".to_owned());
        }
        let problem = match self.body(operation, exchange) {
            Ok((schema, fields)) => self.error(schema, &fields),
            Err(problem) => Some(problem),
        };
        problem.map(|problem| format!("body: {problem}"))
    }

    /// The body of a request, and its schema.
    ///
    /// # Errors
    ///
    /// It is malformed, or the operation takes none of this type.
    pub fn body<'a>(
        &self,
        operation: &'a Operation,
        exchange: &Exchange,
    ) -> Result<(&'a Value, Value), String> {
        let content_type = exchange
            .header("content-type")
            .unwrap_or_default()
            .to_lowercase();
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        let found = operation.bodies.iter().find(|(kind, _)| kind == media_type);
        let (_, schema) = found.ok_or_else(|| format!("type {media_type:?}"))?;
        let fields = if media_type == "application/json" {
            self.json_fields(&exchange.body, schema)
        } else {
            self.fields(&exchange.body, schema)
        };
        Ok((schema, fields?))
    }

    /// A JSON body. Numbers and booleans that were sent as strings are converted.
    fn json_fields(&self, body: &[u8], schema: &Value) -> Result<Value, String> {
        let mut body: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        for (name, value) in body.as_object_mut().into_iter().flatten() {
            if let Some(text) = value.as_str() {
                *value = self.typed(text, schema, name);
            }
        }
        Ok(body)
    }

    /// A form or a query string: names as they are, lists for names that end with `[]`.
    fn fields(&self, form: &[u8], schema: &Value) -> Result<Value, String> {
        let mut fields = Map::new();
        for (name, value) in form_urlencoded::parse(form) {
            if name.ends_with("[]") {
                let list = fields.entry(name).or_insert_with(|| json!([]));
                list.as_array_mut().unwrap().push(json!(value));
            } else if fields.contains_key(&*name) {
                return Err(format!("{name} is repeated"));
            } else {
                let value = self.typed(&value, schema, &name);
                fields.insert(name.into_owned(), value);
            }
        }
        Ok(Value::Object(fields))
    }

    /// The value of a field that was sent as text: a number or a boolean, if it is one and the schema allows no text.
    fn typed(&self, text: &str, schema: &Value, name: &str) -> Value {
        let field = self.resolved(&self.resolved(schema)["properties"][name]);
        let allows = |kind: &str| {
            field["type"] == kind
                || field["type"]
                    .as_array()
                    .is_some_and(|kinds| kinds.contains(&json!(kind)))
        };
        match text {
            _ if allows("string") => json!(text),
            "true" | "false" if allows("boolean") => json!(text == "true"),
            _ if allows("integer") => text
                .parse::<u64>()
                .map_or(json!(text), |number| json!(number)),
            _ => json!(text),
        }
    }
}

impl Operation {
    fn parameter(&self, place: &str, name: &str) -> Option<&Value> {
        let mut parameters = self.parameters.iter();
        parameters.find(|parameter| parameter["in"] == place && parameter["name"] == name)
    }
}
