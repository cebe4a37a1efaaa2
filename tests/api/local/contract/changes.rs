//! Changes of the contract that must be noticed.

use serde_json::Value;

/// A change of the document, and a problem that it causes.
pub struct Change {
    /// Where, as a JSON pointer.
    pointer: &'static str,
    /// The new value, as JSON; empty to remove what is there.
    value: &'static str,
    /// What must be reported.
    pub problem: &'static str,
}

impl Change {
    /// The document with this change.
    pub fn of(&self, mut document: Value) -> Value {
        let (parent, key) = self.pointer.rsplit_once('/').unwrap();
        let parent = document.pointer_mut(parent).unwrap();
        let parent = parent.as_object_mut().unwrap();
        let key = key.replace("~1", "/");
        if self.value.is_empty() {
            parent.remove(&key).unwrap();
        } else {
            parent.insert(key, serde_json::from_str(self.value).unwrap());
        }
        document
    }
}

#[rustfmt::skip]
pub const CHANGES: [Change; 14] = [
    // A key is dropped, or becomes optional.
    Change {
        pointer: "/components/schemas/Message/properties/read_at",
        value: "",
        problem: "getMessage: body: Additional properties are not allowed ('read_at' was unexpected) at ",
    },
    Change {
        pointer: "/components/schemas/Token/required",
        value: r#"["id", "label", "created_at", "expires_at", "issued_with"]"#,
        problem: "Token.last_used_at",
    },
    // A type is widened: of a response, of a parameter, of a body.
    Change {
        pointer: "/components/schemas/Message/properties/read_at/type",
        value: r#"["integer", "string", "null"]"#,
        problem: "never occurs: Message.read_at: string",
    },
    Change {
        pointer: "/components/parameters/Limit/schema/type",
        value: r#"["integer", "string"]"#,
        problem: "listTokens: refused, although the request fits the schemas and breaks no rule",
    },
    Change {
        pointer: "/components/schemas/CreateTokenForm/properties/expires_in/type",
        value: r#"["integer", "boolean"]"#,
        problem: "never occurs: CreateTokenForm.expires_in: boolean",
    },
    // A status is removed, or added.
    Change {
        pointer: "/paths/~1v1~1messages~1{id}/get/responses/304",
        value: "",
        problem: "getMessage: undeclared status 304",
    },
    Change {
        pointer: "/paths/~1v1~1me/get/responses/304",
        value: r#"{"description": "Not modified."}"#,
        problem: "never occurs: getMe: 304",
    },
    // A code is renamed, of one operation or of all.
    Change {
        pointer: "/paths/~1v1~1messages~1{id}/get/x-errors/404",
        value: r#"["no_such_message"]"#,
        problem: "getMessage: undeclared code \"message_not_found\" with 404",
    },
    Change {
        pointer: "/components/responses/InternalError/x-codes",
        value: r#"["bug"]"#,
        problem: "500 internal",
    },
    // A path is added, or removed.
    Change {
        pointer: "/paths/~1v1~1you",
        value: r#"{"get": {"operationId": "getYou", "responses": {"204": {"description": "Done."}}}}"#,
        problem: "get-you GET /v1/you",
    },
    Change {
        pointer: "/paths/~1v1~1blocks~1{id}",
        value: "",
        problem: "PUT /v1/blocks/Buzz0McCallister is not in the document, but 401",
    },
    // A limit is lowered, of which there is a rule, too, or none.
    Change {
        pointer: "/components/schemas/CreateMessage/properties/message/maxLength",
        value: "32767",
        problem: "/components/schemas/CreateMessage/properties/message/maxLength is not 32767",
    },
    Change {
        pointer: "/components/parameters/Limit/schema/maximum",
        value: "99",
        problem: "listMessages: accepted, although query: 100 is greater than the maximum of 99 at /limit",
    },
    // A rule is added.
    Change {
        pointer: "/paths/~1v1~1me/get/x-rules",
        value: r#"[{"code": "parameter_invalid", "param": "fields", "rule": "Not all of them."}]"#,
        problem: "never occurs: getMe: rule parameter_invalid Some(\"fields\")",
    },
];
