package reach

import (
	"context"
	"net/netip"

	"osssh/resolve"
	"osssh/sshconfig"
)

// What a login would do, told without doing it.

// Host is what a login dials for a candidate: its address, or the name that
// ssh_config's HostName has on the other side of a proxy.
func (p *Plan) Host(c resolve.Candidate) string {
	if p.far != "" {
		return p.request.Settings.HostName()
	}
	return c.Address.Addr().String()
}

// Proxy is the way that the user prescribes: hosts, each reached through the one
// before, or a command for the shell as it would be run for the best candidate.
// Both are empty where there is none.
func (p *Plan) Proxy() (hops []sshconfig.JumpHost, command string, err error) {
	settings := p.request.Settings
	if hops, err = settings.ProxyJump(); err != nil || len(hops) > 0 {
		return hops, "", err
	}
	remote := sshconfig.Remote{User: p.Login.User, Port: resolve.SSHPort(p.Server, p.request.Port)}
	if len(p.Candidates) > 0 {
		remote.Host, remote.Port = p.Host(p.Candidates[0]), int(p.Candidates[0].Address.Port())
	}
	command, err = settings.ProxyCommand(remote)
	return nil, command, err
}

// PassesOver says whether a login leaves a candidate out: it could be another
// machine's, and no host key of the server is known to tell them apart.
func (p *Plan) PassesOver(c resolve.Candidate) bool {
	return !p.Proxied() && !p.hostKeys.known() && !p.config.unmistakable(c)
}

// Nowhere is why a login would dial no address of the server itself, nil where
// it would dial one.
func (p *Plan) Nowhere() *NoAddressError {
	var unsure []netip.Addr
	for _, c := range p.Candidates {
		if !p.PassesOver(c) {
			return nil
		}
		unsure = append(unsure, c.Address.Addr())
	}
	nowhere := p.noAddress()
	nowhere.Unsure = unsure
	return nowhere
}

// Detour gives the jump hosts that a login would try, best first: those of Jumps
// where no address is dialled, or the rules surely deny all that are. Both
// results are nil where a login would look for none, or not yet; else the error
// is a *NoJumpError.
func (p *Plan) Detour(ctx context.Context, verdicts []Verdict) ([]Jump, error) {
	var dialled []Verdict
	for _, v := range verdicts {
		if !p.PassesOver(v.Candidate) {
			dialled = append(dialled, v)
		}
	}
	if !p.mayDetour() || len(dialled) > 0 && !allDenied(dialled) {
		return nil, nil
	}
	return p.Jumps(ctx)
}
