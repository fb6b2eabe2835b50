//! Reads what is typed or pasted at a terminal, without echo, line ends in it included: a key may have been broken by a
//! mail, and what a command leaves of a paste is read, and run, by the shell.

use std::fs::File;
use std::io::{Error, Read, Write};

use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};

use super::Failure;

/// How many bytes are kept at most.
const MAX_BYTES: usize = 64 * 1024;

/// For how long nothing more comes after a line end if the paste is over, in tenths of a second.
const PAUSE: u8 = 1;

const CTRL_C: u8 = 3;
const CTRL_D: u8 = 4;
const BACKSPACE: u8 = 8;
const CTRL_U: u8 = 21;
const CTRL_W: u8 = 23;
const DELETE: u8 = 127;

/// Prints `prompt` to the terminal, and returns what comes until a line end after which nothing more comes.
pub fn paste(prompt: &str) -> Result<String, Failure> {
    let mut terminal = Unechoed::new(File::options().read(true).write(true).open("/dev/tty")?)?;
    terminal.file.write_all(prompt.as_bytes())?;
    let text = terminal.read_paste();
    terminal.file.write_all(b"\n")?;
    text
}

/// A terminal without echo and without lines, so that the end of a paste, which has no line end yet, can be read. As it was
/// before when dropped.
struct Unechoed {
    file: File,
    before: Termios,
}

impl Unechoed {
    fn new(file: File) -> Result<Self, Error> {
        let before = tcgetattr(&file)?;
        let terminal = Self { file, before };
        terminal.wait_for(1, 0)?;
        Ok(terminal)
    }

    /// From now on a read waits for `bytes`, or ends after this many tenths of a second.
    fn wait_for(&self, bytes: u8, tenths: u8) -> Result<(), Error> {
        let mut modes = self.before.clone();
        modes.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        modes.special_codes[SpecialCodeIndex::VMIN] = bytes;
        modes.special_codes[SpecialCodeIndex::VTIME] = tenths;
        Ok(tcsetattr(&self.file, OptionalActions::Now, &modes)?)
    }

    fn read_paste(&mut self) -> Result<String, Failure> {
        let mut text = Vec::new();
        loop {
            let is_line = text.last() == Some(&b'\n');
            if is_line {
                self.wait_for(0, PAUSE)?;
            } else {
                self.wait_for(1, 0)?;
            }
            let mut read = [0; 512];
            let count = self.file.read(&mut read)?;
            if count == 0 {
                break;
            }
            for byte in &read[..count] {
                match *byte {
                    CTRL_C => return Err(Failure::Cancelled),
                    CTRL_D => return Ok(String::from_utf8_lossy(&text).into_owned()),
                    CTRL_U | CTRL_W => text.clear(),
                    BACKSPACE | DELETE => {
                        // All bytes of a character.
                        while text.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
                    }
                    byte if text.len() < MAX_BYTES => text.push(byte),
                    _ => {}
                }
            }
        }
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

impl Drop for Unechoed {
    fn drop(&mut self) {
        let _ = tcsetattr(&self.file, OptionalActions::Now, &self.before);
    }
}
