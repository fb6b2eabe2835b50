//! Pages of long lists, numbered as by DRF's `PageNumberPagination`.

/// The page size when none is requested.
pub const DEFAULT_PAGE_SIZE: u32 = 100;
/// The largest page size. A larger one is reduced to it.
pub const MAX_PAGE_SIZE: u32 = 500;

/// The requested page of a list.
#[derive(Clone, Copy, Debug)]
pub struct PageRequest {
    /// `None` for the last page.
    number: Option<u32>,
    size: u32,
}

impl PageRequest {
    /// The page with this number, from 1, in a list whose pages have `size` rows, from 1 to [`MAX_PAGE_SIZE`].
    #[must_use]
    pub const fn number(number: u32, size: u32) -> Self {
        Self { number: Some(number), size }
    }

    /// The last page of a list.
    #[must_use]
    pub const fn last(size: u32) -> Self {
        Self { number: None, size }
    }

    /// The number of the last page in a list of `count` rows.
    #[must_use]
    pub fn last_of(self, count: i64) -> u32 {
        Self { number: None, ..self }.in_list(count).number
    }

    /// Which page that is in a list of `count` rows. The last page of an empty list is its first one.
    #[must_use]
    pub fn in_list(self, count: i64) -> NumberedPage {
        let last = u32::try_from((count - 1).max(0) / i64::from(self.size)).unwrap_or(u32::MAX).saturating_add(1);
        NumberedPage { number: self.number.unwrap_or(last), size: self.size }
    }
}

/// A page of a list, by its number.
#[derive(Clone, Copy, Debug)]
pub struct NumberedPage {
    /// From 1.
    pub number: u32,
    /// From 1 to [`MAX_PAGE_SIZE`].
    pub size: u32,
}

impl NumberedPage {
    /// How many rows come before this page.
    #[must_use]
    pub const fn offset(self) -> i64 {
        (self.number as i64 - 1) * self.size as i64
    }
}

/// The rows that a page reads. They are read from the nearer end of the list, because the database must skip all rows
/// before the offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Whether rows are read backwards, from the last one.
    pub is_backward: bool,
    /// How many rows are skipped.
    pub offset: i64,
    /// How many rows are read after that.
    pub limit: i64,
}

impl NumberedPage {
    /// The window of this page in a list of `count` rows.
    #[must_use]
    pub fn window(self, count: i64) -> Window {
        let (before, size) = (self.offset(), i64::from(self.size));
        let after = count - before - size;
        if after < before {
            Window { is_backward: true, offset: after.max(0), limit: size.min(count - before).max(0) }
        } else {
            self.forward_window()
        }
    }

    /// The window of this page in a list of unknown length.
    #[must_use]
    pub const fn forward_window(self) -> Window {
        Window { is_backward: false, offset: self.offset(), limit: self.size as i64 }
    }
}

/// One page and the length of the whole list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The number of all rows.
    pub count: i64,
    /// The rows of this page.
    pub results: Vec<T>,
}

impl<T> Page<T> {
    /// The page with each row converted.
    pub fn map<U>(self, convert: impl FnMut(T) -> U) -> Page<U> {
        Page { count: self.count, results: self.results.into_iter().map(convert).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_page_has_the_last_rows() {
        let last = |count, size| PageRequest::last(size).in_list(count).number;
        assert_eq!([last(0, 3), last(1, 3), last(3, 3), last(4, 3), last(6, 3), last(7, 3)], [1, 1, 1, 2, 2, 3]);
        assert_eq!(last(i64::MAX, 1), u32::MAX);
    }

    #[test]
    fn a_page_has_the_same_rows_from_either_end() {
        for count in 0..12_i64 {
            let list: Vec<i64> = (0..count).collect();
            for (number, size) in (1..8).flat_map(|number| (1..5).map(move |size| (number, size))) {
                let page = PageRequest::number(number, size).in_list(count);
                let window = page.window(count);
                let cut = |rows: Vec<i64>, offset: i64, limit: i64| -> Vec<i64> {
                    rows.into_iter().skip(offset.try_into().unwrap()).take(limit.try_into().unwrap()).collect()
                };
                let read = if window.is_backward {
                    let backward = list.iter().rev().copied().collect();
                    cut(backward, window.offset, window.limit).into_iter().rev().collect()
                } else {
                    cut(list.clone(), window.offset, window.limit)
                };
                assert_eq!(read, cut(list.clone(), page.offset(), size.into()), "page {number} of {size}, of {count}");
            }
        }
    }
}
