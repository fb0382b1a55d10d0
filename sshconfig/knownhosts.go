package sshconfig

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// KnownHosts is what several known_hosts files say, in their order. The zero
// value knows nobody.
type KnownHosts struct {
	entries []entry
}

// Line is one key of a known_hosts file and where it stands.
type Line struct {
	Key     ssh.PublicKey
	Path    string
	Number  int // from 1
	Comment string
}

// marker is what stands before the names of a line.
type marker int

const (
	noMarker marker = iota
	certAuthority
	revoked
)

type entry struct {
	Line
	marker marker
	names  string // the name field as written: patterns or one hash
}

// Problem is a line that could not be used, or has no effect. Only that line
// is lost.
type Problem struct {
	Path string
	Line int // from 1; 0 for the whole file
	Why  error
}

func (p Problem) Error() string {
	if p.Line == 0 {
		return fmt.Sprintf("%s: %v", p.Path, p.Why)
	}
	return fmt.Sprintf("%s:%d: %v", p.Path, p.Line, p.Why)
}

func (p Problem) Unwrap() error { return p.Why }

// ReadKnownHosts reads known_hosts files in their order. A file that is not
// there says nothing. What cannot be read otherwise (no permission, a
// directory, over 16 MiB) is in the error, joined; the result holds all the
// rest even then, because ssh goes on without such a file too.
func ReadKnownHosts(paths ...string) (*KnownHosts, []Problem, error) {
	all := &KnownHosts{}
	var problems []Problem
	var errs []error
	for _, path := range paths {
		k, p, err := readKnownHostsFile(path)
		problems = append(problems, p...)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		all.entries = append(all.entries, k.entries...)
	}
	return all, problems, errors.Join(errs...)
}

func readKnownHostsFile(path string) (*KnownHosts, []Problem, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &KnownHosts{}, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	return ParseKnownHosts(f, path)
}

// Known is what known_hosts files say of one host.
type Known struct {
	Keys    []Line // plain host keys
	CAs     []Line // @cert-authority: may sign this host's certificates, and nothing else
	Revoked []Line // @revoked: must not be accepted, nor a certificate they signed
}

// NamesOf are the names under which a key stands by itself, in the order of the
// lines, each once: no pattern, no hash, no authority's and no revoked key.
func (k *KnownHosts) NamesOf(key ssh.PublicKey) []string {
	var names []string
	blob := key.Marshal()
	for _, e := range k.entries {
		if e.marker != noMarker || !bytes.Equal(e.Key.Marshal(), blob) {
			continue
		}
		for name := range strings.SplitSeq(e.names, ",") {
			if name != "" && !strings.ContainsAny(name, "*?!|") && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// Lookup collects the lines that match at least one of names. A name has the
// form in which ssh looks it up: "host", "[host]:port" (see HostName) or an
// alias. As in ssh, a plain name is compared without regard to case and a
// hashed one byte for byte: give host names in lower case.
func (k *KnownHosts) Lookup(names ...string) Known {
	var known Known
	for _, e := range k.entries {
		if !slices.ContainsFunc(names, func(n string) bool { return nameMatches(n, e.names) }) {
			continue
		}
		switch e.marker {
		case certAuthority:
			known.CAs = append(known.CAs, e.Line)
		case revoked:
			known.Revoked = append(known.Revoked, e.Line)
		default:
			known.Keys = append(known.Keys, e.Line)
		}
	}
	return known
}
