package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"osssh/sshconfig"
)

// honoured are the keywords of ssh_config that osssh acts on. The others are
// named under -v.
var honoured = strings.Fields(`user hostname port identityfile identitiesonly identityagent proxyjump proxycommand
	sendenv setenv connecttimeout hostkeyalias hostkeyalgorithms stricthostkeychecking userknownhostsfile
	globalknownhostsfile batchmode loglevel addressfamily hashknownhosts`)

// settings evaluates the user's ssh_config for a login.
func (p *process) settings(ctx context.Context, args *sshArgs) (*sshconfig.Settings, error) {
	o, err := p.configOptions()
	if err != nil {
		return nil, err
	}
	o.Host, o.User, o.Port, o.Command = args.host, args.user, args.port, args.command
	o.File, o.Overrides = args.configFile, args.options
	return evaluate(ctx, o)
}

// settingsFor evaluates it for one name of many, several at once.
type settingsFor = func(context.Context, sshconfig.JumpHost) (*sshconfig.Settings, error)

// listSettings evaluates it for one server of many: no command of Match exec is
// run for a listing.
func (p *process) listSettings() (settingsFor, error) {
	o, err := p.configOptions()
	o.Exec = nil
	return func(ctx context.Context, server sshconfig.JumpHost) (*sshconfig.Settings, error) {
		one := o
		one.Host = server.Host
		return evaluate(ctx, one)
	}, err
}

// evaluate asks ssh_config about a server. OpenStack lets one bear a name that
// ssh refuses: what holds for every host holds for it too.
func evaluate(ctx context.Context, o sshconfig.Options) (*sshconfig.Settings, error) {
	settings, err := sshconfig.Evaluate(ctx, o)
	var unsafe *sshconfig.UnsafeNameError
	if errors.As(err, &unsafe) && unsafe.Name == o.Host {
		o.Host = strings.Map(plainRune, o.Host)
		settings, err = sshconfig.Evaluate(ctx, o)
	}
	return settings, err
}

func plainRune(r rune) rune {
	if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' {
		return r
	}
	return '_'
}

// hopSettings evaluates it for a jump host. As in ssh, -F holds for it too, and
// -o does not.
func (p *process) hopSettings(ctx context.Context, args *sshArgs, hop sshconfig.JumpHost) (*sshconfig.Settings, error) {
	o, err := p.configOptions()
	if err != nil {
		return nil, err
	}
	o.Host, o.User, o.Port, o.File = hop.Host, hop.User, hop.Port, args.configFile
	return sshconfig.Evaluate(ctx, o)
}

// configOptions are what every evaluation depends on.
func (p *process) configOptions() (sshconfig.Options, error) {
	home, err := p.home()
	if err != nil {
		return sshconfig.Options{}, err
	}
	system := "/etc/ssh"
	if runtime.GOOS == "windows" {
		system = filepath.Join(p.env("ProgramData"), "ssh")
	}
	hostname, err := os.Hostname()
	if err != nil {
		return sshconfig.Options{}, err
	}
	return sshconfig.Options{
		UserFile: filepath.Join(home, ".ssh", "config"), SystemFile: filepath.Join(system, "ssh_config"),
		Home: home, SystemDir: system, UID: os.Getuid(), LocalUser: localUser(), LocalHost: hostname,
		Env: func(name string) (string, bool) {
			value := p.env(name)
			return value, value != ""
		},
		HomeOf: func(name string) (string, error) {
			u, err := user.Lookup(name)
			if err != nil {
				return "", err
			}
			return u.HomeDir, nil
		},
		Exec:           p.shell().Exec,
		LocalAddresses: localAddresses,
		Canonical:      canonicalName,
	}, nil
}

// shell is what runs the commands of ssh_config.
func (p *process) shell() sshconfig.Shell {
	path := p.env("SHELL")
	if runtime.GOOS == "windows" {
		path = p.env("ComSpec")
	} else if path == "" {
		path = "/bin/sh"
	}
	return sshconfig.Shell{Path: path, Stderr: p.stderr}
}

// localUser is the name of the user who runs this, "" where it is not known.
func localUser() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	_, name, found := strings.Cut(u.Username, `\`) // Windows: DOMAIN\name
	if !found {
		return u.Username
	}
	return name
}

func localAddresses() ([]netip.Addr, error) {
	networks, err := net.InterfaceAddrs()
	var addresses []netip.Addr
	for _, n := range networks {
		if prefix, err := netip.ParsePrefix(n.String()); err == nil {
			addresses = append(addresses, prefix.Addr())
		}
	}
	return addresses, err
}

// canonicalName asks the resolver for a fully qualified name.
func canonicalName(ctx context.Context, name string) (string, bool) {
	cname, err := net.DefaultResolver.LookupCNAME(ctx, name)
	return cname, err == nil
}

// traceSettings names, under -v, what ssh_config had to say: what is taken from
// where, and what is not honoured.
func (u *ui) traceSettings(s *sshconfig.Settings) {
	if u.verbose == 0 && !u.debug {
		return
	}
	for _, problem := range s.Warnings() {
		u.verbosef("%v", problem)
	}
	var ignored []string
	for _, keyword := range s.Keywords() {
		for _, value := range s.Values(keyword) {
			if slices.Contains(honoured, keyword) {
				u.verbosef("%s: %s %s", value.Origin, keyword, value.Text)
			} else {
				ignored = append(ignored, fmt.Sprintf("%s (%s)", keyword, value.Origin))
			}
		}
	}
	if len(ignored) > 0 {
		u.verbosef("not honoured: %s", strings.Join(ignored, ", "))
	}
}

// obey takes LogLevel and BatchMode for what they say of talking.
func (u *ui) obey(s *sshconfig.Settings) {
	u.batch = s.BatchMode()
	if u.verbose > 0 || u.quiet {
		return // the command line has spoken
	}
	switch level := s.LogLevel(); level {
	case "QUIET", "FATAL":
		u.quiet = true
	case "DEBUG1", "DEBUG2", "DEBUG3":
		u.verbose = int(level[len(level)-1] - '0')
	}
}

// errBatch says that BatchMode forbids questions.
var errBatch = errors.New("BatchMode forbids to ask")
