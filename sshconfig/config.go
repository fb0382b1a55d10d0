package sshconfig

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Options is what an evaluation of ssh_config depends on. Nothing is read from
// the environment, and no file but those named here and those they include.
type Options struct {
	Host    string // as typed, without "user@"
	User    string // from the command line, "" where none was given
	Port    int    // from the command line, 0 where none was given
	Command string // the remote command, for Match command and sessiontype

	Overrides  []string // values of -o, in their order; they win over User and Port
	File       string   // -F: replaces both files below, must be there; "none" means no file at all
	UserFile   string   // ~/.ssh/config; "" or not there: none
	SystemFile string   // /etc/ssh/ssh_config; "" or not there: none

	Home      string // the home directory: "~" and %d
	SystemDir string // where the system file's relative Includes are: /etc/ssh
	UID       int    // the user's id: %i, and who may own a file
	LocalUser string // the user's name: %u
	LocalHost string // this machine's name: %l, %L

	Env            func(name string) (string, bool)                                // nil: no variable is set
	HomeOf         func(user string) (string, error)                               // for "~user"; nil: there is no such user
	Exec           func(ctx context.Context, command string) (exit int, err error) // runs Match exec; nil: such a block never matches
	ExecLimit      time.Duration                                                   // for each command; 0: 10 seconds
	LocalAddresses func() ([]netip.Addr, error)                                    // for Match localnetwork; nil: none
	// Canonical looks up a fully qualified name and says how the resolver
	// calls that host; false: there is none. nil: CanonicalDomains finds
	// nothing.
	Canonical func(ctx context.Context, name string) (cname string, ok bool)
}

// Origin is where a value comes from.
type Origin struct {
	Path string // "" for the command line
	Line int    // from 1; on the command line the number of the -o
}

func (o Origin) String() string {
	if o.Path == "" {
		return "command line"
	}
	return fmt.Sprintf("%s:%d", o.Path, o.Line)
}

// Value is one value of a keyword, without quotes; yes/no and other choices
// are in lower case and in the form that the manual prefers. Tokens and "~"
// stand in it as they were written.
type Value struct {
	Text   string
	Origin Origin
}

// Settings is what the files say for one host. First match wins; IdentityFile,
// CertificateFile, SendEnv and the forwards add up.
type Settings struct {
	options  Options
	values   map[string][]Value // by keyword in lower case
	host     string             // what ssh would connect to: HostName, else Options.Host
	warnings []Problem
}

// Evaluate reads the configuration for a host as ssh does; ssh -G prints the
// same. It follows OpenSSH 9.2, and in what that refuses the later versions up
// to 10.5. Problems in the files come as errors joined: *ConfigError,
// *PermissionError, or that of the failed read. A Host or User that could do
// harm in a command is an *UnsafeNameError.
func Evaluate(ctx context.Context, o Options) (*Settings, error) {
	e := newEvaluator(ctx, o)
	if err := e.commandLine(); err != nil {
		return nil, err
	}
	if err := e.readFiles(); err != nil {
		return nil, err
	}
	if err := e.settleHost(); err != nil {
		return nil, err
	}
	if e.wantFinal {
		e.final = true
		if err := e.readFiles(); err != nil {
			return nil, err
		}
	}
	s := &Settings{options: o, values: e.values, host: e.host, warnings: e.warnings}
	if err := s.checkJumpLoop(); err != nil {
		return nil, err
	}
	return s, nil
}

// Values returns the values of a keyword, whatever its case, nil where nothing
// sets it. The obsolete names of a keyword mean the same.
func (s *Settings) Values(keyword string) []Value {
	return slices.Clone(s.values[canonicalKeyword(keyword)])
}

// Keywords lists in order, in lower case, what is set.
func (s *Settings) Keywords() []string {
	var names []string
	for name := range s.values {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Warnings are lines that ssh reads over with a message: keywords that no
// version honours any more, and files that could not be opened.
func (s *Settings) Warnings() []Problem { return slices.Clone(s.warnings) }

// first is the first value of a keyword.
func (s *Settings) first(keyword string) (Value, bool) {
	if v := s.values[keyword]; len(v) > 0 {
		return v[0], true
	}
	return Value{}, false
}

// text is the first value of a keyword, "" where nothing sets it.
func (s *Settings) text(keyword string) string {
	v, _ := s.first(keyword)
	return v.Text
}

// isNone says whether a value is the word that switches a setting off.
func isNone(s string) bool { return strings.EqualFold(s, "none") }
