package sshconfig

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// defaultExecLimit is how long a command of Match exec may take; ssh waits for
// ever.
const defaultExecLimit = 10 * time.Second

// grammarVersion is what Match version compares: the OpenSSH whose
// configuration can be read here.
const grammarVersion = "OpenSSH_10.5p1"

// ErrMatchNetwork is a localnetwork that is no list of networks.
var ErrMatchNetwork = errors.New("not a list of networks in CIDR form")

// ExecError is a command of Match exec that could not be run to its end.
type ExecError struct {
	Command string
	Err     error // context.DeadlineExceeded after the time limit
}

func (e *ExecError) Error() string { return fmt.Sprintf("command %q: %v", e.Command, e.Err) }

func (e *ExecError) Unwrap() error { return e.Err }

// match judges a Match line. skipExec leaves commands unrun, where the answer
// does not matter.
func (e *evaluator) match(rest string, args []string, skipExec bool) (bool, error) {
	criteria, err := parseMatch(rest, args)
	if err != nil {
		return false, err
	}
	result := true
	for _, c := range criteria {
		if c.name == "final" {
			e.wantFinal = true // 9.2 also where it is negated
		}
		matched, err := e.criterion(c, result && !skipExec)
		if err != nil {
			return false, err
		}
		result = result && matched != c.negated
	}
	return result, nil
}

// criterion judges one criterion, without its negation.
func (e *evaluator) criterion(c criterion, mayExec bool) (bool, error) {
	list := func(s string) bool { return matchPatternList(s, c.arg, false) == listMatched }
	// An empty word matches an empty argument, and no pattern.
	orEmpty := func(s string) bool { return s == "" && c.arg == "" || s != "" && list(s) }
	switch c.name {
	case "all":
		return true, nil
	case "canonical", "final":
		return e.final, nil
	case "host":
		host, err := e.remoteHost()
		return err == nil && matchHostname(host, c.arg) == listMatched, err
	case "originalhost":
		return matchHostname(e.o.Host, c.arg) == listMatched, nil
	case "user":
		return list(e.remoteUser()), nil
	case "localuser":
		return list(e.o.LocalUser), nil
	case "version":
		return list(grammarVersion), nil
	case "tagged":
		return orEmpty(e.text("tag")), nil
	case "command":
		return orEmpty(e.o.Command), nil
	case "sessiontype":
		return list(e.sessionType()), nil
	case "localnetwork":
		return e.localNetwork(c.arg)
	default:
		return e.exec(c.arg, mayExec)
	}
}

// remoteHost is the host as far as it is known by now.
func (e *evaluator) remoteHost() (string, error) {
	name := e.text("hostname")
	if e.final || name == "" {
		return e.host, nil
	}
	return expansion{tokens: map[byte]string{'h': e.host}}.expand(name)
}

func (e *evaluator) remoteUser() string {
	if user := e.text("user"); user != "" {
		return user
	}
	return e.o.LocalUser
}

func (e *evaluator) sessionType() string {
	switch t := e.text("sessiontype"); {
	case t == "subsystem" || t == "none":
		return t
	case e.o.Command != "":
		return "exec"
	}
	return "shell"
}

// localNetwork says whether an address of this machine lies in one of the
// networks.
func (e *evaluator) localNetwork(list string) (bool, error) {
	var networks []netip.Prefix
	for item := range strings.SplitSeq(list, ",") {
		network, err := parseNetwork(item)
		if err != nil {
			return false, ErrMatchNetwork
		}
		networks = append(networks, network)
	}
	if e.o.LocalAddresses == nil {
		return false, nil
	}
	addresses, err := e.o.LocalAddresses()
	if err != nil {
		return false, err
	}
	for _, a := range addresses {
		for _, network := range networks {
			if network.Contains(a.Unmap().WithZone("")) {
				return true, nil
			}
		}
	}
	return false, nil
}

// parseNetwork reads a CIDR network, whose host bits must be zero, or one
// address.
func parseNetwork(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil || p != p.Masked() {
		return netip.Prefix{}, ErrMatchNetwork
	}
	return p, nil
}

// exec runs a command of Match exec: exit status 0 matches.
func (e *evaluator) exec(command string, run bool) (bool, error) {
	command, err := expansion{tokens: e.tokens()}.expand(command)
	if err != nil || !run || e.o.Exec == nil {
		return false, err
	}
	limit := e.o.ExecLimit
	if limit == 0 {
		limit = defaultExecLimit
	}
	ctx, cancel := context.WithTimeout(e.ctx, limit)
	defer cancel()
	exit, err := e.o.Exec(ctx, command)
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return false, &ExecError{Command: command, Err: err}
	}
	return exit == 0, nil
}

// tokens are those of Match exec and Include, from what is known by now.
func (e *evaluator) tokens() map[byte]string {
	host, err := e.remoteHost()
	if err != nil {
		host = e.host // the bad HostName is an error of its own, in settleHost
	}
	n := names{host: host, original: e.o.Host, alias: e.text("hostkeyalias"), user: e.remoteUser(), port: 22}
	if n.alias == "" {
		n.alias = host
	}
	if port, err := strconv.Atoi(e.text("port")); err == nil {
		n.port = port
	}
	if jump, err := parseJumpHosts(e.ctx, e.text("proxyjump")); err == nil && len(jump) > 0 {
		n.jump = jump[len(jump)-1].Host
	}
	return e.o.tokens(n)
}
