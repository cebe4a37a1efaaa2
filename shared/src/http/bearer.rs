//! `Authorization: Bearer <token>` (RFC 6750).

use lambda_http::http::{HeaderMap, header};

use crate::caller::Caller;
use crate::error::Unauthenticated;

/// The header that names the contact that a server key acts for.
pub const ON_BEHALF_OF: &str = "On-Behalf-Of";

/// Parses the headers `Authorization` and `On-Behalf-Of`. Who the latter names is not parsed yet: only a server key may
/// send it.
pub fn caller(headers: &HeaderMap) -> Result<Caller, Unauthenticated> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next().ok_or(Unauthenticated::TokenMissing)?;
    if values.next().is_some() {
        return Err(Unauthenticated::TokenInvalid);
    }
    let value = value.to_str().map_err(|_| Unauthenticated::TokenInvalid)?;
    let (scheme, token) = value.trim().split_once(' ').unwrap_or((value.trim(), ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Unauthenticated::TokenMissing);
    }
    let token = token.trim_start_matches(' ');
    if !is_b64token(token) {
        return Err(Unauthenticated::TokenInvalid);
    }
    let caller = Caller::with_token(token);
    let named = headers.get_all(ON_BEHALF_OF).iter();
    let named: Vec<_> = named
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    Ok(if named.is_empty() {
        caller
    } else {
        caller.on_behalf_of(named.join(", ").trim())
    })
}

/// `b64token` of RFC 6750, section 2.1: `1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`.
fn is_b64token(token: &str) -> bool {
    let characters = token.trim_end_matches('=');
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    !characters.is_empty() && characters.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use lambda_http::http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_header_is_parsed_or_rejected(value in prop::collection::vec(32..=255_u8, 0..60)) {
            prop_assume!(!value.contains(&127));
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, HeaderValue::from_bytes(&value).unwrap());
            if caller(&headers).is_ok() {
                prop_assert!(value[..6].eq_ignore_ascii_case(b"bearer") || value.starts_with(b" "));
            }
        }
    }
}
