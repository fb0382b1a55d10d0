// Package console reads the console log of an instance: the host keys that it
// printed, the keys that it installed and for whom, how far the boot came, and
// what went wrong. It knows what cloud-init, cirros and Fedora CoreOS print, and
// that nova strips control characters, which leaves pieces of escape sequences.
package console

import (
	"bytes"
	"net/netip"
	"slices"

	"golang.org/x/crypto/ssh"
)

// Log is what the last boot in a console log tells. Every string in it is
// printable and of bounded length, but comes from the instance.
type Log struct {
	// HostKeys are those of the last complete block
	// "-----BEGIN SSH HOST KEY KEYS-----" that held a key.
	HostKeys []ssh.PublicKey
	// Fingerprints are "SHA256:…" as ssh-keygen writes them: of the last
	// complete block "-----BEGIN SSH HOST KEY FINGERPRINTS-----" that held
	// one, else of Fedora CoreOS's lines "SSH host key: …".
	Fingerprints []string
	// HostKeyTypes are the key types of both, e.g. "ssh-ed25519". CoreOS does
	// not tell which curve an ECDSA key is on: then all three stand here.
	HostKeyTypes []string
	// AuthorizedKeys are the rows of cloud-init's tables, in order.
	AuthorizedKeys []AuthorizedKey
	// NoKeysFor are users for whom no key was installed.
	NoKeysFor []string
	// LoginAs is the user to log in as, "" where the log does not tell.
	LoginAs string
	// Addresses are those of cloud-init's table of network devices, loopback and
	// link-local left out; at most maxAddresses.
	Addresses  []netip.Addr
	Milestones []Milestone // each kind once, where it came first
	Faults     []Fault     // each kind once, where it came first
}

// Parse reads a console log. It never fails: what is not understood is passed
// over. Only the last 1 MiB is looked at (libvirt keeps 100 KiB), of that the last
// 20,000 lines, of each the first 16 KiB.
func Parse(text string) Log {
	var l Log
	lines := lastBoot(split(text))
	l.readHostKeys(lines)
	l.readUsers(lines)
	l.Addresses = deviceAddresses(lines)
	l.Milestones = milestones(lines)
	l.Faults = faults(lines)
	return l
}

// HasHostKeys reports whether the boot printed host keys or their fingerprints, whole.
func (l Log) HasHostKeys() bool { return len(l.HostKeys) > 0 || len(l.Fingerprints) > 0 }

// Knows reports whether the boot printed this host key, as itself or as a
// fingerprint. Where it printed none the log decides nothing.
func (l Log) Knows(key ssh.PublicKey) (known, decided bool) {
	blob := key.Marshal()
	for _, k := range l.HostKeys {
		if bytes.Equal(k.Marshal(), blob) {
			return true, true
		}
	}
	return slices.Contains(l.Fingerprints, ssh.FingerprintSHA256(key)), l.HasHostKeys()
}
