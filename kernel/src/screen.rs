//! Text on the framebuffer. The screen is never read: what it shows is kept as characters, and
//! scrolling draws the cells that change.
use alloc::vec;
use alloc::vec::Vec;
use clavis_abi::boot::Framebuffer;
use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};

use crate::paging::{self, Cache};

const WEIGHT: FontWeight = FontWeight::Regular;
const SIZE: RasterHeight = RasterHeight::Size16;

/// A text screen.
pub(crate) struct Screen {
    /// Where the kernel sees the framebuffer.
    base: u64,
    /// Bytes from one line of pixels to the next.
    pitch: usize,
    columns: usize,
    rows: usize,
    cells: Vec<u8>,
    column: usize,
    row: usize,
}

impl Screen {
    /// Maps a framebuffer and clears it. `None` if it has no room for text or lies about its size.
    pub(crate) fn new(buffer: &Framebuffer) -> Option<Screen> {
        let (width, height) = (buffer.width as usize, buffer.height as usize);
        let pitch = buffer.stride as usize * 4;
        let bytes = pitch.checked_mul(height)?;
        if buffer.start == 0 || buffer.width > buffer.stride || bytes as u64 > buffer.len {
            return None;
        }
        let columns = width / get_raster_width(WEIGHT, SIZE);
        let rows = height / SIZE.val();
        if columns == 0 || rows < 4 {
            return None;
        }
        // SAFETY: the bootloader says that this is the framebuffer, which may be written at will.
        let base = unsafe { paging::map_device(buffer.start, bytes as u64, Cache::Combine) }?;
        // SAFETY: the mapping covers these bytes, and nothing else refers to them.
        unsafe { core::ptr::write_bytes(base as *mut u8, 0, bytes) };
        let cells = vec![b' '; columns * rows];
        Some(Screen { base, pitch, columns, rows, cells, column: 0, row: 0 })
    }

    /// Writes text, a `?` for each character that is not ASCII.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match byte {
                b'\n' => self.line_feed(),
                b'\r' => self.column = 0,
                b'\t' => self.column = (self.column / 8 + 1) * 8,
                0x20..=0x7E => self.put(*byte),
                // The further bytes of a character, and control characters.
                0x80..=0xBF | 0..=0x1F | 0x7F => {}
                _ => self.put(b'?'),
            }
        }
    }

    fn put(&mut self, character: u8) {
        if self.column >= self.columns {
            self.line_feed();
        }
        self.show(self.row, self.column, character);
        self.column += 1;
    }

    fn line_feed(&mut self) {
        self.column = 0;
        self.row += 1;
        if self.row < self.rows {
            return;
        }
        // A quarter at once, so that most lines cost no scrolling.
        let by = self.rows / 4;
        for row in 0..self.rows {
            for column in 0..self.columns {
                let below = self.cells.get((row + by) * self.columns + column);
                self.show(row, column, below.copied().unwrap_or(b' '));
            }
        }
        self.row -= by;
    }

    /// Shows a character in a cell, if it is not there yet.
    fn show(&mut self, row: usize, column: usize, character: u8) {
        let Some(cell) = self.cells.get_mut(row * self.columns + column) else { return };
        if *cell == character {
            return;
        }
        *cell = character;
        let Some(glyph) = get_raster(char::from(character), WEIGHT, SIZE) else { return };
        let corner = row * SIZE.val() * self.pitch + column * glyph.width() * 4;
        for (y, line) in glyph.rows().enumerate() {
            for (x, level) in line.iter().enumerate() {
                // Grey is the same in both orders of colours.
                let colour = u32::from(*level) * 0x01_0101;
                let pixel = self.base + (corner + y * self.pitch + x * 4) as u64;
                // SAFETY: rows and columns were counted so that every cell lies in the mapping.
                unsafe { (pixel as *mut u32).write_volatile(colour) };
            }
        }
    }
}
