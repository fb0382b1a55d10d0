package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"syscall"

	"golang.org/x/crypto/ssh"

	"osssh/connect"
	"osssh/internal/openstack"
	"osssh/internal/terminal"
	"osssh/keystore"
	"osssh/reach"
	"osssh/resolve"
)

// words are what a user is told of an error: what is, more lines of it, and what
// to type.
type words struct {
	what string
	more []string
	hint string
}

// explain finds the words for an error: those of the first entry of the table
// that knows one of its causes, else its own.
func explain(err error) words {
	for _, say := range explanations() {
		if w, ok := say(err); ok {
			return w
		}
	}
	return words{what: err.Error()}
}

// on makes an entry for one type of error.
func on[E error](say func(E) words) func(error) (words, bool) {
	return func(err error) (words, bool) {
		var e E
		if !errors.As(err, &e) {
			return words{}, false
		}
		return say(e), true
	}
}

// is makes an entry for one error value.
func is(target error, w words) func(error) (words, bool) {
	return func(err error) (words, bool) { return w, errors.Is(err, target) }
}

// explanations is the one table of words, the outermost kind of error first.
func explanations() []func(error) (words, bool) {
	return []func(error) (words, bool){
		on(func(e *usageError) words { return words{what: e.what, hint: "osssh --help"} }),

		// configuration and signing in
		on(func(e *openstack.NoCloudsError) words {
			return words{
				what: "no clouds.yaml, and no OS_* variables of an openrc file",
				more: []string{"looked for " + strings.Join(e.Searched, ", ")},
				hint: "download clouds.yaml from the dashboard (API access) to ~/.config/openstack/clouds.yaml, or try: osssh demo",
			}
		}),
		on(sayUnknownCloud),
		on(func(e *openstack.UnknownRegionError) words {
			return words{what: e.Error(), hint: pick("--os-region-name", e.Regions)}
		}),
		on(func(e *openstack.UnknownProfileError) words {
			return words{what: e.Error(), hint: "put auth_url and the rest of the profile into clouds.yaml"}
		}),
		on(func(e *openstack.AuthTypeError) words {
			return words{what: e.Error(), hint: sayInstead(e)}
		}),
		on(func(e *openstack.MissingSecretError) words {
			return words{
				what: fmt.Sprintf("cloud %s: no %s configured, and no terminal to ask on", e.Cloud, e.Name),
				hint: fmt.Sprintf("put %s into secure.yaml or the environment", e.Name),
			}
		}),
		on(func(e *openstack.AuthError) words {
			return words{
				what: fmt.Sprintf("cloud %s refuses the login by %s: %s", e.Cloud, e.AuthType, e.Message),
				hint: sayAuthHint(e),
			}
		}),
		on(func(e *openstack.TokenRefusedError) words {
			return words{
				what: fmt.Sprintf("%s refuses %s %s with a valid token", e.Service, e.Method, e.Path),
				hint: "an application credential with access rules lacks this one: openstack application credential create",
			}
		}),
		on(func(e *openstack.UnscopedError) words {
			return words{what: e.Error(), hint: "--os-project-name NAME, or project_name in clouds.yaml"}
		}),
		on(func(e *openstack.ServiceMissingError) words {
			w := words{what: e.Error()}
			if e.RegionUnknown {
				w.hint = pick("--os-region-name", e.Regions)
			} else {
				w.hint = "--os-interface public, internal or admin, or another --os-region-name"
			}
			return w
		}),
		on(func(e *openstack.ConfigError) words { return words{what: e.Error()} }),

		// the server
		on(sayNotFound),
		on(func(e *resolve.AmbiguousError) words {
			w := words{what: fmt.Sprintf("%d servers are named %s", len(e.Servers), e.Name), hint: "osssh ID"}
			for _, s := range e.Servers {
				w.more = append(w.more, "  "+serverLine(s))
			}
			return w
		}),
		on(sayState),
		on(sayNoAddress),

		// the key
		on(sayNoKey),
		on(func(e *keystore.UnprotectedError) words {
			return words{
				what: fmt.Sprintf("%s matches, but others can read it (mode %04o)", e.Path, e.Mode.Perm()),
				hint: "chmod 600 " + quote(e.Path),
			}
		}),
		on(func(e *keystore.WrongPassphraseError) words {
			return words{what: fmt.Sprintf("the passphrase does not open %s", e.Path)}
		}),
		on(func(e *keystore.PassphraseMissingError) words {
			return words{what: fmt.Sprintf("%s needs a passphrase, and there is no terminal to ask on", e.Path), hint: "ssh-add " + quote(e.Path)}
		}),

		// the host key
		on(sayHostKeyRefused),
		is(reach.ErrDeclined, words{what: "the host key was not accepted"}),
		on(sayHostKey),
		is(terminal.ErrNoTerminal, words{what: "no terminal to ask on"}),

		// the connection
		on(sayUnreached),
		on(sayAuth),
		on(func(e *connect.LostError) words {
			return words{what: "connection lost: " + reason(e.Err)}
		}),
		on(func(e *connect.RequestError) words { return words{what: e.Error()} }),
		on(sayDial),

		// an API, last: other errors hold one as their cause
		on(sayAPI),
		on(func(e *openstack.UnreachableError) words {
			return words{
				what: fmt.Sprintf("%s does not answer: %s", e.URL, reason(e.Err)),
				hint: "is a VPN or a proxy (HTTPS_PROXY, NO_PROXY) needed to reach this cloud?",
			}
		}),
	}
}

