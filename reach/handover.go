package reach

import (
	"bytes"
	"context"
	"net"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"osssh/internal/openstack"
	"osssh/keystore"
	"osssh/resolve"
	"osssh/sshconfig"
)

// Ways is how the server hangs on its networks.
func (p *Plan) Ways() (resolve.Ways, error) { return p.facts.Ways() }

// Groups are the security groups of its ports that may be read.
func (p *Plan) Groups() ([]openstack.SecurityGroup, error) { return p.facts.Groups() }

// KnownHostKey is a host key that a login accepts unasked, and who vouches for it.
type KnownHostKey struct {
	Fingerprint string // "SHA256:…"
	Type        string // such as "ssh-ed25519"; "": the console tells its fingerprint only
	Path        string // of the known_hosts file that holds it; "": this boot's console shows it
	Line        int    // in that file, from 1
}

// KnownHostKeys are the host keys that a login accepts unasked.
type KnownHostKeys struct {
	Keys        []KnownHostKey   // by fingerprint, each once
	Types       []string         // such as "ssh-ed25519", best first
	Authorities []sshconfig.Line // whose certificates are accepted too
}

// Fingerprints are those of the keys, "SHA256:…".
func (k KnownHostKeys) Fingerprints() []string {
	var all []string
	for _, key := range k.Keys {
		all = append(all, key.Fingerprint)
	}
	return all
}

// HostKeys is what another program must be told to verify the server as a login
// does: the keys that this boot's console shows, else the remembered ones, and
// never one that the user's files revoke. Empty where nothing is known.
func (p *Plan) HostKeys() KnownHostKeys {
	var types []string
	users := p.hostKeys.trusted("")
	known := KnownHostKeys{Authorities: users.CAs}
	if boot := p.hostKeys.boot; boot.HasHostKeys() {
		types = boot.HostKeyTypes
		for _, key := range boot.HostKeys {
			known.Keys = append(known.Keys, KnownHostKey{Fingerprint: ssh.FingerprintSHA256(key), Type: key.Type()})
		}
		for _, fingerprint := range boot.Fingerprints {
			known.Keys = append(known.Keys, KnownHostKey{Fingerprint: fingerprint})
		}
	} else {
		for _, line := range p.hostKeys.memory {
			types = append(types, line.Key.Type())
			known.Keys = append(known.Keys, KnownHostKey{
				Fingerprint: ssh.FingerprintSHA256(line.Key), Type: line.Key.Type(), Path: line.Path, Line: line.Number,
			})
		}
	}
	for _, line := range users.Revoked {
		revoked := ssh.FingerprintSHA256(line.Key)
		known.Keys = slices.DeleteFunc(known.Keys, func(k KnownHostKey) bool { return k.Fingerprint == revoked })
	}
	slices.SortStableFunc(known.Keys, func(a, b KnownHostKey) int { return strings.Compare(a.Fingerprint, b.Fingerprint) })
	known.Keys = slices.CompactFunc(known.Keys, func(a, b KnownHostKey) bool { return a.Fingerprint == b.Fingerprint })
	for _, algorithm := range p.hostKeys.algorithms() {
		if t := typeOf(algorithm); slices.Contains(types, t) && !slices.Contains(known.Types, t) {
			known.Types = append(known.Types, t)
		}
	}
	return known
}

// Identity is the key that a login offers first. Of the same key in several
// places it is the one that a program which reads only this format can use:
// such a file before any other file, any file before the agent.
func (p *Plan) Identity(format keystore.Format) *keystore.Identity {
	best := p.Keys.Identities[0]
	rank := func(id *keystore.Identity) int {
		switch {
		case id.File == nil:
			return 0
		case id.File.Format != format:
			return 1
		}
		return 2
	}
	for _, id := range p.Keys.Identities[1:] {
		if sameKey(id, p.Keys.Identities[0]) && rank(id) > rank(best) {
			best = id
		}
	}
	return best
}

func sameKey(a, b *keystore.Identity) bool {
	return a.Public != nil && b.Public != nil && bytes.Equal(a.Public.Marshal(), b.Public.Marshal())
}

// Proxied says whether the way leads through a command or another host, as the
// user's ssh_config has it: the candidates cannot be dialled then.
func (p *Plan) Proxied() bool { return p.request.proxied() }

// Another program is told one address: candidates are tried as in RFC 8305, the
// next one after answerDelay, and all of them no longer than answerPatience.
const (
	answerDelay    = 250 * time.Millisecond
	answerPatience = 3 * time.Second
)

// Answering is the candidate that takes a connection first; the best one where
// none does, or where there is no other.
func (p *Plan) Answering(ctx context.Context) resolve.Candidate {
	best := p.Candidates[0]
	if len(p.Candidates) == 1 {
		return best
	}
	ctx, cancel := context.WithTimeout(ctx, answerPatience)
	defer cancel()
	answers := make(chan *resolve.Candidate, len(p.Candidates)) // nil: does not answer
	for i, candidate := range p.Candidates {
		go func() {
			if takesConnection(ctx, time.Duration(i)*answerDelay, candidate) {
				answers <- &candidate
			} else {
				answers <- nil
			}
		}()
	}
	for range p.Candidates {
		if answered := <-answers; answered != nil {
			return *answered
		}
	}
	return best
}

// takesConnection says whether a candidate takes a connection after a delay.
func takesConnection(ctx context.Context, delay time.Duration, candidate resolve.Candidate) bool {
	select {
	case <-time.After(delay):
	case <-ctx.Done():
		return false
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", candidate.Address.String())
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}
