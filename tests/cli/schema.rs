//! Whether what is printed is as its schema says.

use serde_json::Value;

/// What of `value` is not as `schema` says, of those of its words that the schemas here use.
pub fn wrong(schema: &Value, value: &Value) -> Vec<String> {
    wrong_at(schema, schema, value, "")
}

/// `whole` has what `schema` refers to.
fn wrong_at(whole: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.strip_prefix("#/$defs/").unwrap();
        return wrong_at(whole, &whole["$defs"][name], value, at);
    }
    let mut found = Vec::new();
    let is_of = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("a type {other}?"),
    };
    let types: Vec<&str> = match &schema["type"] {
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        name => name.as_str().into_iter().collect(),
    };
    if !types.into_iter().any(is_of) {
        found.push(format!("{at}: {value} is no {}", schema["type"]));
    }
    if let Some(known) = schema["enum"].as_array()
        && !known.contains(value)
    {
        found.push(format!("{at}: {value} is not listed"));
    }
    for (number, element) in value.as_array().into_iter().flatten().enumerate() {
        let at = format!("{at}[{number}]");
        found.extend(wrong_at(whole, &schema["items"], element, &at));
    }
    if let Some(object) = value.as_object() {
        assert_eq!(schema["additionalProperties"], false);
        for (key, element) in object {
            match schema["properties"].get(key) {
                Some(schema) => {
                    found.extend(wrong_at(whole, schema, element, &format!("{at}.{key}")));
                }
                None => found.push(format!("{at}.{key} is not documented")),
            }
        }
        for key in schema["required"].as_array().into_iter().flatten() {
            if !object.contains_key(key.as_str().unwrap_or_default()) {
                found.push(format!("{at} has no {key}"));
            }
        }
    }
    found
}