// pick offers the values that a flag could have.
func pick(flag string, values []string) string {
	if len(values) == 0 {
		return flag + " NAME"
	}
	return flag + " " + strings.Join(values, ", "+flag+" ")
}

func sayUnknownCloud(e *openstack.UnknownCloudError) words {
	w := words{what: fmt.Sprintf("no cloud %s in %s", e.Cloud, e.File), hint: pick("--os-cloud", e.Clouds)}
	if e.Cloud == "" {
		w.what = fmt.Sprintf("%s has several clouds and none is chosen", e.File)
	}
	return w
}

func sayInstead(e *openstack.AuthTypeError) string {
	switch e.Instead {
	case openstack.AuthApplicationCredential:
		return "openstack application credential create osssh, and auth_type: v3applicationcredential in clouds.yaml"
	case "":
		return ""
	}
	return fmt.Sprintf("auth_type: %s in clouds.yaml", e.Instead)
}

func sayAuthHint(e *openstack.AuthError) string {
	if e.AuthType == openstack.AuthApplicationCredential {
		return "it may have expired: openstack application credential list"
	}
	return "check user name, password, and both domains of the cloud's entry"
}

func sayNotFound(e *resolve.NotFoundError) words {
	w := words{what: "no server " + e.Name}
	for _, s := range e.Deleted {
		w.more = append(w.more, fmt.Sprintf("one of that name was deleted at %s (%s)", s.Updated.Format("2006-01-02 15:04 MST"), s.ID))
	}
	var names []string
	for _, s := range e.Near {
		names = append(names, s.Name)
	}
	switch len(names) {
	case 0:
		w.hint = "osssh list"
	default:
		w.hint = "did you mean " + strings.Join(names, ", ") + "?"
	}
	return w
}

func sayState(e *reach.StateError) words {
	id := e.Server.ID
	w := words{what: fmt.Sprintf("%s is %s", e.Server.Name, e.Server.Status)}
	if e.Server.Fault != nil {
		w.what += ": " + e.Server.Fault.Message
	}
	switch e.Server.Status {
	case "BUILD":
		w.hint = "wait a little: openstack server show " + id
	case "SHUTOFF":
		w.hint = "openstack server start " + id
	case "PAUSED":
		w.hint = "openstack server unpause " + id
	case "SUSPENDED":
		w.hint = "openstack server resume " + id
	case "SHELVED", "SHELVED_OFFLOADED":
		w.hint = "openstack server unshelve " + id
	case "SOFT_DELETED":
		w.hint = "openstack server restore " + id
	case "ERROR":
		w.hint = "openstack server show " + id
	}
	return w
}

