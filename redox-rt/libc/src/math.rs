//! The mathematical functions of C, from the published crate `libm`. Those that the compiler's own
//! runtime brings along (`floor`, `fma`, `fmod`, `sqrt`, …) are left to it.
use core::ffi::c_int;

macro_rules! functions {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $result:ty;)*) => {$(
        #[doc = concat!("C's `", stringify!($name), "`.")]
        #[unsafe(no_mangle)]
        pub extern "C" fn $name($($argument: $kind),*) -> $result {
            libm::$name($($argument),*)
        }
    )*};
}

macro_rules! real {
    ($($name:ident $single:ident),*) => {functions! {$(
        $name(x: f64) -> f64;
        $single(x: f32) -> f32;
    )*}};
}
real! {
    acos acosf, acosh acoshf, asin asinf, asinh asinhf, atan atanf, atanh atanhf, cos cosf,
    cosh coshf, erf erff, erfc erfcf, exp expf, exp2 exp2f, exp10 exp10f, expm1 expm1f,
    j0 j0f, j1 j1f, lgamma lgammaf, log logf, log10 log10f, log1p log1pf, log2 log2f, sin sinf,
    sinh sinhf, tan tanf, tanh tanhf, tgamma tgammaf, y0 y0f, y1 y1f
}

macro_rules! real_of_two {
    ($($name:ident $single:ident),*) => {functions! {$(
        $name(x: f64, y: f64) -> f64;
        $single(x: f32, y: f32) -> f32;
    )*}};
}
real_of_two! {
    atan2 atan2f, hypot hypotf, nextafter nextafterf, pow powf, remainder remainderf
}

functions! {
    ilogb(x: f64) -> c_int;
    ilogbf(x: f32) -> c_int;
    jn(order: c_int, x: f64) -> f64;
    jnf(order: c_int, x: f32) -> f32;
    yn(order: c_int, x: f64) -> f64;
    ynf(order: c_int, x: f32) -> f32;
    ldexp(x: f64, exponent: c_int) -> f64;
    ldexpf(x: f32, exponent: c_int) -> f32;
    scalbn(x: f64, exponent: c_int) -> f64;
    scalbnf(x: f32, exponent: c_int) -> f32;
}

macro_rules! with_second_result {
    ($($name:ident($($argument:ident: $kind:ty),*) -> ($result:ty, $second:ty);)*) => {$(
        #[doc = concat!("C's `", stringify!($name), "`.")]
        ///
        /// # Safety
        /// C contract: `second` is writable.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name($($argument: $kind,)* second: *mut $second) -> $result {
            let (result, other) = libm::$name($($argument),*);
            // SAFETY: the contract.
            unsafe { second.write(other) };
            result
        }
    )*};
}
with_second_result! {
    frexp(x: f64) -> (f64, c_int);
    frexpf(x: f32) -> (f32, c_int);
    lgamma_r(x: f64) -> (f64, c_int);
    lgammaf_r(x: f32) -> (f32, c_int);
    modf(x: f64) -> (f64, f64);
    modff(x: f32) -> (f32, f32);
    remquo(x: f64, y: f64) -> (f64, c_int);
    remquof(x: f32, y: f32) -> (f32, c_int);
}

/// C's `sincos`.
///
/// # Safety
/// C contract: both places are writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sincos(x: f64, sine: *mut f64, cosine: *mut f64) {
    let (s, c) = libm::sincos(x);
    // SAFETY: the contract.
    unsafe { sine.write(s) };
    // SAFETY: the contract.
    unsafe { cosine.write(c) };
}

/// C's `sincosf`.
///
/// # Safety
/// C contract: both places are writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sincosf(x: f32, sine: *mut f32, cosine: *mut f32) {
    let (s, c) = libm::sincosf(x);
    // SAFETY: the contract.
    unsafe { sine.write(s) };
    // SAFETY: the contract.
    unsafe { cosine.write(c) };
}
