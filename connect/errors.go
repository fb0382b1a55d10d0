package connect

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// ErrStop, returned by the HostKey callback or wrapped in its error, ends the
// whole Dial: the user said no, and would say no to the next address too.
var ErrStop = errors.New("no further address is tried")

// Stage is how far a connection has come.
type Stage int

const (
	StageDial        Stage = iota // TCP
	StageBanner                   // waiting for the identification string, RFC 4253 section 4.2
	StageKeyExchange              // RFC 4253 section 7
	StageHostKey                  // the HostKey callback
	StageGate                     // the Gate callback
	StageAuth                     // RFC 4252
	StageSession                  // RFC 4254
)

// String is the stage in words.
func (s Stage) String() string {
	switch s {
	case StageDial:
		return "connect"
	case StageBanner:
		return "banner exchange"
	case StageKeyExchange:
		return "key exchange"
	case StageHostKey:
		return "host key verification"
	case StageGate:
		return "confirmation"
	case StageAuth:
		return "authentication"
	case StageSession:
		return "session"
	}
	return fmt.Sprintf("stage %d", int(s))
}

// Attempt is one candidate that did not lead to a login.
type Attempt struct {
	Candidate Candidate
	Stage     Stage
	Err       error
	Duration  time.Duration
}

// DialError says that no candidate led to a login. Attempts holds every
// candidate that was begun and failed, in the order in which they failed; of a
// Dial that was cancelled also those that were under way. It has none if there
// was no candidate, and then Cause may say why.
type DialError struct {
	Attempts []Attempt
	Cause    error // the end of the caller's context, or nil
}

func (e *DialError) Error() string {
	if len(e.Attempts) == 0 {
		if e.Cause != nil {
			return e.Cause.Error()
		}
		return "no address to dial"
	}
	parts := make([]string, len(e.Attempts))
	for i, a := range e.Attempts {
		parts[i] = fmt.Sprintf("%s: %s: %v", a.Candidate, a.Stage, a.Err)
	}
	return strings.Join(parts, "; ")
}

// Unwrap gives the cause and the error of each attempt.
func (e *DialError) Unwrap() []error {
	var errs []error
	if e.Cause != nil {
		errs = append(errs, e.Cause)
	}
	for _, a := range e.Attempts {
		errs = append(errs, a.Err)
	}
	return errs
}

// TimeoutError says that a stage was not done in time.
type TimeoutError struct {
	Stage Stage
	After time.Duration // the limit: of TCP for StageDial, of the whole handshake for the others
}

func (e *TimeoutError) Error() string {
	return fmt.Sprintf("%s timed out after %s", e.Stage, e.After)
}

// Timeout makes it a net.Error in all but name.
func (e *TimeoutError) Timeout() bool { return true }

// BannerError says that the peer did not identify itself as an SSH 2 server.
type BannerError struct {
	Text    string // what it sent instead, or before: at most 4 KiB, raw; sshd writes refusals here
	Version string // its identification string, if it speaks another SSH
	Err     error  // io.EOF, a reset, a limit that was passed
}

func (e *BannerError) Error() string {
	switch {
	case e.Version != "":
		return fmt.Sprintf("protocol version %q is not spoken here", e.Version)
	case e.Text != "":
		return fmt.Sprintf("no SSH identification but %q: %v", e.Text, e.Err)
	}
	return fmt.Sprintf("no SSH identification: %v", e.Err)
}

func (e *BannerError) Unwrap() error { return e.Err }

// HostKeyError says that the HostKey callback refused, or that the server
// changed its key within one connection.
type HostKeyError struct {
	Key ssh.PublicKey
	Err error
}

func (e *HostKeyError) Error() string {
	return fmt.Sprintf("host key %s %s: %v", e.Key.Type(), ssh.FingerprintSHA256(e.Key), e.Err)
}

func (e *HostKeyError) Unwrap() error { return e.Err }

// AuthError says that the server did not let the user in.
type AuthError struct {
	User    string
	Methods []string // what the server still allowed at the end, raw; empty if it never said
	Tried   []string // what was tried, "none" included
	Offered int      // how many keys were there to offer; RSA that signs with SHA-1 only is none
	Banner  string   // what it said meanwhile, at most 64 KiB, raw
	Err     error    // a *DisconnectError, a failed callback, io.EOF; nil if it simply refused
}

func (e *AuthError) Error() string {
	text := fmt.Sprintf("user %q refused with %d keys, server allows %q", e.User, e.Offered, e.Methods)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

func (e *AuthError) Unwrap() error { return e.Err }

// DisconnectError is the server's SSH_MSG_DISCONNECT, RFC 4253 section 11.1.
type DisconnectError struct {
	Reason  uint32
	Message string // raw
}

func (e *DisconnectError) Error() string {
	return fmt.Sprintf("server disconnected, reason %d: %q", e.Reason, e.Message)
}

// LostError says that the connection ended under a session.
type LostError struct {
	Err error // a *DisconnectError, io.EOF, an errno, what ended the context
}

func (e *LostError) Error() string { return fmt.Sprintf("connection lost: %v", e.Err) }

func (e *LostError) Unwrap() error { return e.Err }

// RequestError says that the server refused the session channel or one of its
// requests (RFC 4254 section 6).
type RequestError struct {
	Request string // "session", "pty-req", "exec", "shell"
	Err     error  // the server's reason, or nil: requests are refused without
}

func (e *RequestError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("server refused %s: %v", e.Request, e.Err)
	}
	return fmt.Sprintf("server refused %s", e.Request)
}

func (e *RequestError) Unwrap() error { return e.Err }

// ForwardError says that the server does not connect to an address for its client.
type ForwardError struct {
	Address    string
	Prohibited bool   // by its configuration; else it could not
	Message    string // raw, in its own words: "Connection refused", "open failed"
}

func (e *ForwardError) Error() string {
	if e.Prohibited {
		return fmt.Sprintf("server forbids connections to %s: %q", e.Address, e.Message)
	}
	return fmt.Sprintf("server cannot connect to %s: %q", e.Address, e.Message)
}

// disconnectForm is how x/crypto writes its unexported disconnectMsg.
const disconnectForm = "ssh: disconnect, reason %d: %q"

// plain takes x/crypto's wrapping off an error, and gives a disconnect message
// its type: x/crypto's own is not exported, its text is all there is.
func plain(err error) error {
	for e := err; e != nil; e = errors.Unwrap(e) {
		var d DisconnectError
		if n, _ := fmt.Sscanf(e.Error(), disconnectForm, &d.Reason, &d.Message); n == 2 {
			return &d
		}
	}
	if inner := errors.Unwrap(err); inner != nil && strings.HasPrefix(err.Error(), "ssh: handshake failed: ") {
		return inner
	}
	return err
}
