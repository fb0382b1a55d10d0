package main

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	"osssh/sshconfig"
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

		// keys and keypairs
		on(sayKeyKept),
		on(sayKeyLost),
		on(sayFileExists),
		on(sayKeyFormat),
		on(sayKeyFileName),
		on(sayKeypairName),
		on(sayKeypairExists),
		on(sayKeypairQuota),
		on(sayNoKeypair),
		on(sayNothingNamed),
		on(sayUnasked),
		on(sayKeyNotHere),
		is(errHiddenHalf, words{what: errHiddenHalf.Error(), hint: "--passphrase-file FILE opens it"}),

		on(sayCloud),
		on(sayElsewhere),
		is(errNoCloud, words{what: errNoCloud.Error(), hint: "osssh --os-cloud NAME ... asks one of them"}),

		// security groups
		on(saySourceUnknown),
		on(sayNoDoor),
		on(sayNoAnswer),
		on(sayNotTakenBack),
		on(sayStep),

		on(func(e *reach.HopError) words {
			w := explain(e.Err)
			w.what = fmt.Sprintf("jump host %s: %s", e.Host, w.what)
			var user *connect.AuthError
			if errors.As(e.Err, &user) {
				w.hint = "another user? -J USER@" + terminal.Quote(e.Host)
			}
			return w
		}),

		on(func(e *reach.JumpLoopError) words {
			return words{what: fmt.Sprintf("it is on its own way: %s leads through %s", e.Host, e.Host)}
		}),
		on(sayNoHost),
		on(sayForward),

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

		// ssh_config
		on(func(e *sshconfig.PermissionError) words {
			return words{what: e.Error(), hint: "chmod 600 " + terminal.Quote(e.Path)}
		}),

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
		on(sayNotReady),
		on(sayBoot),
		on(sayStart),
		on(sayNoAddress),

		// the key
		on(sayNoKey),
		on(func(e *keystore.UnprotectedError) words {
			return words{
				what: fmt.Sprintf("%s matches, but others can read it (mode %04o)", e.Path, e.Mode.Perm()),
				hint: "chmod 600 " + terminal.Quote(e.Path),
			}
		}),
		on(func(e *keystore.WrongPassphraseError) words {
			return words{what: fmt.Sprintf("the passphrase does not open %s", e.Path)}
		}),
		on(func(e *keystore.PassphraseMissingError) words {
			return words{what: fmt.Sprintf("%s needs a passphrase, and none was given", e.Path), hint: "ssh-add " + terminal.Quote(e.Path)}
		}),

		// PuTTY
		on(func(e *ppkTakenError) words {
			return words{what: e.Error(), hint: "mv " + terminal.Quote(e.path) + " " + terminal.Quote(e.path+".old")}
		}),
		on(func(e *proxiedError) words { return words{what: e.Error(), hint: "osssh " + terminal.Quote(e.name)} }),
		on(func(e *noPuTTYError) words { return words{what: e.Error(), hint: "apt install putty-tools"} }),

		// the host key
		on(sayHostKeyRefused),
		is(reach.ErrStrict, words{what: "nothing vouches for the host key, and StrictHostKeyChecking is yes"}),
		on(func(e *sshconfig.ChangedKeyError) words {
			line := e.Known[0]
			return words{
				what: fmt.Sprintf("the host key has changed to %s %s", keyTypeName(e.Key), ssh.FingerprintSHA256(e.Key)),
				more: []string{fmt.Sprintf("known is another one (%s:%d)", line.Path, line.Number)},
			}
		}),
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
