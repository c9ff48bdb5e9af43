//! Who may ask: `basic_auth_users` of the web config file; and the headers that it adds to answers. For
//! connections by TCP alone: whom a socket in the file system lets in says its mode.

use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::{
    news::News,
    passwords::{Busy, Passwords},
};
use crate::serve::web::Web;

/// What the gate knows.
#[derive(Clone)]
pub struct Gate {
    pub news: News,
    pub passwords: Passwords,
}

/// Lets a request through, or answers it.
pub async fn guard(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let current = gate.news.web().await;
    let mut response = match gate.lets_in(&current.web, request.headers()).await {
        Ok(true) => next.run(request).await,
        Ok(false) => {
            let wanted = [(WWW_AUTHENTICATE, HeaderValue::from_static("Basic"))];
            (StatusCode::UNAUTHORIZED, wanted, "who are you?\n").into_response()
        }
        Err(Busy) => {
            let later = [(RETRY_AFTER, HeaderValue::from_static("1"))];
            (StatusCode::SERVICE_UNAVAILABLE, later, "too many passwords\n").into_response()
        }
    };
    for (name, value) in &current.web.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

impl Gate {
    async fn lets_in(&self, web: &Web, headers: &HeaderMap) -> Result<bool, Busy> {
        let Some((_, any_hash)) = web.users.first_key_value() else { return Ok(true) };
        let Some((user, password)) = credentials(headers) else { return Ok(false) };
        let hash = web.users.get(&user);
        // Who is not known takes as long: the answer's time does not tell who there is.
        let fits = self.passwords.fits(&password, hash.unwrap_or(any_hash)).await?;
        Ok(fits && hash.is_some())
    }
}

/// User and password of an `Authorization` header (RFC 7617).
fn credentials(headers: &HeaderMap) -> Option<(String, Vec<u8>)> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = BASE64_STANDARD.decode(encoded.trim()).ok()?;
    let colon = decoded.iter().position(|&byte| byte == b':')?;
    let user = String::from_utf8(decoded[..colon].to_vec()).ok()?;
    Some((user, decoded[colon + 1..].to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_has_a_user_and_a_password() {
        let of = |value: &'static str| {
            let value = HeaderValue::from_static(value);
            credentials(&HeaderMap::from_iter([(AUTHORIZATION, value)]))
        };
        // The example of RFC 7617, 2.
        let aladdin = Some(("Aladdin".to_owned(), b"open sesame".to_vec()));
        assert_eq!(of("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), aladdin);
        assert_eq!(of("basic  QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), aladdin);
        // "a:b:c": a password may have colons.
        assert_eq!(of("Basic YTpiOmM="), Some(("a".into(), b"b:c".to_vec())));
        for wrong in ["Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Basic", "Basic !", "Basic YQ=="] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
        assert_eq!(credentials(&HeaderMap::new()), None);
    }
}
