package sshconfig

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// JumpHost is one host on the way.
type JumpHost struct {
	Host string
	User string // "" where none is given
	Port int    // 0 where none is given
}

// ErrJumpHost is a jump host that is not of the form [user@]host[:port] or
// ssh://[user@]host[:port].
var ErrJumpHost = errors.New("not of the form [user@]host[:port]")

// JumpLoopError is a ProxyJump through the very host that is to be reached.
type JumpLoopError struct {
	Host   string
	Origin Origin
}

func (e *JumpLoopError) Error() string {
	return fmt.Sprintf("%s: jump host loop via %q", e.Origin, e.Host)
}

// jumpArgument takes ProxyJump's argument off a line. As in 9.2 it ends at the
// first blank, and quotes mean nothing. ssh takes a "none" with a comment
// behind it for a host; here it is none.
func jumpArgument(rest string) string {
	rest = strings.TrimLeft(rest, configBlanks+"=")
	if i := strings.IndexAny(rest, configBlanks+"\f\v#"); i >= 0 {
		rest = rest[:i]
	}
	return rest
}

func checkJumpNames(hosts []JumpHost) error {
	for _, h := range hosts {
		if !safeHost(h.Host) {
			return &UnsafeNameError{Name: h.Host}
		}
		if !safeUser(h.User) {
			return &UnsafeNameError{Name: h.User}
		}
	}
	return nil
}

// parseJumpHosts reads a ProxyJump, in the order of the way; the word "none"
// is no host.
func parseJumpHosts(ctx context.Context, s string) ([]JumpHost, error) {
	if isNone(s) {
		return nil, nil
	}
	var hosts []JumpHost
	for item := range strings.SplitSeq(s, ",") {
		h, err := parseJumpHost(ctx, item)
		if err != nil {
			return nil, err
		}
		hosts = append(hosts, h)
	}
	return hosts, nil
}

// parseJumpHost reads what parse_ssh_uri and parse_user_host_port of OpenSSH's
// misc.c read.
func parseJumpHost(ctx context.Context, s string) (JumpHost, error) {
	s, isURI := strings.CutPrefix(s, "ssh://")
	var h JumpHost
	at := strings.LastIndexByte(s, '@')
	if isURI {
		at = strings.IndexByte(s, '@')
	}
	if at == 0 {
		return h, ErrJumpHost
	}
	if at > 0 {
		h.User, s = s[:at], s[at+1:]
	}
	if isURI {
		var err error
		user, _, _ := strings.Cut(h.User, ";")
		if h.User, err = url.QueryUnescape(user); err != nil {
			return h, ErrJumpHost
		}
		s = strings.TrimSuffix(s, "/")
	}
	host, port, ok := cutHostPort(s)
	if !ok || host == "" || strings.Contains(host+port, "/") || isURI && !validDomain(host) {
		return h, ErrJumpHost
	}
	h.Host = host
	if port != "" {
		var err error
		h.Port, err = parsePort(ctx, port)
		return h, err
	}
	return h, nil
}

// cutHostPort takes "host:port" or "[host]:port" apart.
func cutHostPort(s string) (host, port string, ok bool) {
	if rest, bracketed := strings.CutPrefix(s, "["); bracketed {
		host, rest, ok = strings.Cut(rest, "]")
		if !ok || rest != "" && rest[0] != ':' {
			return "", "", false
		}
		return host, strings.TrimPrefix(rest, ":"), true
	}
	host, port, _ = strings.Cut(s, ":")
	return host, port, true
}

// validDomain is valid_domain of OpenSSH's misc.c, which it holds only URIs to.
func validDomain(s string) bool {
	character := func(r rune) bool { return strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789-._", r) }
	s = lowerASCII(s)
	return !strings.ContainsFunc(s, func(r rune) bool { return !character(r) }) &&
		!strings.ContainsAny(s[:1], "-._") && !strings.Contains(s, "..")
}

// checkJumpLoop refuses to go to a host by way of itself, which a Host * with a
// ProxyJump makes easy.
func (s *Settings) checkJumpLoop() error {
	hosts, err := s.ProxyJump()
	if err != nil || len(hosts) == 0 {
		return err
	}
	r := s.remote(Remote{})
	last := hosts[len(hosts)-1]
	if last.Port == 0 {
		last.Port = 22
	}
	if last.User == "" {
		last.User = r.User
	}
	if last.Host == r.Host && last.Port == r.Port && last.User == r.User {
		v, _ := s.first("proxyjump")
		return &JumpLoopError{Host: last.Host, Origin: v.Origin}
	}
	return nil
}
