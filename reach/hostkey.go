package reach

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/crypto/ssh"

	"osssh/connect"
	"osssh/internal/console"
	"osssh/internal/openstack"
	"osssh/sshconfig"
)

// Ruling is what is to be done about a host key that a server presents.
type Ruling int

// The rulings.
const (
	Ask             Ruling = iota // nothing vouches for it: only the user can tell
	Accept                        // memory holds it, and the console does not say otherwise
	Remember                      // the console holds it, memory none
	Replace                       // the console holds it, memory others
	RefuseByConsole               // the console holds others
	RefuseByMemory                // memory holds others, and the console is silent
)

// Rule decides about a presented host key. The block that this boot printed on
// the console decides; without one memory does. A key belongs to an instance,
// so memory is what is remembered under the instance's alias, never under an
// address: floating addresses are reused.
func Rule(boot console.Log, memory []sshconfig.Line, key ssh.PublicKey) Ruling {
	known, decided := boot.Knows(key)
	switch {
	case decided && !known:
		return RefuseByConsole
	case holds(memory, key):
		return Accept
	case decided && len(memory) > 0:
		return Replace
	case decided:
		return Remember
	case len(memory) > 0:
		return RefuseByMemory
	}
	return Ask
}

func holds(lines []sshconfig.Line, key ssh.PublicKey) bool {
	return slices.ContainsFunc(lines, func(l sshconfig.Line) bool {
		return bytes.Equal(l.Key.Marshal(), key.Marshal())
	})
}

// HostKeyRefusedError says that a server showed a host key that is not the
// instance's.
type HostKeyRefusedError struct {
	Server    openstack.Server
	Alias     string
	Key       ssh.PublicKey
	ByConsole bool              // this boot's console names others; else memory does
	Known     []sshconfig.Line  // what memory holds
	Action    *openstack.Action // the last rebuild or rescue in the action log, nil where there is none
}

func (e *HostKeyRefusedError) Error() string {
	if e.ByConsole {
		return fmt.Sprintf("host key %s is not among those that the console of %q shows", ssh.FingerprintSHA256(e.Key), e.Server.Name)
	}
	return fmt.Sprintf("host key of %q has changed to %s", e.Server.Name, ssh.FingerprintSHA256(e.Key))
}

// ErrDeclined says that the user did not accept a host key.
var ErrDeclined = errors.New("the host key was not accepted")

// HostKeyQuestion is a host key that nothing vouches for.
type HostKeyQuestion struct {
	Server    openstack.Server
	Candidate connect.Candidate
	Key       ssh.PublicKey
}

// Alias is the name under which the host keys of a server are remembered. The
// rescue system is another system, with keys of its own.
func Alias(server openstack.Server) string {
	if server.Status == "RESCUE" {
		return "openstack-" + server.ID + "-rescue"
	}
	return "openstack-" + server.ID
}

// hostKeys is what is known of one server's host keys, and where to write what
// is learned.
type hostKeys struct {
	config *Config
	server openstack.Server
	boot   console.Log      // of this boot; zero where it is not known
	memory []sshconfig.Line // under the server's alias
}

// recallHostKeys reads what is remembered of a server. A line of the file that
// cannot be read hides only itself.
func recallHostKeys(c *Config, server openstack.Server) (hostKeys, error) {
	known, _, err := sshconfig.ReadKnownHosts(c.KnownHosts)
	if err != nil {
		return hostKeys{}, err
	}
	return hostKeys{config: c, server: server, memory: known.Lookup(Alias(server)).Keys}, nil
}

// algorithms are the ones to offer, so that the server shows a key that is
// known; nil, for any, where none is.
func (h hostKeys) algorithms() []string {
	types := h.boot.HostKeyTypes
	if !h.boot.HasHostKeys() {
		types = nil
		for _, line := range h.memory {
			types = append(types, line.Key.Type())
		}
	}
	var algorithms []string
	for _, algorithm := range []string{
		ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
	} {
		if slices.Contains(types, algorithm) {
			algorithms = append(algorithms, algorithm)
		}
	}
	if slices.Contains(types, ssh.KeyAlgoRSA) {
		algorithms = append(algorithms, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256)
	}
	return algorithms
}

// verify rules on a presented key and carries the ruling out.
func (h hostKeys) verify(ctx context.Context, candidate connect.Candidate, key ssh.PublicKey) error {
	switch Rule(h.boot, h.memory, key) {
	case Accept:
		return nil
	case Remember:
		h.remember(key)
		return nil
	case Replace:
		h.config.note(Note{Kind: HostKeyReplaced, Server: h.server, Key: key})
		h.remember(key)
		return nil
	case RefuseByConsole:
		return &HostKeyRefusedError{Server: h.server, Alias: Alias(h.server), Key: key, ByConsole: true, Known: h.memory}
	case RefuseByMemory:
		return &HostKeyRefusedError{Server: h.server, Alias: Alias(h.server), Key: key, Known: h.memory, Action: h.lastRenewal(ctx)}
	}
	accepted, err := h.config.AcceptHostKey(ctx, HostKeyQuestion{Server: h.server, Candidate: candidate, Key: key})
	if err == nil && !accepted {
		err = ErrDeclined
	}
	if err != nil { // it is one question for the server, not one for each address
		return fmt.Errorf("%w: %w", err, connect.ErrStop)
	}
	h.remember(key)
	return nil
}

// remember writes down every key that the console told, or the presented one. A
// login does not fail for a disk that is full.
func (h hostKeys) remember(key ssh.PublicKey) {
	keys := h.boot.HostKeys
	if len(keys) == 0 {
		keys = []ssh.PublicKey{key}
	}
	if err := sshconfig.Replace(h.config.KnownHosts, Alias(h.server), keys, sshconfig.WriteOptions{}); err != nil {
		h.config.note(Note{Kind: HostKeyNotRemembered, Server: h.server, Err: err})
	}
}

// lastRenewal is the last action that gave the server another host key.
func (h hostKeys) lastRenewal(ctx context.Context) *openstack.Action {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	client, err := h.config.Client(ctx, false)
	if err != nil {
		return nil
	}
	actions, err := client.Actions(ctx, h.server.ID)
	if err != nil {
		return nil
	}
	var last *openstack.Action
	for _, a := range actions {
		renews := a.Action == "rebuild" || a.Action == "rescue" || a.Action == "unrescue"
		if renews && (last == nil || a.Start.After(last.Start.Time)) {
			last = &a
		}
	}
	return last
}
