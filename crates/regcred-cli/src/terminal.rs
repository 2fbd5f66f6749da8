//! The terminal at which a person reads standard error and answers: standard input, or where that is a pipe or a file,
//! the terminal that the process belongs to.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};

use crate::file::reason;

/// A terminal, read a line at a time. It echoes what is typed by itself.
pub(crate) struct Terminal {
    file: File,
}

/// Why nobody can be asked.
#[derive(Debug)]
pub(crate) enum Unattended {
    /// There is no terminal, or none that lets this program look at it.
    NoTerminal(io::Error),
    /// The terminal belongs to another program at the moment: reading from it would stop this one.
    InBackground,
    /// Standard error goes elsewhere, so that nobody at the terminal sees what it says.
    StderrElsewhere,
}

impl fmt::Display for Unattended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTerminal(error) => write!(f, "there is no terminal ({})", reason(error)),
            Self::InBackground => f.write_str("this program runs in the background"),
            Self::StderrElsewhere => {
                f.write_str("standard error, which says what would change, does not go to the terminal")
            }
        }
    }
}

impl Terminal {
    /// The terminal of a person who sees what is written to standard error.
    pub(crate) fn of_reader() -> Result<Self, Unattended> {
        let file = system::open().map_err(Unattended::NoTerminal)?;
        if system::is_in_background(&file) {
            return Err(Unattended::InBackground);
        }
        if !system::shows_stderr(&file).map_err(Unattended::NoTerminal)? {
            return Err(Unattended::StderrElsewhere);
        }
        Ok(Self { file })
    }

    /// Throws away what was typed and not read yet.
    pub(crate) fn discard_input(&self) -> io::Result<()> {
        system::discard_input(&self.file)
    }

    /// Reads a line with its end, which is missing if the input ends before.
    pub(crate) fn read_line(&self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        BufReader::new(&self.file).read_until(b'\n', &mut line)?;
        Ok(line)
    }
}

#[cfg(unix)]
impl std::os::fd::AsFd for Terminal {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.file.as_fd()
    }
}

#[cfg(unix)]
mod system {
    use std::fs::File;
    use std::io::{self, IsTerminal as _};
    use std::os::fd::AsFd;
    use std::os::unix::fs::MetadataExt as _;

    use rustix::io::Errno;
    use rustix::process::getpgrp;
    use rustix::termios::{QueueSelector, tcflush, tcgetpgrp};

    pub(super) fn open() -> io::Result<File> {
        let stdin = io::stdin();
        if stdin.is_terminal() { duplicate(stdin) } else { File::open("/dev/tty") }
    }

    pub(super) fn is_in_background(terminal: &File) -> bool {
        // It has no group in the foreground where it is not the terminal that sends this process signals.
        tcgetpgrp(terminal).is_ok_and(|foreground| foreground != getpgrp())
    }

    pub(super) fn shows_stderr(terminal: &File) -> io::Result<bool> {
        let stderr = io::stderr();
        if !stderr.is_terminal() {
            return Ok(false);
        }
        // A process has one terminal of its own, which is `/dev/tty` too: another device, by its number.
        let is_own = |file: &dyn AsFd| !matches!(tcgetpgrp(file.as_fd()), Err(Errno::NOTTY));
        if is_own(terminal) && is_own(&stderr) {
            return Ok(true);
        }
        Ok(duplicate(stderr)?.metadata()?.rdev() == terminal.metadata()?.rdev())
    }

    pub(super) fn discard_input(terminal: &File) -> io::Result<()> {
        Ok(tcflush(terminal, QueueSelector::IFlush)?)
    }

    fn duplicate(stream: impl AsFd) -> io::Result<File> {
        Ok(stream.as_fd().try_clone_to_owned()?.into())
    }
}

#[cfg(windows)]
mod system {
    use std::fs::File;
    use std::io;

    use crossterm_winapi::{Console, Handle};
    use dialoguer::console::Term;

    pub(super) fn open() -> io::Result<File> {
        File::options().read(true).write(true).open("CONIN$")
    }

    /// Windows knows no such thing.
    pub(super) fn is_in_background(_: &File) -> bool {
        false
    }

    pub(super) fn shows_stderr(_: &File) -> io::Result<bool> {
        // A process has one console at most. A pipe to a terminal of MSYS, whose console nobody sees, has no size.
        Ok(Term::stderr().size_checked().is_some())
    }

    pub(super) fn discard_input(_: &File) -> io::Result<()> {
        Console::from(Handle::current_in_handle()?).read_console_input()?;
        Ok(())
    }
}
