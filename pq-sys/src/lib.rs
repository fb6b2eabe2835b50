//! libpq as the real `pq-sys` has it, and between it and Diesel one function of our own.
//!
//! Diesel 2.3 tells a few of PostgreSQL's errors apart and keeps the code of all others, their SQLSTATE, to itself: what it
//! hands over are words, in whatever language the server speaks. One thing that it hands over nobody here reads: the
//! hint. So whoever asks libpq for the hint of an error gets its SQLSTATE.

pub use real::*;

/// libpq's function of this name, but for the hint.
///
/// # Safety
/// As libpq's: `result` is a result, or null.
#[expect(non_snake_case, reason = "libpq's name")]
pub unsafe fn PQresultErrorField(result: *const PGresult, field: std::ffi::c_int) -> *mut std::ffi::c_char {
    let hint = std::ffi::c_int::from(b'H');
    let code = std::ffi::c_int::from(b'C');
    // SAFETY: as the caller says; both are fields that libpq knows.
    unsafe { real::PQresultErrorField(result, if field == hint { code } else { field }) }
}