func sayNoAddress(e *reach.NoAddressError) words {
	if e.Wanted.IsValid() {
		return words{what: fmt.Sprintf("%s has no address %s", e.Server.Name, e.Wanted), hint: "osssh " + quote(e.Server.Name)}
	}
	if len(e.Fixed) == 0 {
		return words{what: fmt.Sprintf("%s has no address at all", e.Server.Name), hint: "openstack server add network " + e.Server.ID + " NETWORK"}
	}
	var fixed []string
	for _, address := range e.Fixed {
		fixed = append(fixed, address.String())
	}
	return words{
		what: fmt.Sprintf("%s has no address that can be reached from here, only %s", e.Server.Name, strings.Join(fixed, ", ")),
		hint: "openstack floating ip create EXTERNAL-NETWORK; openstack server add floating ip " + e.Server.ID + " ADDRESS",
	}
}

func sayNoKey(e *reach.NoKeyError) words {
	w := words{what: fmt.Sprintf("no private key here matches keypair %s of %s", e.Server.KeyName, e.Server.Name)}
	if e.Server.KeyName == "" {
		w.what = fmt.Sprintf("%s was made without a keypair, and no private key here fits what its console shows", e.Server.Name)
	}
	if e.Wanted.Public != nil {
		w.more = append(w.more, fmt.Sprintf("it takes %s %s", e.Wanted.Public.Type(), ssh.FingerprintSHA256(e.Wanted.Public)))
	}
	w.more = append(w.more, fmt.Sprintf("looked at %d keys in %d files and %d in the agent", e.Result.Looked.Keys, e.Result.Looked.Files, e.Result.Looked.AgentKeys))
	for _, miss := range e.Result.Misses {
		w.more = append(w.more, "  "+missWords(miss))
	}
	w.hint = "osssh -i FILE " + quote(e.Server.Name) + ", or copy the key to ~/.ssh"
	return w
}

// missWords says why a key file that looked right does not count.
func missWords(m keystore.Miss) string {
	switch m.Why {
	case keystore.Other:
		return m.Path + " is another key"
	case keystore.HiddenHalf:
		return m.Path + " is encrypted, and nothing tells whose key it is: name it with -i"
	case keystore.PublicOnly:
		return m.Path + " is only the public half"
	}
	return fmt.Sprintf("%s: %v", m.Path, m.Err)
}

func sayHostKeyRefused(e *reach.HostKeyRefusedError) words {
	presented := fmt.Sprintf("%s %s", keyTypeName(e.Key), ssh.FingerprintSHA256(e.Key))
	if e.ByConsole {
		return words{
			what: fmt.Sprintf("%s shows host key %s, which its console does not name: something else may answer at this address", e.Server.Name, presented),
			hint: "openstack console log show " + e.Server.ID,
		}
	}
	w := words{what: fmt.Sprintf("the host key of %s has changed to %s", e.Server.Name, presented)}
	for _, line := range e.Known {
		w.more = append(w.more, fmt.Sprintf("known is %s %s (%s:%d)", keyTypeName(line.Key), ssh.FingerprintSHA256(line.Key), line.Path, line.Number))
	}
	if e.Action != nil {
		w.more = append(w.more, fmt.Sprintf("its action log has a %s at %s, which makes new host keys", e.Action.Action, e.Action.Start.Format("2006-01-02 15:04 MST")))
	}
	if len(e.Known) > 0 {
		w.hint = fmt.Sprintf("if that is expected: ssh-keygen -R %s -f %s", e.Alias, quote(e.Known[0].Path))
	}
	return w
}

func sayHostKey(e *connect.HostKeyError) words {
	w := words{what: fmt.Sprintf("host key %s %s: %s", keyTypeName(e.Key), ssh.FingerprintSHA256(e.Key), e.Err)}
	if errors.Is(e.Err, terminal.ErrNoTerminal) {
		w.what = fmt.Sprintf("nothing vouches for host key %s %s, and there is no terminal to ask on", keyTypeName(e.Key), ssh.FingerprintSHA256(e.Key))
		w.hint = "log in from a terminal once"
	}
	return w
}

