package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"

	"osssh/connect"
	"osssh/internal/terminal"
	"osssh/reach"
	"osssh/resolve"
)

// The words for host keys and connections.

func sayHostKeyRefused(e *reach.HostKeyRefusedError) words {
	presented := fmt.Sprintf("%s %s", keyTypeName(e.Key), ssh.FingerprintSHA256(e.Key))
	if e.Revoked != nil {
		return words{what: fmt.Sprintf("%s shows host key %s, which is revoked (%s:%d)", e.Server.Name, presented, e.Revoked.Path, e.Revoked.Number)}
	}
	if e.ByConsole {
		return words{
			what: fmt.Sprintf("%s shows host key %s, which its console does not name: something else may answer at this address", e.Server.Name, presented),
			hint: "openstack console log show " + terminal.Quote(e.Server.ID),
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
		name, path := e.Alias, e.Known[0].Path
		if filepath.Base(filepath.Dir(path)) != "osssh" && len(e.Names) > 0 { // a file of the user's
			name = e.Names[0]
		}
		w.hint = fmt.Sprintf("if that is expected: ssh-keygen -R %s -f %s", terminal.Quote(name), terminal.Quote(path))
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

func sayForward(e *connect.ForwardError) words {
	if e.Prohibited {
		return words{what: fmt.Sprintf("it forbids connections to %s", e.Address), hint: "AllowTcpForwarding yes in its sshd_config"}
	}
	return words{what: fmt.Sprintf("from there %s: %s", e.Address, e.Message)}
}

func sayNoHost(e *reach.NoHostError) words {
	var missing *resolve.NotFoundError
	if errors.As(e.Server, &missing) && e.Host.IsNotFound {
		w := words{what: "neither a server nor a host has that name"}
		if len(missing.Near) > 0 {
			w.hint = explain(missing).hint
		}
		return w
	}
	return words{what: explain(e.Server).what, more: []string{e.Host.Error()}, hint: explain(e.Server).hint}
}

// noJumpWords says in one line why no server of the project leads to another.
func noJumpWords(err error) string {
	var none *reach.NoJumpError
	if !errors.As(err, &none) {
		return "no jump host: " + explain(err).what
	}
	if none.Err != nil {
		return "no jump host could be looked for: " + explain(none.Err).what
	}
	if len(none.Tried) > 0 {
		var tried []string
		for _, hop := range none.Tried {
			tried = append(tried, hop.Host+" ("+explain(hop.Err).what+")")
		}
		return "no jump host leads there: " + strings.Join(tried, ", ")
	}
	if none.Considered == 0 {
		return "no jump host: no other server stands on its networks"
	}
	var why []string
	for _, count := range []struct {
		n    int
		what string
	}{
		{none.Unreachable, "cannot be reached from here"},
		{none.Denied, "not admitted by its security groups"},
		{none.Stopped, "not running"},
		{none.NoKey, "made with a key that is not here"},
	} {
		if count.n > 0 {
			why = append(why, fmt.Sprintf("%d %s", count.n, count.what))
		}
	}
	return fmt.Sprintf("no jump host: of %d servers beside it %s", none.Considered, strings.Join(why, ", "))
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
		if v.Err != nil {
			w.more = append(w.more, reasonWords(v))
			break
		}
	}
	if e.Jump != nil {
		w.more = append(w.more, noJumpWords(e.Jump))
	}
	return w
}

func attemptReason(a connect.Attempt, gaveUp bool) string {
	if gaveUp {
		return fmt.Sprintf("silent for %.1f s", a.Duration.Seconds())
	}
	var timeout *connect.TimeoutError // which names the stage itself
	if a.Stage == connect.StageDial || errors.As(a.Err, &timeout) {
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
