//! What C code keeps per thread: libc's words of the runtime's thread block. All are zero in a
//! new thread. The block is the thread's alone, so nothing here can race.
use clavis_rt::tls;
use core::cell::Cell;

/// What each word is for.
#[derive(Clone, Copy, Debug)]
#[repr(usize)]
pub(crate) enum Word {
    /// Address of the heap array that `pthread_setspecific` stores in.
    Specific = 0,
    /// Address of the last registered destructor of a thread-local variable.
    Destructors = 1,
    /// What marks the thread as the owner of a mutex.
    Mark = 2,
    /// Signal handlers that have run on the thread.
    Handled = 3,
}

const _: () = assert!((Word::Handled as usize) < tls::LIBC_WORDS);

fn cell(word: Word) -> &'static Cell<usize> {
    &tls::current().libc[word as usize]
}

/// Reads a word of the calling thread.
pub(crate) fn get(word: Word) -> usize {
    cell(word).get()
}

/// Writes a word of the calling thread.
pub(crate) fn set(word: Word, value: usize) {
    cell(word).set(value);
}

/// Where a word of the calling thread lies.
pub(crate) fn place(word: Word) -> *const usize {
    cell(word).as_ptr()
}