func sayUnreached(e *reach.UnreachedError) words {
	w := words{what: e.Server.Name + " does not answer"}
	if e.Server.Status != "" && e.Server.Status != "ACTIVE" {
		w.what += ", and is " + e.Server.Status
	}
	var failed *connect.DialError
	if errors.As(e.Err, &failed) {
		for _, attempt := range failed.Attempts {
			w.more = append(w.more, fmt.Sprintf("%s: %s", attempt.Candidate, attemptReason(attempt, e.GaveUp)))
		}
	}
	for _, v := range e.Verdicts {
		if cause, fix := verdictWords(v); cause != "" {
			w.more = append(w.more, "cause: "+cause)
			w.hint = fix
			break
		}
	}
	return w
}

func attemptReason(a connect.Attempt, gaveUp bool) string {
	if gaveUp {
		return fmt.Sprintf("silent for %.1f s", a.Duration.Seconds())
	}
	if a.Stage == connect.StageDial {
		return reason(a.Err)
	}
	return fmt.Sprintf("%s: %s", a.Stage, reason(a.Err))
}

func sayAuth(e *connect.AuthError) words {
	w := words{what: fmt.Sprintf("the server does not admit user %s with the key offered", e.User), hint: "another user? osssh -l USER NAME"}
	var ended *connect.DisconnectError
	switch {
	case errors.As(e.Err, &ended):
		w.what += ": " + ended.Message
	case e.Err != nil:
		return words{what: fmt.Sprintf("login as %s: %s", e.User, explain(e.Err).what), hint: explain(e.Err).hint}
	case len(e.Methods) > 0:
		w.what += fmt.Sprintf(" (it takes %s)", strings.Join(e.Methods, ", "))
	}
	return w
}

func sayDial(e *connect.DialError) words {
	if len(e.Attempts) == 1 {
		a := e.Attempts[0]
		return words{what: fmt.Sprintf("%s: %s", a.Candidate, attemptReason(a, false))}
	}
	w := words{what: "no address leads to a login"}
	for _, a := range e.Attempts {
		w.more = append(w.more, fmt.Sprintf("%s: %s", a.Candidate, attemptReason(a, false)))
	}
	return w
}

func sayAPI(e *openstack.APIError) words {
	w := words{what: fmt.Sprintf("%s answers %d: %s", e.Service, e.Status, e.Message)}
	if e.RequestID != "" {
		w.more = append(w.more, fmt.Sprintf("%s %s, request %s", e.Method, e.Path, e.RequestID))
	}
	switch {
	case e.Status == 403:
		w.hint = "ask for the role member in this project"
	case e.Status >= 500:
		w.hint = "try again; if it stays, tell the operator the request's id"
	}
	return w
}

// reason is the short form of an error of the network.
func reason(err error) string {
	var errno syscall.Errno
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &errno):
		return errno.Error()
	case errors.Is(err, io.EOF):
		return "closed by the other side"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return "timed out"
	}
	if w := explain(err); w.what != "" && w.what != err.Error() {
		return w.what
	}
	if errors.As(err, &timeout) && timeout.Timeout() && err.Error() == "" {
		return "timed out"
	}
	return err.Error()
}

// novaAddresses are the addresses of a server as nova knows them.
func novaAddresses(s openstack.Server) []netip.Addr {
	var all []netip.Addr
	for _, addresses := range s.Addresses {
		for _, a := range addresses {
			if address, err := netip.ParseAddr(a.Address); err == nil {
				all = append(all, address)
			}
		}
	}
	return all
}

// quote makes a word safe to paste into a POSIX shell.
func quote(word string) string {
	safe := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./:@%+=~,", r)
	}
	if word != "" && word[0] != '~' && strings.IndexFunc(word, func(r rune) bool { return !safe(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
