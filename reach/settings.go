package reach

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"osssh/keystore"
	"osssh/resolve"
	"osssh/sshconfig"
)

// settle adds to a request what the user's ssh_config says: the command line
// wins over the files, and the files win over the server's own records.
func (r Request) settle() Request {
	if r.User == "" {
		r.User = r.Settings.User()
	}
	if r.Port == 0 {
		r.Port = r.Settings.Port()
	}
	if r.Family == 0 {
		r.Family = map[string]int{"inet": 4, "inet6": 6}[r.Settings.AddressFamily()]
	}
	return r
}

// remote is what the tokens %h, %p and %r stand for, as far as it is known
// before the server is.
func (r Request) remote() sshconfig.Remote {
	return sshconfig.Remote{Host: r.Settings.Host(), Port: r.Port, User: r.User}
}

// towards is the name that is logged in to, "" for a request that means it.
func (r Request) towards() string {
	if len(r.trail) < 2 {
		return ""
	}
	return r.trail[0]
}

// proxied says whether the way leads through a command or another host, as the
// user has it.
func (r Request) proxied() bool {
	if r.through != nil {
		return true
	}
	hops, err := r.Settings.ProxyJump()
	command, errCommand := r.Settings.ProxyCommand(r.remote())
	return len(hops) > 0 || command != "" || err != nil || errCommand != nil
}

// connectTimeout bounds connecting; 0 leaves it to package connect.
func (r Request) connectTimeout() time.Duration {
	if r.patience > 0 {
		return r.within(r.patience)
	}
	return r.Settings.ConnectTimeout()
}

// tcpTimeout bounds TCP's part of it.
func (r Request) tcpTimeout() time.Duration {
	if r.silence > 0 {
		return r.within(r.silence)
	}
	return r.connectTimeout()
}

// within is ssh_config's ConnectTimeout, but no more than limit.
func (r Request) within(limit time.Duration) time.Duration {
	if timeout := r.Settings.ConnectTimeout(); timeout > 0 {
		return min(timeout, limit)
	}
	return limit
}

// plain says whether nothing but name and user was asked for, so that what is
// remembered of an earlier login answers it.
func (r Request) plain() bool {
	return r.Port == 0 && !r.Choice.Given() && r.Family == 0 && len(r.Identities) == 0 &&
		r.Settings.HostName() == "" && !r.proxied()
}

// search is where to look for keys: what the user named goes first.
func (c *Config) search(r Request) (keystore.Search, error) {
	search := c.Keys
	files, _, err := r.Settings.IdentityFiles(r.remote())
	if err != nil {
		return search, err
	}
	search.Explicit = slices.Concat(r.Identities, files, search.Explicit)
	socket, set, err := r.Settings.IdentityAgent(r.remote())
	if err != nil {
		return search, err
	}
	if set {
		search.Agent = c.Agent(socket)
	}
	return search, nil
}

// onlyNamed drops the keys that the user did not name, where ssh_config has
// IdentitiesOnly and names some.
func onlyNamed(r Request, found keystore.Result) keystore.Result {
	files, _, err := r.Settings.IdentityFiles(r.remote())
	if !r.Settings.IdentitiesOnly() || err != nil || len(files)+len(r.Identities) == 0 {
		return found
	}
	found.Identities = slices.DeleteFunc(slices.Clone(found.Identities), func(id *keystore.Identity) bool { return !id.Explicit })
	return found
}

// hostNamed gives the addresses of ssh_config's HostName in place of the
// server's own. One that is the server's keeps what is known of it.
func hostNamed(ctx context.Context, host string, port int, known []resolve.Candidate) ([]resolve.Candidate, error) {
	addresses, err := lookUp(ctx, host)
	if err != nil {
		return nil, err
	}
	var candidates []resolve.Candidate
	for _, address := range addresses {
		candidate := resolve.Candidate{Why: resolve.Given, Address: netip.AddrPortFrom(address, uint16(port))}
		for _, k := range known {
			if k.Address == candidate.Address {
				candidate = k
				candidate.Why = resolve.Given
			}
		}
		candidates = append(candidates, candidate)
	}
	return candidates, nil
}

// lookUp gives the addresses of a host's name, or the address that it is.
func lookUp(ctx context.Context, host string) ([]netip.Addr, error) {
	if address, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{address}, nil
	}
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	for i := range addresses {
		addresses[i] = addresses[i].Unmap()
	}
	return addresses, err
}

// knownAs are the names under which the user's and the system's known_hosts
// files may know a host: its HostKeyAlias, else its name as typed, none where
// that is an address.
func knownAs(s *sshconfig.Settings, name string, port int) []string {
	if alias := s.HostKeyAlias(); alias != "" {
		return []string{alias}
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return nil // an address is not the instance's own: others may have had it
	}
	name = strings.ToLower(name)
	if port == 0 || port == 22 {
		return []string{name}
	}
	return []string{sshconfig.HostName(name, port), name}
}

// userKnownHosts reads the user's and the system's known_hosts files. ssh goes
// on without one that cannot be read, and so does this.
func (c *Config) userKnownHosts(s *sshconfig.Settings, r sshconfig.Remote) (known *sshconfig.KnownHosts, files []string, err error) {
	files, err = s.UserKnownHostsFiles(r)
	if err != nil {
		return &sshconfig.KnownHosts{}, nil, err
	}
	known, problems, err := sshconfig.ReadKnownHosts(slices.Concat(files, s.GlobalKnownHostsFiles())...)
	c.noteProblems(problems, err)
	return known, files, nil
}

// noteProblems tells of lines and files that hide themselves and nothing else.
func (c *Config) noteProblems(problems []sshconfig.Problem, err error) {
	for _, problem := range problems {
		c.note(Note{Kind: KnownHostsProblem, Err: problem})
	}
	if err != nil {
		c.note(Note{Kind: KnownHostsProblem, Err: err})
	}
}
