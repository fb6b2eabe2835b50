//! Text as searches compare it: whatever the case, and with or without accents.

use unicode_normalization::UnicodeNormalization;

/// Combining marks, which stand for accents in decomposed text.
const MARKS: std::ops::RangeInclusive<char> = '\u{300}'..='\u{36f}';

/// Letters that have no decomposition, and the letters by which people search for them. PostgreSQL's expression in
/// `store/users/list.rs` has the same.
const LETTERS: [(char, &str); 10] = [
    ('ł', "l"),
    ('ø', "o"),
    ('đ', "d"),
    ('ı', "i"),
    ('ħ', "h"),
    ('ŧ', "t"),
    ('ς', "σ"),
    ('ß', "ss"),
    ('æ', "ae"),
    ('œ', "oe"),
];

/// The text in lower case, without accents.
#[must_use]
pub fn folded(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for letter in text.to_lowercase().nfkd().filter(|letter| !MARKS.contains(letter)) {
        match LETTERS.iter().find(|(known, _)| *known == letter) {
            Some((_, plain)) => folded.push_str(plain),
            None => folded.push(letter),
        }
    }
    folded
}

/// The words of a search. Letters that only look different, such as full-width ones, are made the same here, so that
/// folding a word makes no new signs.
#[must_use]
pub fn words(search: &str) -> Vec<String> {
    search.nfkc().collect::<String>().split_whitespace().map(ToOwned::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_accents_fold() {
        for (text, plain) in [
            ("Petrović", "petrovic"),
            ("ÅSTRÖM", "astrom"),
            ("Łódź", "lodz"),
            ("Straße", "strasse"),
            ("Ærøskøbing", "aeroskobing"),
            ("İstanbul", "istanbul"),
            ("Ёлкин", "елкин"),
            ("ΟΔΟΣ", "οδοσ"),
            ("Ｗｉｄｅ", "wide"),
            ("王伟", "王伟"),
        ] {
            assert_eq!(folded(text), plain);
        }
    }

    #[test]
    fn words_have_no_sign_that_folding_makes() {
        assert_eq!(words(" a％ b＿ \u{3000}ｃ"), ["a%", "b_", "c"]);
    }
}
