package diagnose

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"osssh/internal/openstack"
	"osssh/internal/terminal"
	"osssh/reach"
)

// hostKeyCauses are those that the catalogue numbers with H. They rest on what a
// server showed on the wire, which need not be the server that is meant.
func hostKeyCauses() []Cause {
	return []Cause{
		{
			ID: "H1", Slug: "host-key-renewed", Layer: HostKey,
			Title: "the server was rebuilt or rescued, and has new host keys",
			Shows: "\"REMOTE HOST IDENTIFICATION HAS CHANGED!\"",
			Told:  "the action log; the console, if it shows the new keys (then osssh goes on by itself)",
			Mends: "take the old key out of known_hosts: ssh-keygen -R",
			Find:  findHostKeyRenewed,
		},
		{
			ID: "H2", Slug: "host-key-of-another", Layer: HostKey,
			Title: "the name or the address was another server's before, and known_hosts still has its key",
			Shows: "\"REMOTE HOST IDENTIFICATION HAS CHANGED!\"",
			Told:  "the key is known of another server's id, or known_hosts has the name from before",
			Mends: "take the old key out of known_hosts; osssh keeps keys by server id, not by address",
			Find:  findHostKeyOfAnother,
		},
		{
			ID: "H3", Slug: "host-key-unknown", Layer: HostKey,
			Title: "nothing vouches for the host key at the first login",
			Shows: "a question, or a refusal where nobody can be asked",
			Told:  "neither the console nor known_hosts has a key of the server",
			Mends: "compare the fingerprint by another way, then accept it",
			Find:  findHostKeyUnknown,
		},
		{
			ID: "H4", Slug: "host-key-mismatch", Layer: HostKey,
			Title: "the host key is not among those that the server's console shows, or it is revoked",
			Shows: "osssh refuses to go on",
			Told:  "the block of host keys that this boot printed",
			Mends: "find out what answers at this address: an overlapping network, a moved address, an attack",
			Find:  findHostKeyMismatch,
		},
		{
			ID: "H5", Slug: "host-key-shared", Layer: HostKey,
			Title: "several servers have one host key, so that each can pass for the others",
			Shows: "nothing, until one of them is attacked",
			Told:  "the key is known of other servers' ids too: a snapshot that was not cleaned",
			Mends: "make new host keys: ssh-keygen -A in the guest",
			Find:  findHostKeyShared,
		},
	}
}

// hostKeyRefused is a host key that a login refuses, and the probe that was
// shown it. nil where a probe has got past its host key.
func (f *Facts) hostKeyRefused() (*Probe, *reach.HostKeyRefusedError) {
	var refused *reach.HostKeyRefusedError
	if p := f.foremost(); p != nil && p.Failed != nil && errors.As(p.Failed.Err, &refused) {
		return p, refused
	}
	return nil, nil
}

func findHostKeyRenewed(f *Facts) *Finding {
	p, refused := f.hostKeyRefused()
	if refused == nil || refused.ByConsole || refused.Revoked != nil || len(p.KnownAs) > 0 {
		return nil
	}
	action := f.renewal(refused)
	if action == nil && !byAlias(refused) {
		return nil // the key of the name is old: H2
	}
	found := &Finding{
		Confidence: Possible, ByWire: true,
		What:     fmt.Sprintf("the host key of %s has changed, and nothing tells why", f.serverName()),
		Evidence: append([]string{fmt.Sprintf("%s shows %s", p.target(), keyWords(refused.Key))}, knownEvidence(refused)...),
		Fix:      forget(refused),
	}
	found.Fix.Words = "only once you know why: compare the fingerprint with ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub on the server's console"
	found.Fix.Harmless = false
	if action != nil {
		found.Confidence = Certain
		found.What = fmt.Sprintf("%s has new host keys since its %s on %s", f.serverName(), action.Action, moment(action.Start))
		found.Evidence = append(found.Evidence, fmt.Sprintf("action log: %s at %s", action.Action, moment(action.Start)))
		found.Fix = forget(refused)
	}
	return found
}

// renewal is the last action that gave the server new host keys.
func (f *Facts) renewal(refused *reach.HostKeyRefusedError) *openstack.Action {
	if refused.Action != nil {
		return refused.Action
	}
	return find(f.Nova.Actions, func(a openstack.Action) bool {
		return slices.Contains([]string{"rebuild", "rescue", "unrescue"}, a.Action)
	})
}

// byAlias says whether osssh itself has remembered a key of the server.
func byAlias(refused *reach.HostKeyRefusedError) bool {
	for _, line := range refused.Known {
		if ours(line.Path) {
			return true
		}
	}
	return false
}

// ours says whether a known_hosts file is osssh's own.
func ours(path string) bool { return filepath.Base(filepath.Dir(path)) == "osssh" }

func knownEvidence(refused *reach.HostKeyRefusedError) []string {
	var lines []string
	for _, line := range refused.Known[:min(len(refused.Known), maxRules)] {
		lines = append(lines, fmt.Sprintf("%s:%d has %s", line.Path, line.Number, keyWords(line.Key)))
	}
	return lines
}

// forget takes what is known of a server out of each file that has it.
func forget(refused *reach.HostKeyRefusedError) Fix {
	var commands []string
	for _, line := range refused.Known {
		name := refused.Alias
		if !ours(line.Path) {
			if len(refused.Names) == 0 {
				continue
			}
			name = refused.Names[0]
		}
		commands = addOnce(commands, fmt.Sprintf("ssh-keygen -R %s -f %s", terminal.Quote(name), terminal.Quote(line.Path)))
	}
	if len(commands) == 0 {
		return Fix{Words: "take the old key of " + refused.Server.Name + " out of known_hosts"}
	}
	return Fix{Command: strings.Join(commands, " && "), Harmless: true}
}

