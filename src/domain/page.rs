//! Pages of long lists, as DRF's `PageNumberPagination` cuts them.

/// The page size when none is asked for.
pub const DEFAULT_PAGE_SIZE: u32 = 100;
/// The largest page; a larger wish is cut to it.
pub const MAX_PAGE_SIZE: u32 = 500;

/// Which page of a list is wanted.
#[derive(Clone, Copy, Debug)]
pub struct PageRequest {
    /// From 1.
    pub number: u32,
    /// From 1 to [`MAX_PAGE_SIZE`].
    pub size: u32,
}

impl PageRequest {
    /// How many rows come before this page.
    #[must_use]
    pub const fn offset(self) -> i64 {
        (self.number as i64 - 1) * self.size as i64
    }
}

/// One page and the length of the whole list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// All rows there are.
    pub count: i64,
    /// The rows of this page.
    pub results: Vec<T>,
}
