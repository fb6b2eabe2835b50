//! HTTP Basic at the login, as Knox's login takes it (`rest_framework/authentication.py::BasicAuthentication`).

use actix_web::HttpRequest;
use actix_web::http::header::{AUTHORIZATION, HeaderValue};
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::NO_PAD;

use super::challenge::refused;
use super::credentials::Credentials;
use crate::domain::password::Password;
use crate::domain::user::{LoginBy, LoginName};
use crate::http::error::HttpError;
use crate::service::AuthenticationFault;

/// Python ignores bits after the last byte.
const BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, NO_PAD.with_decode_allow_trailing_bits(true));

/// The words after `Basic`.
pub struct BasicHeader(Vec<Vec<u8>>);

impl BasicHeader {
    /// `None` if the request has no `Authorization`, or one of another scheme.
    pub fn of(request: &HttpRequest) -> Option<Self> {
        let headers: Vec<&[u8]> = request.headers().get_all(AUTHORIZATION).map(HeaderValue::as_bytes).collect();
        let header = headers.join(b",".as_slice());
        let mut words =
            header.split(|byte| byte.is_ascii_whitespace() || *byte == 0x0b).filter(|word| !word.is_empty());
        let is_basic = words.next()?.eq_ignore_ascii_case(b"basic");
        is_basic.then(|| Self(words.map(<[u8]>::to_vec).collect()))
    }

    /// Name and password, as they are: nothing is trimmed.
    ///
    /// # Errors
    /// 401 with DRF's sentences.
    pub fn credentials(&self, by: LoginBy) -> Result<Credentials, HttpError> {
        let encoded = match self.0.as_slice() {
            [] => return Err(refused(AuthenticationFault::NoBasicCredentials)),
            [encoded] => encoded,
            _ => return Err(refused(AuthenticationFault::BasicSpaces)),
        };
        let text = decoded(encoded).map(|bytes| match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(latin_1) => latin_1.into_bytes().into_iter().map(char::from).collect(),
        });
        let Some((name, password)) = text.as_deref().and_then(|text| text.split_once(':')) else {
            return Err(refused(AuthenticationFault::NotBase64));
        };
        let name = LoginName { text: name.to_owned(), by };
        Ok(Credentials { name, password: Password::new(password.to_owned()) })
    }
}

/// Decodes base64 as Python's `b64decode` does. It passes over whatever is not of the alphabet, and over `=` where no padding
/// can be; where padding is complete, the text ends.
fn decoded(encoded: &[u8]) -> Option<Vec<u8>> {
    let (mut digits, mut pads) = (Vec::with_capacity(encoded.len()), 0);
    for byte in encoded {
        match byte {
            b'=' if digits.len() % 4 >= 2 => {
                pads += 1;
                if digits.len() % 4 + pads >= 4 {
                    return BASE64.decode(digits).ok();
                }
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'+' | b'/' => {
                digits.push(*byte);
                pads = 0;
            }
            _ => {}
        }
    }
    // Without its padding a text is whole only if it needs none.
    if digits.len().is_multiple_of(4) { BASE64.decode(digits).ok() } else { None }
}
