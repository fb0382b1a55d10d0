package diagnose

import (
	"errors"
	"fmt"
	"strings"

	"osssh/connect"
	"osssh/internal/terminal"
	"osssh/reach"
)

// sessionCauses are those that the catalogue numbers with X.
func sessionCauses() []Cause {
	return []Cause{
		{
			ID: "X1", Slug: "no-logins-yet", Layer: Session,
			Title: "the system lets nobody but root in yet, or is going down (pam_nologin)",
			Shows: "\"System is booting up. Unprivileged users are not permitted to log in yet.\"",
			Told:  "that text",
			Mends: "osssh --wait NAME",
			Find:  findNoLoginsYet,
		},
		{
			ID: "X2", Slug: "nologin-shell", Layer: Session,
			Title: "the user has no login shell",
			Shows: "\"This account is currently not available.\"",
			Told:  "that text of nologin(8)",
			Mends: "-l USER",
			Find:  findNologinShell,
		},
		{
			ID: "X3", Slug: "session-hangs", Layer: Session,
			Title: "the login is accepted and then nothing comes",
			Shows: "no prompt",
			Told:  "the user was let in, and a command gives no answer",
			Mends: "its network's MTU, a home directory on a dead server, DNS: by the console",
			Find:  findSessionHangs,
		},
		{
			ID: "X4", Slug: "rc-file-noise", Layer: Session,
			Title: "a start-up file of the user's shell writes text before every command's output",
			Shows: "scp and sftp fail: \"Received message too long\"",
			Told:  "a command without output gives some",
			Mends: "print in ~/.bashrc only where the shell is interactive",
			Find:  findNoise,
		},
		{
			ID: "X5", Slug: "jump-forwarding", Layer: Path,
			Title: "the jump host lets one in and forbids connections from there",
			Shows: "\"administratively prohibited: open failed\"",
			Told:  "its answer to the channel",
			Mends: "AllowTcpForwarding yes in its sshd_config, or another jump host",
			Find:  findJumpForwarding,
		},
		{
			ID: "X6", Slug: "session-ends", Layer: Session,
			Title: "the session ends at once: limits, a forced command, a broken shell",
			Shows: "Connection closed right after the login",
			Told:  "the exit status and what came with it",
			Mends: "by the console: limits.conf, authorized_keys, the user's shell",
			Find:  findSessionEnds,
		},
	}
}

// bootingWords are those of systemd's and shutdown's /run/nologin.
var bootingWords = []string{"System is booting up", "Unprivileged users are not permitted to log in", "System is going down", "The system is going down"}

func findNoLoginsYet(f *Facts) *Finding {
	for _, l := range f.failing() {
		if line := l.lineWith(bootingWords...); line != "" {
			return &Finding{
				Confidence: Certain, What: fmt.Sprintf("%s lets nobody in yet", f.serverName()),
				Evidence: []string{"the server says: " + line},
				Fix:      Fix{Command: "osssh --wait " + terminal.Quote(f.Name)}, ByWire: true,
			}
		}
	}
	return nil
}

func findNologinShell(f *Facts) *Finding {
	for _, l := range f.failing() {
		line := l.lineWith("This account is currently not available", "This account is not available")
		if line == "" {
			continue
		}
		found := &Finding{
			Confidence: Certain, What: fmt.Sprintf("the user %s has no login shell", l.user()),
			Evidence: []string{"the server says: " + line},
			Fix:      Fix{Words: fmt.Sprintf("log in as another user, or there, as root: usermod -s /bin/bash %s", terminal.Quote(l.user()))}, ByWire: true,
		}
		if named := f.namedUser(); !named.Guess && named.User != l.User {
			found.Fix.Command = f.asUser(named.User)
			found.Evidence = append(found.Evidence, fmt.Sprintf("%s names %s", named.From, named.User))
		}
		return found
	}
	return nil
}

