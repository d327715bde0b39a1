//! The smallest program: it ends at once. What starting it costs is what starting costs.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use clavis_rt::startup::Startup;

clavis_rt::entry!(main);

#[global_allocator]
static HEAP: clavis_rt::heap::Heap = clavis_rt::heap::Heap::new();

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    clavis_rt::entry::panicked(info)
}

fn main(_: &'static Startup<'static>) -> i32 {
    0
}
