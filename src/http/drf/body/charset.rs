//! Charsets of bodies, as Django and DRF honour them.

use encoding_rs::Encoding;

use crate::http::drf::media_type::MediaType;

/// The charset of a body. An unknown charset counts as UTF-8, as in Django.
#[derive(Clone, Copy)]
pub enum Charset {
    /// Each byte is the character with its number. (In the WHATWG standard this name means Windows-1252.)
    Latin1,
    /// Seven bits. (In the WHATWG standard this name means Windows-1252.)
    Ascii,
    /// Either byte order, by the byte order mark.
    Utf16,
    /// Any other.
    Known(&'static Encoding),
}

impl Charset {
    /// The `charset` parameter of a content type.
    pub fn of(media: &MediaType) -> Self {
        let name = media.parameter("charset").unwrap_or("utf-8").to_lowercase().replace('_', "-");
        match name.as_str() {
            "iso-8859-1" | "iso8859-1" | "latin-1" | "latin1" | "l1" | "cp819" | "8859" => Self::Latin1,
            "ascii" | "us-ascii" | "646" => Self::Ascii,
            "utf-16" | "utf16" | "u16" => Self::Utf16,
            _ => Self::Known(Encoding::for_label_no_replacement(name.as_bytes()).unwrap_or(encoding_rs::UTF_8)),
        }
    }

    /// Decodes with U+FFFD for malformed bytes.
    pub fn lossy(self, bytes: &[u8]) -> String {
        match self {
            Self::Latin1 => bytes.iter().map(|byte| char::from(*byte)).collect(),
            Self::Ascii => {
                let character = |byte: &u8| if byte.is_ascii() { char::from(*byte) } else { '\u{fffd}' };
                bytes.iter().map(character).collect()
            }
            Self::Utf16 => encoding_rs::UTF_16LE.decode(bytes).0.into_owned(),
            Self::Known(encoding) => encoding.decode_without_bom_handling(bytes).0.into_owned(),
        }
    }

    /// Decodes, or says where the malformed bytes are, in Python's words.
    pub fn strict(self, bytes: &[u8]) -> Result<String, String> {
        match self {
            Self::Known(encoding) if encoding == encoding_rs::UTF_8 => match std::str::from_utf8(bytes) {
                Ok(text) => Ok(text.to_owned()),
                Err(error) => {
                    let at = error.valid_up_to();
                    let byte = bytes[at];
                    Err(format!("'utf-8' codec can't decode byte 0x{byte:02x} in position {at}: invalid start byte"))
                }
            },
            Self::Known(encoding) => encoding
                .decode_without_bom_handling_and_without_replacement(bytes)
                .map(std::borrow::Cow::into_owned)
                .ok_or_else(|| format!("'{}' codec can't decode the body", encoding.name().to_lowercase())),
            Self::Latin1 => Ok(self.lossy(bytes)),
            Self::Ascii => match bytes.iter().position(|byte| !byte.is_ascii()) {
                None => Ok(self.lossy(bytes)),
                Some(at) => {
                    let byte = bytes[at];
                    Err(format!(
                        "'ascii' codec can't decode byte 0x{byte:02x} in position {at}: ordinal not in range(128)"
                    ))
                }
            },
            Self::Utf16 => match Encoding::for_bom(bytes) {
                Some((encoding, length)) if encoding != encoding_rs::UTF_8 => {
                    Self::Known(encoding).strict(&bytes[length..])
                }
                _ => Err("UTF-16 stream does not start with BOM".into()),
            },
        }
    }
}
