package connect

import (
	"time"

	"golang.org/x/crypto/ssh"
)

// EventKind says what an Event tells.
type EventKind int

const (
	EventDial          EventKind = iota // TCP is begun
	EventConnected                      // TCP is there
	EventServerVersion                  // Text is the server's identification string
	EventHostKey                        // Key is shown and proved, not yet accepted
	EventHostKeyOK                      // Key is accepted; this candidate has won the race
	EventAlgorithms                     // Algorithms are agreed
	EventAuthMethods                    // Methods may go on, Tried have failed
	EventSigners                        // Signers will be offered, in this order
	EventLoggedIn                       // the server let the user in
	EventFailed                         // Stage failed with Err; this candidate is out
)

// Event is one step of a Dial. Fields that its kind does not name are zero.
type Event struct {
	Kind      EventKind
	Candidate Candidate
	Elapsed   time.Duration // since this candidate was begun

	Stage      Stage
	Err        error
	Text       string // raw, as the server sent it
	Key        ssh.PublicKey
	Algorithms ssh.NegotiatedAlgorithms
	Methods    []string // raw, as the server sent them
	Tried      []string
	Signers    []ssh.PublicKey
}
