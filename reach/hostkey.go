package reach

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"osssh/connect"
	"osssh/internal/console"
	"osssh/internal/openstack"
	"osssh/resolve"
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
	Alias     string   // in osssh's own known_hosts file
	Names     []string // in the user's
	Key       ssh.PublicKey
	ByConsole bool              // this boot's console names others; else memory does
	Revoked   *sshconfig.Line   // the line that revokes it, nil where none does
	Known     []sshconfig.Line  // what memory holds
	Action    *openstack.Action // the last rebuild or rescue in the action log, nil where there is none
}

func (e *HostKeyRefusedError) Error() string {
	fingerprint := ssh.FingerprintSHA256(e.Key)
	switch {
	case e.Revoked != nil:
		return fmt.Sprintf("host key %s of %q is revoked", fingerprint, e.Server.Name)
	case e.ByConsole:
		return fmt.Sprintf("host key %s is not among those that the console of %q shows", fingerprint, e.Server.Name)
	}
	return fmt.Sprintf("host key of %q has changed to %s", e.Server.Name, fingerprint)
}

var (
	// ErrDeclined says that the user did not accept a host key.
	ErrDeclined = errors.New("the host key was not accepted")
	// ErrStrict says that StrictHostKeyChecking forbids an unknown host key.
	ErrStrict = errors.New("nothing vouches for the host key, and StrictHostKeyChecking is yes")
)

// HostKeyQuestion is a host key that nothing vouches for.
type HostKeyQuestion struct {
	Name      string
	Plain     bool   // OpenStack does not know the host: it has no console
	Towards   string // the name that is logged in to, where this host is only on the way; else ""
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
	config   *Config
	server   openstack.Server
	towards  string // as in HostKeyQuestion
	settings *sshconfig.Settings
	names    []string              // that the user's known_hosts files may have for it
	boot     console.Log           // of this boot; zero where it is not known
	memory   []sshconfig.Line      // of osssh's own file, and of the user's under names
	users    *sshconfig.KnownHosts // the user's and the system's files
}

// recallHostKeys reads what is remembered of a server: under its alias in
// osssh's own file, under its name in the user's and the system's. A line under
// an address says nothing of an instance. A line that cannot be read hides only
// itself.
func recallHostKeys(c *Config, r Request, server openstack.Server) (hostKeys, error) {
	own, problems, err := sshconfig.ReadKnownHosts(c.KnownHosts)
	c.noteProblems(problems, err)
	users, _, err := c.userKnownHosts(r.Settings, r.remote())
	names := knownAs(r.Settings, r.Name, resolve.SSHPort(server, r.Port))
	return hostKeys{
		config: c, server: server, towards: r.towards(), settings: r.Settings, names: names, users: users,
		memory: slices.Concat(own.Lookup(Alias(server)).Keys, users.Lookup(names...).Keys),
	}, err
}

// known says whether anything tells the server's host key from a stranger's.
func (h hostKeys) known() bool {
	return h.boot.HasHostKeys() || len(h.memory) > 0 || len(h.trusted("").CAs) > 0
}

// trusted is what the user's files say of authorities and of revoked keys, for
// the server's names and the address that was dialled.
func (h hostKeys) trusted(address string) sshconfig.Known {
	known := h.users.Lookup(append(slices.Clone(h.names), address)...)
	known.Keys = nil // a plain line for an address is none for an instance
	return known
}

// preferredAlgorithms is the user's HostKeyAlgorithms, else ours: Ed25519, ECDSA,
// RSA with SHA-2, each as a certificate first.
func preferredAlgorithms(s *sshconfig.Settings) []string {
	if own, err := s.HostKeyAlgorithms(); err == nil && own != nil {
		return own
	}
	return []string{
		ssh.CertAlgoED25519v01, ssh.CertAlgoECDSA256v01, ssh.CertAlgoECDSA384v01, ssh.CertAlgoECDSA521v01,
		ssh.CertAlgoRSASHA512v01, ssh.CertAlgoRSASHA256v01,
		ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
		ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256,
	}
}

// algorithms are the ones to offer, so that the server shows a key that is
// known: by the console, else by memory. Certificates are asked for only where
// an authority is trusted.
func (h hostKeys) algorithms() []string {
	types := h.boot.HostKeyTypes
	if !h.boot.HasHostKeys() {
		types = nil
		for _, line := range h.memory {
			types = append(types, line.Key.Type())
		}
	}
	certificates := len(h.trusted("").CAs) > 0
	return slices.DeleteFunc(preferredAlgorithms(h.settings), func(algorithm string) bool {
		if strings.Contains(algorithm, "-cert-v0") {
			return !certificates
		}
		return len(types) > 0 && !slices.Contains(types, typeOf(algorithm))
	})
}

