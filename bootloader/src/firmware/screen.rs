//! The framebuffer that the firmware set up.
use clavis_abi::boot::Framebuffer;
use uefi::boot::{self, OpenProtocolAttributes, OpenProtocolParams};
use uefi::proto::console::gop::{GraphicsOutput, PixelFormat};

/// The screen as it is, or all zeros if there is none of 32 bits per pixel.
pub(crate) fn framebuffer() -> Framebuffer {
    find().unwrap_or_default()
}

fn find() -> Option<Framebuffer> {
    let handle = boot::get_handle_for_protocol::<GraphicsOutput>().ok()?;
    let params = OpenProtocolParams { handle, agent: boot::image_handle(), controller: None };
    // Opening exclusively would take the screen from the firmware's console.
    // SAFETY: the protocol is used at once and not kept; nobody uninstalls it meanwhile, as no
    // other code runs.
    let mut gop = unsafe {
        boot::open_protocol::<GraphicsOutput>(params, OpenProtocolAttributes::GetProtocol)
    }
    .ok()?;
    let mode = gop.current_mode_info();
    let format = match mode.pixel_format() {
        PixelFormat::Rgb => 0,
        PixelFormat::Bgr => 1,
        PixelFormat::Bitmask | PixelFormat::BltOnly => return None,
    };
    let (width, height) = mode.resolution();
    let mut memory = gop.frame_buffer();
    let framebuffer = Framebuffer {
        start: memory.as_mut_ptr() as u64,
        len: memory.size() as u64,
        width: u32::try_from(width).ok()?,
        height: u32::try_from(height).ok()?,
        stride: u32::try_from(mode.stride()).ok()?,
        format,
    };
    let needed = u64::from(framebuffer.stride) * u64::from(framebuffer.height) * 4;
    (framebuffer.width <= framebuffer.stride && needed <= framebuffer.len).then_some(framebuffer)
}
