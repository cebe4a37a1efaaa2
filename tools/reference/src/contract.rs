//! Reads the contract, in the order in which it is written.

use saphyr::Yaml;

/// A value of the contract. One that does not exist has no keys, no items and no text.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    yaml: Option<&'a Yaml<'a>>,
    root: &'a Yaml<'a>,
}

impl<'a> Node<'a> {
    /// The whole contract.
    pub fn root(root: &'a Yaml<'a>) -> Self {
        Self {
            yaml: Some(root),
            root,
        }
    }

    /// The value as it is written, with references.
    pub fn yaml(self) -> Option<&'a Yaml<'a>> {
        self.yaml
    }

    /// Whether it exists.
    pub fn exists(self) -> bool {
        self.yaml.is_some()
    }

    /// The value of a key. The keys of a reference are its own ones, and those of what it refers to.
    pub fn get(self, key: &str) -> Self {
        let own = self.yaml.and_then(|yaml| yaml.as_mapping_get(key));
        match self.target() {
            Some(target) if own.is_none() => target.get(key),
            _ => Self { yaml: own, ..self },
        }
    }

    /// The name of the component that it refers to.
    pub fn component(self) -> Option<&'a str> {
        self.reference()?.rsplit('/').next()
    }

    fn reference(self) -> Option<&'a str> {
        self.yaml?.as_mapping_get("$ref")?.as_str()
    }

    fn target(self) -> Option<Self> {
        let path = self.reference()?.strip_prefix("#/")?;
        let found = path
            .split('/')
            .try_fold(self.root, |yaml, key| yaml.as_mapping_get(key));
        found.map(|yaml| Self {
            yaml: Some(yaml),
            ..self
        })
    }

    /// The text; empty if it is something else.
    pub fn text(self) -> &'a str {
        self.yaml.and_then(Yaml::as_str).unwrap_or_default()
    }

    /// The description, or that of the first alternative, without the line break at its end.
    pub fn description(self) -> &'a str {
        let own = self.get("description");
        let first = self.get("anyOf").items().next();
        match first {
            Some(first) if !own.exists() => first.description(),
            _ => own.text().trim_end(),
        }
    }

    /// The number.
    pub fn number(self) -> Option<i64> {
        self.yaml?.as_integer()
    }

    /// Whether it is `true`.
    pub fn is_true(self) -> bool {
        self.yaml.and_then(Yaml::as_bool).unwrap_or_default()
    }

    /// The keys and values of a mapping.
    pub fn entries(self) -> impl Iterator<Item = (&'a str, Self)> {
        let mapping = self.yaml.and_then(Yaml::as_mapping).into_iter().flatten();
        mapping.filter_map(move |(key, yaml)| {
            let value = Self {
                yaml: Some(yaml),
                ..self
            };
            Some((key.as_str()?, value))
        })
    }

    /// The items of a list.
    pub fn items(self) -> impl Iterator<Item = Self> {
        let list = self.yaml.and_then(Yaml::as_vec).into_iter().flatten();
        list.map(move |yaml| Self {
            yaml: Some(yaml),
            ..self
        })
    }

    /// The items of a list that are texts.
    pub fn texts(self) -> impl Iterator<Item = &'a str> {
        self.items().map(Self::text).filter(|text| !text.is_empty())
    }
}

/// An endpoint.
pub struct Operation<'a> {
    /// `GET`
    pub method: String,
    /// With parameters like `{id}`.
    pub path: &'a str,
    /// Those of the path, too.
    pub parameters: Vec<Node<'a>>,
    /// The operation itself.
    pub node: Node<'a>,
}

impl<'a> Operation<'a> {
    /// All operations of a contract.
    pub fn all(contract: Node<'a>) -> Vec<Self> {
        let mut operations = Vec::new();
        for (path, item) in contract.get("paths").entries() {
            for (method, node) in item.entries() {
                if node.get("operationId").exists() {
                    let parameters = item.get("parameters").items();
                    operations.push(Self {
                        method: method.to_uppercase(),
                        path,
                        parameters: parameters.chain(node.get("parameters").items()).collect(),
                        node,
                    });
                }
            }
        }
        operations
    }

    /// The title of its section.
    pub fn summary(&self) -> &'a str {
        self.node.get("summary").text()
    }

    /// The schema of its body as JSON.
    pub fn body(&self) -> Node<'a> {
        let content = self.node.get("requestBody").get("content");
        content.get("application/json").get("schema")
    }

    /// Whether it takes a body.
    pub fn has_body(&self) -> bool {
        self.body().exists()
    }

    /// The scopes with which a server key may use it for itself; none if only contacts may use it.
    pub fn scopes_of_server_key(&self) -> Option<Vec<&'a str>> {
        let mut schemes = self.node.get("security").items();
        let own =
            schemes.find(|scheme| scheme.get("key").exists() && !scheme.get("onBehalfOf").exists());
        Some(own?.get("key").texts().collect())
    }

    /// Whether contacts may use it, with a token.
    pub fn is_for_contacts(&self) -> bool {
        let security = self.node.get("security");
        let mut schemes = security.items();
        !security.exists() || schemes.any(|scheme| scheme.get("token").exists())
    }

    /// What the schema of a parameter cannot say.
    pub fn rules(&self, parameter: &str) -> impl Iterator<Item = &'a str> {
        let rules = self.node.get("x-rules").items();
        let rules = rules.filter(move |rule| {
            let name = rule.get("param").text();
            name.strip_suffix("[]").unwrap_or(name) == parameter
        });
        rules.map(|rule| rule.get("rule").text())
    }

    /// The statuses and codes of its errors.
    pub fn errors(&self) -> Vec<(&'a str, &'a str)> {
        let mut errors = Vec::new();
        for (status, response) in self.node.get("responses").entries() {
            let own = self.node.get("x-errors").get(status);
            let codes = if own.exists() {
                own
            } else {
                response.get("x-codes")
            };
            errors.extend(codes.texts().map(|code| (status, code)));
        }
        errors
    }
}