func findHostKeyOfAnother(f *Facts) *Finding {
	p, refused := f.hostKeyRefused()
	if refused == nil || refused.Revoked != nil {
		return nil
	}
	if len(p.KnownAs) > 0 {
		other := strings.TrimPrefix(strings.TrimSuffix(p.KnownAs[0], "-rescue"), "openstack-")
		return &Finding{
			Confidence: Certain, ByWire: true,
			What:     fmt.Sprintf("%s is answered by another server, %s, not by %s", p.target(), other, f.serverName()),
			Evidence: []string{fmt.Sprintf("it shows %s, which is known of %s", keyWords(refused.Key), p.KnownAs[0])},
			Fix:      Fix{Command: "openstack server show " + terminal.Quote(other), Words: "tells which one has the address now"},
		}
	}
	if refused.ByConsole || byAlias(refused) || f.renewal(refused) != nil {
		return nil
	}
	return &Finding{
		Confidence: Probable, ByWire: true,
		What:     fmt.Sprintf("known_hosts has the key of another server that was called %s before", f.serverName()),
		Evidence: append([]string{fmt.Sprintf("%s shows %s", p.target(), keyWords(refused.Key))}, knownEvidence(refused)...),
		Fix:      forget(refused),
	}
}

func findHostKeyUnknown(f *Facts) *Finding {
	p := f.foremost()
	var stranger *StrangerError
	if p != nil && p.Failed != nil && errors.Is(p.Failed.Err, reach.ErrStrict) {
		return f.unvouched(*p, Fix{
			Command: "osssh -o StrictHostKeyChecking=ask " + terminal.Quote(f.Name),
			Words:   "and compare the fingerprint: openstack console log show " + f.serverID(),
		}, "StrictHostKeyChecking is yes")
	}
	if p != nil && (p.Failed == nil || p.progress() > 0) {
		return nil // a login goes that way
	}
	for _, p := range f.Probes {
		if p.Failed != nil && errors.As(p.Failed.Err, &stranger) {
			return f.unvouched(p, Fix{
				Command: fmt.Sprintf("osssh --address %s %s", p.Candidate.Address.Addr(), terminal.Quote(f.Name)),
				Words:   "dials it all the same, and shows you the fingerprint",
			}, fmt.Sprintf("other networks may have %s too, so that a login does not try it", p.Candidate.Address.Addr()))
		}
	}
	return nil
}

func (f *Facts) unvouched(p Probe, fix Fix, because string) *Finding {
	found := &Finding{
		Confidence: Certain, ByWire: true,
		What:     fmt.Sprintf("nothing vouches for the host key that %s shows: %s", p.target(), because),
		Evidence: []string{"the console shows no host keys of this boot, and known_hosts has none of the server"},
		Fix:      fix,
	}
	if p.HostKey != nil {
		found.Evidence = append(found.Evidence, "it shows "+keyWords(p.HostKey))
	}
	return found
}

func (f *Facts) serverID() string {
	if f.Nova.Server != nil {
		return f.Nova.Server.ID
	}
	return terminal.Quote(f.Name)
}

func findHostKeyMismatch(f *Facts) *Finding {
	p, refused := f.hostKeyRefused()
	if refused == nil || len(p.KnownAs) > 0 && refused.Revoked == nil {
		return nil
	}
	found := &Finding{
		Confidence: Certain, ByWire: true,
		Evidence: []string{fmt.Sprintf("%s shows %s", p.target(), keyWords(refused.Key))},
	}
	switch {
	case refused.Revoked != nil:
		found.What = fmt.Sprintf("%s shows a host key that is revoked (%s:%d)", p.target(), refused.Revoked.Path, refused.Revoked.Number)
		found.Fix = Fix{Words: "do not log in: give the server new host keys by its console"}
	case refused.ByConsole:
		found.What = fmt.Sprintf("%s shows a host key that the console of %s does not name: something else may answer there", p.target(), f.serverName())
		for _, fingerprint := range f.Nova.Console.Fingerprints {
			found.Evidence = append(found.Evidence, "the console names "+fingerprint)
		}
		for _, key := range f.Nova.Console.HostKeys {
			found.Evidence = append(found.Evidence, "the console names "+keyWords(key))
		}
		found.Fix = Fix{Command: "openstack console log show " + f.serverID(), Words: "do not log in before you know what answers there"}
	default:
		return nil
	}
	return found
}

// findHostKeyShared warns: it stops no login. Where a login fails for another
// reason it comes last.
func findHostKeyShared(f *Facts) *Finding {
	p := f.foremost()
	if p == nil || p.HostKey == nil || p.Failed != nil || len(p.KnownAs) == 0 || p.Ruling == reach.Ask {
		return nil
	}
	found := &Finding{
		Confidence: Possible, ByWire: true,
		What:     fmt.Sprintf("%s has the same host key as %d other servers: each can pass for the others", f.serverName(), len(p.KnownAs)),
		Evidence: []string{"it is " + keyWords(p.HostKey)},
		Fix:      Fix{Words: "in the guest: rm /etc/ssh/ssh_host_*_key* && ssh-keygen -A, then restart sshd"},
	}
	if len(p.KnownAs) == 1 {
		found.What = fmt.Sprintf("%s has the same host key as another server: each can pass for the other", f.serverName())
	}
	for _, alias := range p.KnownAs[:min(len(p.KnownAs), maxRules)] {
		found.Evidence = append(found.Evidence, "known of "+alias+" too")
	}
	if f.working() != nil {
		found.Confidence = Certain
	}
	return found
}
