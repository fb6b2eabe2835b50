//! A parsed body, whatever its media type was.

/// A parsed body.
#[derive(Debug)]
pub enum Data {
    /// Fields by name, from a form or a JSON object. A form may repeat a name.
    Fields {
        /// In the order they were sent.
        fields: Vec<(String, Value)>,
        /// Whether they came from a form, which has no types.
        form: bool,
    },
    /// JSON `null`.
    Null,
    /// JSON of another type, by Python's name.
    Other(&'static str),
}

/// The value of a field.
#[derive(Clone, Debug)]
pub enum Value {
    /// Text in WTF-8: JSON may hold lone surrogates, which UTF-8 cannot.
    Text(Vec<u8>),
    /// A JSON number, as Python's `str()` writes it.
    Number(String),
    /// A JSON boolean.
    Bool(bool),
    /// JSON `null`.
    Null,
    /// The members of a JSON list.
    List(Vec<Value>),
    /// A JSON object. No field accepts one.
    Object,
    /// An uploaded file.
    File,
}

impl Data {
    /// Whether the fields came from a form.
    pub const fn is_form(&self) -> bool {
        matches!(self, Self::Fields { form: true, .. })
    }

    /// The last value of a name, as in a Python dict.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.fields().iter().rev().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// All values of a name.
    pub fn all(&self, name: &str) -> Vec<Value> {
        self.fields().iter().filter(|(known, _)| known == name).map(|(_, value)| value.clone()).collect()
    }

    fn fields(&self) -> &[(String, Value)] {
        if let Self::Fields { fields, .. } = self { fields } else { &[] }
    }
}
