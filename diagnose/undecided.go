package diagnose

import (
	"errors"
	"fmt"
	"slices"

	"osssh/internal/console"
	"osssh/internal/openstack"
	"osssh/keystore"
	"osssh/reach"
	"osssh/secgroup"
)

// disagreements are what the rules and the APIs' states say against what the
// wire has shown: a driver that enforces nothing, another way, a stale state.
func (f *Facts) disagreements() (lines []string) {
	connected := false
	for _, p := range f.Probes {
		if !p.Connected() || p.PassedOver || p.Through != "" {
			continue
		}
		connected = true
		for _, v := range f.Way.Verdicts {
			if v.Candidate.Address == p.Candidate.Address && v.Err == nil && v.Rules.Answer == secgroup.Deny {
				lines = append(lines, fmt.Sprintf("the security groups deny %s, and yet it answers: the cloud does not enforce them here, or another way leads there",
					p.Candidate.Address))
			}
		}
	}
	server := f.Nova.Server
	if connected && server != nil && server.PowerState != nil && *server.PowerState != openstack.PowerRunning {
		lines = append(lines, fmt.Sprintf("nova holds %s for %s, and yet it answers", server.Name, powerName(*server.PowerState)))
	}
	if connected {
		for _, ip := range f.Neutron.Ways.FloatingIPs {
			answers := slices.ContainsFunc(f.Probes, func(p Probe) bool {
				return p.Connected() && !p.PassedOver && p.Through == "" && p.Candidate.Address.Addr() == ip.FloatingIPAddress
			})
			if answers && (ip.Status == "DOWN" || ip.Status == "ERROR") {
				lines = append(lines, fmt.Sprintf("neutron has floating IP %s as %s, and yet it answers", ip.FloatingIPAddress, ip.Status))
			}
		}
	}
	return lines
}

// ruledOut is what surely does not stop the login.
func (f *Facts) ruledOut() (lines []string) {
	add := func(shown bool, format string, args ...any) {
		if shown {
			lines = append(lines, fmt.Sprintf(format, args...))
		}
	}
	add(f.Phase >= SignedIn && f.Setup.Err == nil && f.Setup.SignIn == nil, "configuration and token: keystone gives a token for cloud %s", f.Setup.Cloud)
	if server := f.Nova.Server; server != nil {
		add(server.Status == "ACTIVE" && (server.PowerState == nil || *server.PowerState == openstack.PowerRunning), "the server's state: %s is ACTIVE", server.Name)
	}
	for _, p := range f.Probes {
		if p.PassedOver {
			continue
		}
		add(p.Answered(), "address, router and security groups: %s answers", p.Candidate.Address)
		add(p.Version != "", "the SSH server: it says %s", p.Version)
		add(p.Failed == nil && p.HostKey != nil, "the host key")
		for _, l := range p.Logins {
			add(l.Accepted != nil, "user and key: the server takes a key for %s", l.User)
		}
	}
	for _, v := range f.Way.Verdicts {
		add(v.Err == nil && v.Rules.Answer == secgroup.Allow && f.silent(), "security groups: they let you through to %s", v.Candidate.Address)
	}
	add(f.bootReached(console.LoginPrompt, console.Finished), "the boot: its console shows the end of it")
	add(f.fitting() != nil, "the private key: it is here")
	for _, c := range f.Control {
		add(c.Err == nil, "this machine's network: %s answers", c.What)
	}
	return lines
}

// settle is what would tell more.
func (f *Facts) settle() (lines []string) {
	add := func(line string) {
		if !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	for _, gap := range f.Gaps {
		add(fmt.Sprintf("%s: not seen (%s)", gap.What, gapWords(gap.Err)))
	}
	if f.Setup.Err == nil && f.Phase < Probed {
		add("the asking did not come to its end: try once more")
	}
	for _, v := range f.Way.Verdicts {
		if v.Err == nil && v.Rules.Answer == secgroup.Unknown && !v.Source.IsValid() {
			add("the address that the cloud sees of you: --source ADDRESS")
		}
	}
	for _, p := range f.Probes {
		if p.PassedOver {
			add(fmt.Sprintf("a host key of the server: %s answers, and could be another machine", p.Candidate.Address))
		}
	}
	if f.Nova.Server != nil && f.Phase >= Matched && f.Nova.ConsoleLen == 0 {
		add("its screen: openstack console url show " + f.Nova.Server.ID)
	}
	for _, miss := range f.Way.Keys.Misses {
		if miss.Why == keystore.HiddenHalf {
			add(fmt.Sprintf("whether %s is the key: -i %s", miss.Path, miss.Path))
		}
	}
	if f.Phase >= Addressed && len(f.Probes) == 0 {
		add(f.nothingDialled())
	}
	return lines
}

// nothingDialled says why no address was tried.
func (f *Facts) nothingDialled() string {
	var nowhere *reach.NoAddressError
	for _, problem := range f.Way.Problems {
		if errors.As(problem, &nowhere) {
			return "an address that can be reached from here: " + nowhere.Error()
		}
	}
	return "an address to try: none is known"
}

// gapWords are short words for why something could not be asked.
func gapWords(err error) string {
	var api *openstack.APIError
	switch {
	case err == nil:
		return "no answer"
	case errors.As(err, &api):
		return fmt.Sprintf("%s answers %d", api.Service, api.Status)
	}
	return innermost(err).Error()
}
