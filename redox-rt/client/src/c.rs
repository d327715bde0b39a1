//! The symbols of libc.a, declared from their list in `clavis_abi::runtime`.
#![expect(unsafe_code, reason = "declares the C interface of the runtime")]

use clavis_abi::runtime::*;

macro_rules! declare {
    ($($doc:literal $name:ident($($argument:ident: $type:ty),*);)*) => {
        unsafe extern "C" {
            $(#[doc = $doc] pub(crate) fn $name($($argument: $type),*) -> usize;)*
        }
    };
}
clavis_abi::with_runtime_functions!(declare);
