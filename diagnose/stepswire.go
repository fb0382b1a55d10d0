package diagnose

import (
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"

	"osssh/connect"
	"osssh/internal/console"
	"osssh/keystore"
	"osssh/reach"
)

// The steps that the console, the wire and the keys tell.

// boot is a step only where the console tells that the last one is not over, or
// what went wrong.
func (d *drawing) boot() []Step {
	log := d.Nova.Console
	_, wrong := d.found["boot"]
	told := len(log.Milestones)+len(log.Faults) > 0
	if d.Phase < Probed || !told || log.Over() && !wrong { // what it means depends on what the wire tells
		return nil
	}
	s := Step{Name: "boot", What: "finished", Mark: Passed}
	if reached := log.Reached(); !log.Over() {
		s.What = "up to " + reached.Name()
		if reached == "" {
			s.What = "begun"
		}
		if reached == console.LoginPrompt {
			s.What = "login prompt"
		}
	}
	return []Step{d.mark(s)}
}

// stopped says whether a step before the wire's was surely not passed.
func (d *drawing) stopped() bool {
	for _, station := range []string{"you", "address", "router", "port", "firewall group", "security group", "instance", "boot"} {
		if found, ok := d.found[station]; ok && found.Confidence == Certain {
			return true
		}
	}
	return false
}

func (d *drawing) sshd() []Step {
	if d.Phase < Probed {
		return nil
	}
	p := d.foremost()
	s := Step{Name: "sshd"}
	switch {
	case p == nil, p.progress() == 0 && d.stopped():
		s.What = "not reached"
	case p.progress() == 0:
		s.What, s.Note, s.Mark = p.target(), fmt.Sprintf("no answer for %s", roundly(p.Took)), Failed
	case p.refused():
		s.What, s.Note, s.Mark = p.target(), "connection refused", Failed
	case p.Failed == nil || p.Failed.Stage > connect.StageKeyExchange:
		s.What, s.Mark = strings.TrimPrefix(p.Version, "SSH-2.0-"), Passed
	default:
		s.What, s.Mark, s.Note = p.target(), Failed, p.Failed.Err.Error()
		if found, ok := d.found["sshd"]; ok {
			s.Note = found.What
		}
	}
	return []Step{s}
}

// hostKey is a step only where one was shown, or is missed.
func (d *drawing) hostKey() []Step {
	if d.Phase < Probed {
		return nil
	}
	p := d.foremost()
	if p == nil || p.HostKey == nil {
		if found, ok := d.found["host key"]; ok {
			return []Step{{Name: "host key", What: "unknown", Mark: Failed, Note: found.What}}
		}
		return nil
	}
	s := Step{Name: "host key", What: keyType(p.HostKey.Type()) + " " + ssh.FingerprintSHA256(p.HostKey), Mark: Passed}
	switch {
	case p.Failed != nil && p.Failed.Stage >= connect.StageHostKey:
		s.Mark, s.Note = Failed, "refused"
		if found, ok := d.found["host key"]; ok {
			s.Note = found.What
		}
	case p.Ruling == reach.Accept:
		s.What += ", known"
	case p.Ruling == reach.Remember, p.Ruling == reach.Replace:
		s.What += ", as its console shows"
	default:
		s.Mark, s.Note = Unsure, "new: nothing vouches for it"
	}
	return []Step{s}
}

// keyType is a key's algorithm as people say it: "ed25519", "rsa".
func keyType(algorithm string) string {
	algorithm, _, _ = strings.Cut(algorithm, "@")
	algorithm = strings.TrimPrefix(strings.TrimPrefix(algorithm, "sk-"), "ssh-")
	if strings.HasPrefix(algorithm, "ecdsa-") {
		return "ecdsa"
	}
	return algorithm
}

// key is what a login would offer, or what the server has taken. It stands
// behind what the wire tells, and so it waits for that.
func (d *drawing) key() []Step {
	if d.Phase < Probed {
		return nil
	}
	s := Step{Name: "key", Mark: Passed}
	id := d.offered()
	switch {
	case id == nil:
		s.What, s.Mark = "none here", Failed
		if name := d.Nova.Server.KeyName; name != "" {
			s.What = fmt.Sprintf("none here that matches keypair %q", name)
		}
	case d.accepted() != nil:
		s.What = d.keyName(id) + " is taken by the server"
		if d.matches(id) {
			s.What = d.keyName(id) + d.matchWords()
		}
	case d.matches(id):
		s.What = d.keyName(id) + d.matchWords()
	default:
		s.What, s.Mark, s.Note = d.keyName(id), Unsure, "whether it fits is not known"
	}
	if _, wrong := d.found["key"]; wrong && id != nil && d.working() == nil {
		s = d.mark(s)
	}
	return []Step{s}
}

// accepted is the key that the server takes for a user, nil where it takes none.
func (d *drawing) accepted() ssh.PublicKey {
	for _, p := range d.Probes {
		for _, login := range p.Logins {
			if login.Accepted != nil {
				return login.Accepted
			}
		}
	}
	return nil
}

// offered is the key that the login rests on: the one that the server takes,
// else the first that a login would offer.
func (d *drawing) offered() *keystore.Identity {
	if taken := d.accepted(); taken != nil {
		if id := d.identityOf(taken); id != nil {
			return id
		}
	}
	if all := d.identities(); len(all) > 0 {
		return all[0]
	}
	return nil
}

// matches says whether a key is known to be the instance's.
func (d *drawing) matches(id *keystore.Identity) bool {
	return id.How == keystore.ByFingerprint || id.How == keystore.ByPublicKey || id.How == keystore.ByPubFile
}

func (d *drawing) matchWords() string {
	if name := d.Nova.Server.KeyName; name != "" {
		return fmt.Sprintf(" matches keypair %q", name)
	}
	return " is installed, as the console shows"
}

func (d *drawing) keyName(id *keystore.Identity) string {
	if id.Public == nil {
		return place(id)
	}
	return fmt.Sprintf("%s (%s)", place(id), keyType(id.Public.Type()))
}

// login is a step only where one was tried.
func (d *drawing) login() []Step {
	if d.Phase < Probed {
		return nil
	}
	if l := d.working(); l != nil {
		return []Step{{Name: "login", What: "as " + l.User, Mark: Passed}}
	}
	for i := len(d.Probes) - 1; i >= 0; i-- {
		if logins := d.Probes[i].Logins; len(logins) > 0 {
			s := Step{Name: "login", What: "as " + logins[0].User, Mark: Failed, Note: "refused"}
			if found, ok := d.found["login"]; ok {
				s.Note = found.What
			} else if logins[0].Signed {
				s.Note = "let in, but no session comes of it"
			}
			return []Step{s}
		}
	}
	return nil
}