func findSessionHangs(f *Facts) *Finding {
	for _, l := range f.failing() {
		if !l.Silent || !l.Signed {
			continue
		}
		found := &Finding{
			Confidence: Probable, What: fmt.Sprintf("%s lets %s in, and then nothing comes", f.serverName(), l.user()),
			Evidence: []string{"no answer to a command within seconds"},
			Fix:      Fix{Words: "look there for a home directory or a name server that hangs; and for an MTU that is too large: ip link set mtu 1400"},
		}
		found.Fix.Command = "openstack console url show " + f.serverID()
		return found
	}
	return nil
}

func findNoise(f *Facts) *Finding {
	for _, p := range f.Probes {
		for _, l := range p.Logins {
			if l.Exit == nil || *l.Exit != 0 || l.LoginAs != "" || strings.TrimSpace(l.Output) == "" {
				continue
			}
			first, _, _ := strings.Cut(strings.TrimSpace(l.Output), "\n")
			return &Finding{
				Confidence: Probable, What: fmt.Sprintf("a start-up file of %s prints text in every session, which breaks scp and sftp", l.user()),
				Evidence: []string{fmt.Sprintf("a silent command printed %q", first)},
				Fix:      Fix{Words: `begin ~/.bashrc there with: case $- in *i*) ;; *) return;; esac`},
			}
		}
	}
	return nil
}

func findJumpForwarding(f *Facts) *Finding {
	host, refused := f.refusingJump()
	if refused == nil || f.working() != nil {
		return nil
	}
	found := &Finding{
		Confidence: Certain, What: fmt.Sprintf("jump host %s forbids connections to %s", host, refused.Address),
		Evidence: []string{"it says: " + refused.Message},
		Fix:      Fix{Words: fmt.Sprintf("AllowTcpForwarding yes in the sshd_config of %s, or another jump host: -J HOST", host)},
	}
	if !f.Way.Proxied && len(f.Way.Candidates) > 0 { // the direct way failed first
		found.Confidence = Possible
	}
	return found
}

// refusingJump is a host on the way that lets one in and no further.
func (f *Facts) refusingJump() (host string, refused *connect.ForwardError) {
	var failures []error
	failures = append(failures, f.Way.ProxyErr, f.Way.JumpErr)
	var none *reach.NoJumpError
	if errors.As(f.Way.JumpErr, &none) {
		for i := range none.Tried {
			failures = append(failures, &none.Tried[i])
		}
	}
	for _, err := range failures {
		var hop *reach.HopError
		if errors.As(err, &refused) && refused.Prohibited {
			if errors.As(err, &hop) {
				host = hop.Host
			}
			return host, refused
		}
	}
	for _, p := range f.Probes {
		if p.Failed != nil && errors.As(p.Failed.Err, &refused) && refused.Prohibited {
			return p.Through, refused
		}
	}
	return "", nil
}

func findSessionEnds(f *Facts) *Finding {
	for _, l := range f.failing() {
		if !l.Signed || l.Silent || l.LoginAs != "" || toldNobody(l) {
			continue
		}
		found := &Finding{
			Confidence: Probable, What: fmt.Sprintf("%s lets %s in and ends the session at once", f.serverName(), l.user()),
			Fix: Fix{Words: "look there for limits (/etc/security/limits.conf), a command= in authorized_keys, a broken shell"},
		}
		found.Fix.Command = "openstack console url show " + f.serverID()
		var lost *connect.LostError
		var request *connect.RequestError
		switch {
		case l.Exit != nil && *l.Exit != 0:
			found.Evidence = []string{fmt.Sprintf("the command `exit 0` ended with status %d", *l.Exit)}
		case errors.As(l.Err, &lost), errors.As(l.Err, &request):
			found.Evidence = []string{l.Err.Error()}
		default:
			continue
		}
		if first, _, _ := strings.Cut(strings.TrimSpace(l.Output), "\n"); first != "" {
			found.Evidence = append(found.Evidence, fmt.Sprintf("with it came %q", first))
		}
		if l.lineWith(expiredWords...) != "" || l.lineWith(bootingWords...) != "" || l.lineWith("account is currently not available", "account is not available") != "" {
			return nil // U16, X1 and X2 say more
		}
		return found
	}
	return nil
}