// typeOf is the type of the keys that sign by an algorithm.
func typeOf(algorithm string) string {
	if algorithm == ssh.KeyAlgoRSASHA256 || algorithm == ssh.KeyAlgoRSASHA512 {
		return ssh.KeyAlgoRSA
	}
	return algorithm
}

// verify rules on a presented key and carries the ruling out.
func (h hostKeys) verify(ctx context.Context, candidate connect.Candidate, key ssh.PublicKey) error {
	ruling, err := h.judge(ctx, candidate, key)
	if err != nil || ruling == Accept {
		return err
	}
	key = plainKey(key)
	switch ruling {
	case Replace:
		h.config.note(Note{Kind: HostKeyReplaced, Server: h.server, Key: key})
	case Ask:
		if err := h.config.accept(ctx, h.settings, HostKeyQuestion{Name: h.server.Name, Towards: h.towards, Candidate: candidate, Key: key}); err != nil {
			return err
		}
	}
	h.remember(key)
	return nil
}

// judge rules on a presented key. A revoked key is refused whoever else vouches
// for it; a certificate of a trusted authority vouches for itself. A refusal is
// a *HostKeyRefusedError.
func (h hostKeys) judge(ctx context.Context, candidate connect.Candidate, key ssh.PublicKey) (Ruling, error) {
	err := h.vouched(candidate, key)
	var revoked *sshconfig.RevokedKeyError
	if errors.As(err, &revoked) {
		return RefuseByMemory, h.refused(key, HostKeyRefusedError{Revoked: &revoked.Line})
	}
	if _, ok := key.(*ssh.Certificate); ok && err == nil {
		return Accept, nil
	}
	key = plainKey(key)
	ruling := Rule(h.boot, h.memory, key)
	switch ruling {
	case RefuseByConsole:
		return ruling, h.refused(key, HostKeyRefusedError{ByConsole: true})
	case RefuseByMemory:
		return ruling, h.refused(key, HostKeyRefusedError{Action: h.lastRenewal(ctx)})
	}
	return ruling, nil
}

// plainKey is the key that a certificate is for, or the key itself.
func plainKey(key ssh.PublicKey) ssh.PublicKey {
	if certificate, ok := key.(*ssh.Certificate); ok {
		return certificate.Key
	}
	return key
}

// vouched asks the authorities and the revoked keys of the user's files.
func (h hostKeys) vouched(candidate connect.Candidate, key ssh.PublicKey) error {
	address := sshconfig.HostName(candidate.Address.Addr().String(), int(candidate.Address.Port()))
	_, err := h.trusted(address).Check(key, h.principal(), time.Now())
	return err
}

// principal is the name that a certificate must list.
func (h hostKeys) principal() string {
	if len(h.names) > 0 {
		return h.names[0]
	}
	return h.server.Name
}

func (h hostKeys) refused(key ssh.PublicKey, why HostKeyRefusedError) error {
	why.Server, why.Alias, why.Names, why.Key, why.Known = h.server, Alias(h.server), h.names, key, h.memory
	return &why
}

// accept decides about a key that nothing vouches for: StrictHostKeyChecking
// does, else the user. It is one question for a host, not one for each address.
func (c *Config) accept(ctx context.Context, s *sshconfig.Settings, q HostKeyQuestion) error {
	switch s.StrictHostKeyChecking() {
	case sshconfig.CheckAcceptNew, sshconfig.CheckOff:
		c.note(Note{Kind: HostKeyAdded, What: q.Name, Key: q.Key})
		return nil
	case sshconfig.CheckStrict:
		return fmt.Errorf("%w: %w", ErrStrict, connect.ErrStop)
	}
	accepted, err := c.AcceptHostKey(ctx, q)
	if err == nil && !accepted {
		err = ErrDeclined
	}
	if err != nil {
		return fmt.Errorf("%w: %w", err, connect.ErrStop)
	}
	return nil
}

// remember writes down every key that the console told, or the presented one. A
// login does not fail for a disk that is full.
func (h hostKeys) remember(key ssh.PublicKey) {
	if h.config.ReadOnly {
		return
	}
	keys := h.boot.HostKeys
	if len(keys) == 0 {
		keys = []ssh.PublicKey{key}
	}
	if err := sshconfig.Replace(h.config.KnownHosts, Alias(h.server), keys, sshconfig.WriteOptions{}); err != nil {
		h.config.note(Note{Kind: HostKeyNotRemembered, What: h.server.Name, Err: err})
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
