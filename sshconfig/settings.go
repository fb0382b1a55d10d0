package sshconfig

import (
	"context"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Remote is where a connection goes, for the tokens %h, %p and %r. What is
// empty is as ssh would have it: the HostName or the name as typed, Port or
// 22, User or the local user's name.
type Remote struct {
	Host string
	Port int
	User string
}

func (s *Settings) remote(r Remote) Remote {
	if r.Host == "" {
		r.Host = s.host
	}
	if r.Port == 0 {
		r.Port = s.Port()
	}
	if r.Port == 0 {
		r.Port = 22
	}
	if r.User == "" {
		r.User = s.User()
	}
	if r.User == "" {
		r.User = s.options.LocalUser
	}
	return r
}

// User is the name to log in with, "" where nothing sets it.
func (s *Settings) User() string { return s.text("user") }

// Host is what ssh would connect to: the HostName, else the name as typed, in
// lower case or as an address in its usual form.
func (s *Settings) Host() string { return s.host }

// HostName is the name or address to connect to, "" where nothing sets it.
func (s *Settings) HostName() string {
	if s.text("hostname") == "" {
		return ""
	}
	return s.host
}

// Port is from 1 to 65535, 0 where nothing sets it.
func (s *Settings) Port() int {
	port, err := strconv.Atoi(s.text("port"))
	if err != nil {
		return 0
	}
	return port
}

// IdentityFiles are the private keys to try; set is false where nothing names
// any and ssh would try its defaults. "none" names none.
func (s *Settings) IdentityFiles(r Remote) (files []string, set bool, err error) {
	files, err = s.paths("identityfile", r)
	return files, len(s.values["identityfile"]) > 0, err
}

// CertificateFiles are the certificates to try with the keys.
func (s *Settings) CertificateFiles(r Remote) ([]string, error) { return s.paths("certificatefile", r) }

// IdentitiesOnly says that the agent's other keys are not to be tried.
func (s *Settings) IdentitiesOnly() bool { return s.text("identitiesonly") == "yes" }

// IdentityAgent is the agent's socket; set is false where nothing names one
// and SSH_AUTH_SOCK counts. Set and empty is an agent that must not be asked:
// "none", or a variable that is not set.
func (s *Settings) IdentityAgent(r Remote) (socket string, set bool, err error) {
	v, set := s.first("identityagent")
	if !set || isNone(v.Text) {
		return "", set, nil
	}
	name, isVariable := strings.CutPrefix(v.Text, "$")
	if v.Text == "SSH_AUTH_SOCK" || isVariable && !strings.HasPrefix(name, "{") {
		if value, ok := s.options.env(name); ok {
			socket = value
		}
		return socket, true, nil
	}
	socket, err = s.path(v, r)
	return socket, true, err
}

// ProxyJump are the hosts on the way, the first one first; nil for none.
func (s *Settings) ProxyJump() ([]JumpHost, error) {
	v, ok := s.first("proxyjump")
	if !ok {
		return nil, nil
	}
	return parseJumpHosts(context.Background(), v.Text)
}

// ProxyCommand is the command, for the user's shell, whose standard input and
// output lead to the host; "" for none. As ssh does, the shell should be told
// to exec it. It knows the tokens %h, %k, %n, %p and %r; those that it does not
// know are an error.
func (s *Settings) ProxyCommand(r Remote) (string, error) {
	v, ok := s.first("proxycommand")
	if !ok || isNone(v.Text) {
		return "", nil
	}
	all := s.options.tokens(s.names(r))
	tokens := map[byte]string{}
	for _, t := range []byte("hknpr") {
		tokens[t] = all[t]
	}
	return s.expand(v, expansion{tokens: tokens})
}

// SendEnv are patterns of the variables to send.
func (s *Settings) SendEnv() []string { return s.texts("sendenv") }

// SetEnv are NAME=value to send.
func (s *Settings) SetEnv() []string { return s.texts("setenv") }

// ConnectTimeout is 0 where nothing sets one.
func (s *Settings) ConnectTimeout() time.Duration {
	seconds, err := parseTime(s.text("connecttimeout"))
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// HostKeyAlias is the name under which known_hosts knows the host, in lower
// case, "" where nothing sets it.
func (s *Settings) HostKeyAlias() string { return lowerASCII(s.text("hostkeyalias")) }

// HostKeyAlgorithms are the names to offer, best first, with "+", "-", "^" and
// patterns resolved; nil where nothing sets them.
func (s *Settings) HostKeyAlgorithms() ([]string, error) {
	v, ok := s.first("hostkeyalgorithms")
	if !ok {
		return nil, nil
	}
	names, err := assembleAlgorithms(v.Text)
	if err != nil {
		return nil, &ConfigError{Origin: v.Origin, Keyword: "hostkeyalgorithms", Why: err}
	}
	return names, nil
}

// HostKeyChecking is what to do with a host key that is not known.
type HostKeyChecking int

// The values of StrictHostKeyChecking.
const (
	CheckAsk       HostKeyChecking = iota // ask; the default
	CheckStrict                           // yes: refuse
	CheckAcceptNew                        // accept-new: accept and remember
	CheckOff                              // no, off: accept and remember
)

// StrictHostKeyChecking is CheckAsk where nothing sets it.
func (s *Settings) StrictHostKeyChecking() HostKeyChecking {
	switch s.text("stricthostkeychecking") {
	case "yes":
		return CheckStrict
	case "accept-new":
		return CheckAcceptNew
	case "no":
		return CheckOff
	}
	return CheckAsk
}

// UserKnownHostsFiles are the user's known_hosts files; new keys go into the
// first. By default ~/.ssh/known_hosts and known_hosts2.
func (s *Settings) UserKnownHostsFiles(r Remote) ([]string, error) {
	if _, ok := s.first("userknownhostsfile"); !ok {
		dir := filepath.Join(s.options.Home, ".ssh")
		return []string{filepath.Join(dir, "known_hosts"), filepath.Join(dir, "known_hosts2")}, nil
	}
	return s.paths("userknownhostsfile", r)
}

// GlobalKnownHostsFiles are the system's known_hosts files, by default
// ssh_known_hosts and ssh_known_hosts2 of Options.SystemDir.
func (s *Settings) GlobalKnownHostsFiles() []string {
	files := s.texts("globalknownhostsfile")
	switch {
	case len(files) == 0 && s.options.SystemDir != "":
		return []string{filepath.Join(s.options.SystemDir, "ssh_known_hosts"), filepath.Join(s.options.SystemDir, "ssh_known_hosts2")}
	case len(files) == 1 && isNone(files[0]):
		return nil
	}
	return files
}

// HashKnownHosts says that names written to known_hosts are hashed.
func (s *Settings) HashKnownHosts() bool { return s.text("hashknownhosts") == "yes" }

// BatchMode says that nothing may be asked.
func (s *Settings) BatchMode() bool { return s.text("batchmode") == "yes" }

// LogLevel is QUIET, FATAL, ERROR, INFO, VERBOSE or DEBUG1 to DEBUG3, "" where
// nothing sets it.
func (s *Settings) LogLevel() string { return s.text("loglevel") }

// AddressFamily is "any", "inet" or "inet6", "" where nothing sets it.
func (s *Settings) AddressFamily() string { return s.text("addressfamily") }

func (s *Settings) texts(keyword string) []string {
	var texts []string
	for _, v := range s.values[keyword] {
		texts = append(texts, v.Text)
	}
	return texts
}

// paths expands the values of a keyword; "none" is no path.
func (s *Settings) paths(keyword string, r Remote) ([]string, error) {
	var paths []string
	for _, v := range s.values[keyword] {
		if isNone(v.Text) {
			continue
		}
		path, err := s.path(v, r)
		if err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// path expands "~", then tokens and variables.
func (s *Settings) path(v Value, r Remote) (string, error) {
	path, err := s.options.expandTilde(v.Text)
	if err != nil {
		return "", &ConfigError{Origin: v.Origin, Why: err}
	}
	v.Text = path
	return s.expand(v, expansion{tokens: s.options.tokens(s.names(r)), env: s.options.env})
}

func (s *Settings) expand(v Value, x expansion) (string, error) {
	text, err := x.expand(v.Text)
	if err != nil {
		return "", &ConfigError{Origin: v.Origin, Why: err}
	}
	return text, nil
}

// names are the tokens' facts once everything is read.
func (s *Settings) names(r Remote) names {
	r = s.remote(r)
	n := names{host: r.Host, original: s.options.Host, alias: s.HostKeyAlias(), user: r.User, port: r.Port}
	if n.alias == "" {
		n.alias = s.options.Host
	}
	if jump, err := s.ProxyJump(); err == nil && len(jump) > 0 {
		n.jump = jump[len(jump)-1].Host
	}
	return n
}
