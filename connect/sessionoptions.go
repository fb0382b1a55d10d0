package connect

import (
	"io"
	"os"
)

// SessionOptions says what to run and what to join to it. Nil streams are
// empty or thrown away.
type SessionOptions struct {
	Command string // sent byte for byte; "" asks for a shell
	PTY     *PTY   // nil: none
	Env     []EnvVar

	Stdin          io.Reader // if it is an *os.File, no read is left behind on Unix
	Stdout, Stderr io.Writer
	NoStdin        bool // as ssh -n: the remote sees the end of input at once

	// Local is the terminal that PTY stands for; nil: none.
	Local *Terminal
}

// EnvVar is sent with "env", RFC 4254 section 6.4. Servers accept few.
type EnvVar struct{ Name, Value string }

// PTY asks for a pseudo-terminal, RFC 4254 section 6.2.
type PTY struct {
	Term string // as in TERM; "" is sent as it is

	// Refused, if set, is told once that the server gave none. The session
	// goes on without, the local terminal no longer raw, as in ssh. As the
	// server is not waited for, this may come some seconds into the session.
	Refused func()
}

// Terminal is the local terminal: modes, keys and size come from In, the size
// from Out where In is none. Raw mode is undone whenever Session returns or
// panics; a caller that wants that on a signal ends Session's context with it.
type Terminal struct {
	In, Out *os.File
}

// Exit is how the remote command ended.
type Exit struct {
	// Status is what to exit with: the remote's exit status, or 255 if there
	// is none, as ssh has it.
	Status int
	// Signal is the name without SIG if one ended the command (RFC 4254
	// section 6.10), raw; CoreDumped and Message go with it.
	Signal     string
	CoreDumped bool
	Message    string
	// Missing: the server told neither a status nor a signal.
	Missing bool
}

// statusFailure is ssh's exit status for all that is no remote status.
const statusFailure = 255
