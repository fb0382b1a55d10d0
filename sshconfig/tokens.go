package sshconfig

import (
	"crypto/sha1" // %C is defined with it: ssh_config(5), "TOKENS"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// UnknownTokenError is a %-token that the keyword does not know.
type UnknownTokenError struct{ Token string }

func (e *UnknownTokenError) Error() string { return fmt.Sprintf("unknown token %q", e.Token) }

// UnsetVariableError is a ${NAME} for which there is no variable.
type UnsetVariableError struct{ Name string }

func (e *UnsetVariableError) Error() string {
	return fmt.Sprintf("environment variable %q is not set", e.Name)
}

var errVariable = errors.New("malformed ${VARIABLE}")

// expansion says what to expand in a value.
type expansion struct {
	tokens map[byte]string                  // nil: '%' means nothing
	env    func(name string) (string, bool) // nil: "${" means nothing
}

// expand replaces %-tokens and ${VARIABLE} as vdollar_percent_expand of
// OpenSSH's misc.c does; what it puts in is not expanded again.
func (x expansion) expand(s string) (string, error) {
	var b strings.Builder
	for s != "" {
		i := strings.IndexAny(s, "%$")
		if i < 0 {
			break
		}
		b.WriteString(s[:i])
		s = s[i:]
		var text string
		var err error
		switch {
		case x.env != nil && strings.HasPrefix(s, "${"):
			text, s, err = x.variable(s)
		case x.tokens != nil && s[0] == '%':
			text, s, err = x.token(s)
		default:
			text, s = s[:1], s[1:]
		}
		if err != nil {
			return "", err
		}
		b.WriteString(text)
	}
	b.WriteString(s)
	return b.String(), nil
}

func (x expansion) variable(s string) (text, rest string, err error) {
	name, rest, ok := strings.Cut(s[len("${"):], "}")
	if !ok || name == "" {
		return "", "", errVariable
	}
	text, ok = x.env(name)
	if !ok {
		return "", "", &UnsetVariableError{Name: name}
	}
	return text, rest, nil
}

func (x expansion) token(s string) (text, rest string, err error) {
	if len(s) < 2 {
		return "", "", &UnknownTokenError{Token: s}
	}
	if s[1] == '%' {
		return "%", s[2:], nil
	}
	text, ok := x.tokens[s[1]]
	if !ok {
		return "", "", &UnknownTokenError{Token: s[:2]}
	}
	return text, s[2:], nil
}

// names are the facts that tokens stand for.
type names struct {
	host     string // %h: the name to connect to
	original string // %n: the name as typed
	alias    string // %k: the HostKeyAlias, or what ssh takes instead
	user     string // %r
	port     int    // %p
	jump     string // %j: the last jump host's name
}

// tokens are all that ssh_config(5), "TOKENS", lists for most keywords.
func (o *Options) tokens(n names) map[byte]string {
	short, _, _ := strings.Cut(o.LocalHost, ".")
	port := strconv.Itoa(n.port)
	hash := sha1.Sum([]byte(o.LocalHost + n.host + port + n.user)) // 9.6 and later add %j
	return map[byte]string{
		'C': hex.EncodeToString(hash[:]),
		'L': short,
		'd': o.Home,
		'h': n.host,
		'i': strconv.Itoa(o.UID),
		'j': n.jump,
		'k': n.alias,
		'l': o.LocalHost,
		'n': n.original,
		'p': port,
		'r': n.user,
		'u': o.LocalUser,
	}
}

// env is Env, or one that knows no variable.
func (o *Options) env(name string) (string, bool) {
	if o.Env == nil {
		return "", false
	}
	return o.Env(name)
}

// UnknownUserError is a "~user" whose home is not known.
type UnknownUserError struct {
	User string
	Err  error // what HomeOf said, nil without one
}

func (e *UnknownUserError) Error() string {
	return fmt.Sprintf("no home directory for user %q", e.User)
}

func (e *UnknownUserError) Unwrap() error { return e.Err }

// expandTilde replaces a leading "~" or "~user" by the home directory.
func (o *Options) expandTilde(path string) (string, error) {
	rest, ok := strings.CutPrefix(path, "~")
	if !ok {
		return path, nil
	}
	user, rest, _ := strings.Cut(rest, "/")
	home := o.Home
	if user != "" {
		if o.HomeOf == nil {
			return "", &UnknownUserError{User: user}
		}
		var err error
		if home, err = o.HomeOf(user); err != nil {
			return "", &UnknownUserError{User: user, Err: err}
		}
	}
	return strings.TrimSuffix(home, "/") + "/" + strings.TrimLeft(rest, "/"), nil
}
