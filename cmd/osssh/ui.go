package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"osssh/connect"
	"osssh/internal/openstack"
	"osssh/internal/terminal"
	"osssh/keystore"
	"osssh/reach"
	"osssh/resolve"
)

// ui is how osssh speaks with its user. What it says goes to standard error,
// each line under its name, and no foreign text goes unsanitized; what it asks
// goes to the terminal. Results are none of its business.
type ui struct {
	mu       sync.Mutex // one question or line at a time
	stderr   *os.File
	progress *terminal.Progress
	env      func(string) string
	quiet    bool
	debug    bool
	verbose  int
	batch    bool // nothing may be asked
	noChoice bool // of several servers none may be chosen
}

// settle takes what the flags say of how much is said.
func (u *ui) settle(g globals, verbose int) {
	u.quiet, u.debug, u.verbose = g.quiet, g.debug, verbose
}

// start shows progress from now on, on a terminal.
func (u *ui) start() {
	if u.progress == nil && !u.quiet && !u.debug && u.verbose == 0 && terminal.IsTerminal(u.stderr) {
		u.progress = terminal.StartProgress(u.stderr)
	}
}

func (u *ui) stage(s string) {
	u.debugf("%s", s)
	u.progress.Stage(s)
}

// line writes one line that is safe to show.
func (u *ui) line(s string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.progress.Pause(func() { fmt.Fprintln(u.stderr, s) })
}

// notef tells the user something though the work goes on.
func (u *ui) notef(format string, args ...any) {
	if !u.quiet {
		u.line("osssh: " + terminal.Sanitize(fmt.Sprintf(format, args...)))
	}
}

func (u *ui) debugf(format string, args ...any) {
	if u.debug {
		u.line("osssh: debug: " + terminal.Sanitize(fmt.Sprintf(format, args...)))
	}
}

// explain says why a command failed, and what to type.
func (u *ui) explain(err error) { u.tell(explain(err)) }

// tell says what is, and what to type.
func (u *ui) tell(w words) {
	lines := append([]string{"osssh: " + w.what}, w.more...)
	if w.hint != "" {
		lines = append(lines, "hint: "+w.hint)
	}
	for _, line := range lines {
		u.line(terminal.Sanitize(line))
	}
}

// ask opens the terminal for a question. Progress is out of the way meanwhile.
func (u *ui) ask(question func(*terminal.TTY) error) error {
	if u.batch {
		return fmt.Errorf("%w: %w", terminal.ErrNoTerminal, errBatch)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	tty, err := terminal.OpenTTY()
	if err != nil {
		return err
	}
	defer tty.Close()
	u.progress.Pause(func() { err = question(tty) })
	return err
}

// secret asks for a passphrase or a password: by SSH_ASKPASS where there is no
// terminal or SSH_ASKPASS_REQUIRE wants it so, as ssh(1) says.
func (u *ui) secret(ctx context.Context, question string) (answer []byte, err error) {
	if u.batch {
		return nil, errBatch
	}
	require := u.env("SSH_ASKPASS_REQUIRE")
	display := u.env("DISPLAY") != "" || u.env("WAYLAND_DISPLAY") != ""
	program := u.env("SSH_ASKPASS")
	if program != "" && (require == "force" || require == "prefer" && display) {
		return askpass(ctx, program, question)
	}
	err = u.ask(func(tty *terminal.TTY) error {
		var err error
		answer, err = tty.AskSecret(ctx, question)
		return err
	})
	if errors.Is(err, terminal.ErrNoTerminal) && program != "" && display && require != "never" {
		return askpass(ctx, program, question)
	}
	return answer, err
}

func (u *ui) password(ctx context.Context, cloud *openstack.Cloud, what string) (string, error) {
	answer, err := u.secret(ctx, fmt.Sprintf("%s of %s for cloud %s: ", what, terminal.Sanitize(cloud.Auth.Username), cloud.Name))
	return string(answer), err
}

func (u *ui) passphrase(ctx context.Context, p keystore.Prompt) ([]byte, error) {
	if p.Try > 1 {
		u.notef("that passphrase does not open it")
	}
	answer, err := u.secret(ctx, fmt.Sprintf("passphrase for %s: ", terminal.Sanitize(p.Path)))
	if err != nil && ctx.Err() == nil { // nobody to ask, or no answer
		return nil, fmt.Errorf("%w: %w", &keystore.PassphraseMissingError{Path: p.Path}, err)
	}
	return answer, err
}

func (u *ui) protectKey(ctx context.Context, file *keystore.File) (protected bool, err error) {
	err = u.ask(func(tty *terminal.TTY) error {
		path := terminal.Sanitize(file.Path)
		yes, err := tty.Confirm(ctx, fmt.Sprintf("%s opens it, but others can read that file. chmod 600 %s?", path, path))
		protected = yes
		return err
	})
	if errors.Is(err, terminal.ErrNoTerminal) {
		return false, nil
	}
	if err != nil || !protected {
		return false, err
	}
	return true, keystore.Protect(file.Path)
}

// acceptHostKey asks as ssh does, and takes the fingerprint for an answer too.
func (u *ui) acceptHostKey(ctx context.Context, q reach.HostKeyQuestion) (accepted bool, err error) {
	fingerprint := ssh.FingerprintSHA256(q.Key)
	err = u.ask(func(tty *terminal.TTY) error {
		question := fmt.Sprintf("%s\n%s key fingerprint is %s.\nAre you sure you want to continue connecting (yes/no/[fingerprint])? ",
			terminal.Sanitize(unknownKeyWords(q)), keyTypeName(q.Key), fingerprint)
		for range 3 {
			answer, err := tty.Ask(ctx, question)
			if err != nil {
				return err
			}
			switch answer = strings.TrimSpace(answer); {
			case strings.EqualFold(answer, "yes"), answer == fingerprint:
				accepted = true
				return nil
			case strings.EqualFold(answer, "no"):
				return nil
			}
			question = "Please type 'yes', 'no' or the fingerprint: "
		}
		return nil
	})
	return accepted, err
}

// unknownKeyWords say whose host key is not known, and why.
func unknownKeyWords(q reach.HostKeyQuestion) string {
	who, why := fmt.Sprintf("%s (%s)", q.Name, q.Candidate), "its console tells no host key"
	if q.Plain {
		why = "known_hosts has no key of it"
	}
	if q.Towards != "" {
		who += ", on the way to " + q.Towards + ","
	}
	return fmt.Sprintf("The authenticity of %s can't be established: %s.", who, why)
}

// keyTypeName is a host key's type as ssh shows it to people.
func keyTypeName(key ssh.PublicKey) string {
	switch key.Type() {
	case ssh.KeyAlgoED25519:
		return "ED25519"
	case ssh.KeyAlgoRSA:
		return "RSA"
	case ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521:
		return "ECDSA"
	}
	return terminal.Sanitize(key.Type())
}

func (u *ui) chooseServer(ctx context.Context, several *resolve.AmbiguousError) (openstack.Server, error) {
	var choices []string
	for _, s := range several.Servers {
		choices = append(choices, serverLine(s))
	}
	chosen, err := u.choose(ctx, fmt.Sprintf("%d servers are named %s:", len(choices), several.Name), choices)
	if errors.Is(err, terminal.ErrNoTerminal) {
		return openstack.Server{}, several
	}
	if err != nil {
		return openstack.Server{}, err
	}
	return several.Servers[chosen], nil
}

// choose asks which one of several lines is meant.
func (u *ui) choose(ctx context.Context, question string, lines []string) (chosen int, err error) {
	if u.noChoice {
		return 0, terminal.ErrNoTerminal
	}
	for i, line := range lines {
		lines[i] = terminal.Sanitize(line)
	}
	err = u.ask(func(tty *terminal.TTY) error {
		var err error
		chosen, err = tty.Choose(ctx, terminal.Sanitize(question), lines)
		return err
	})
	return chosen, err
}

// serverLine tells servers of one name apart.
func serverLine(s openstack.Server) string {
	words := []string{s.ID, s.Status, "created " + s.Created.Format(time.RFC3339)}
	for _, address := range novaAddresses(s) {
		words = append(words, address.String())
	}
	return strings.Join(words, "  ")
}

func (u *ui) banner(text string) error {
	if !u.quiet {
		u.line(strings.TrimRight(terminal.SanitizeLines(text), "\n"))
	}
	return nil
}

func (u *ui) note(n reach.Note) {
	switch n.Kind {
	case reach.HostKeyReplaced:
		u.notef("%s has a new host key, as its console shows: %s", n.Server.Name, ssh.FingerprintSHA256(n.Key))
	case reach.HostKeyAdded:
		u.notef("host key %s of %s is accepted unasked", ssh.FingerprintSHA256(n.Key), n.What)
	case reach.HostKeyNotRemembered:
		u.notef("the host key of %s could not be remembered: %v", n.What, n.Err)
	case reach.NotConfirmed:
		u.notef("not confirmed that %s is still server %s: %s", n.Server.Name, n.Server.ID, reason(n.Err))
	case reach.NotChecked:
		u.notef("%s of %s could not be asked: %s", n.What, n.Server.Name, explain(n.Err).what)
	case reach.KeyPassedOver:
		u.notef("%s is passed over: others can read it (chmod 600 %s)", n.What, terminal.Quote(n.What))
	case reach.KnownHostsProblem:
		if u.verbose > 0 {
			u.verbosef("%v", n.Err)
		}
	case reach.ServerStarted:
		u.notef("%s is %s: starting it", n.Server.Name, n.Server.Status)
	case reach.Jumped:
		u.notef("%s is reached through %s", n.Server.Name, n.What)
	case reach.NotCached:
		u.debugf("not remembered: %v", n.Err)
	}
}

func (u *ui) traceCall(c openstack.Call) {
	outcome := fmt.Sprint(c.Status)
	if c.Err != nil {
		outcome = c.Err.Error()
	}
	u.debugf("%s %s %s %s %s", c.Method, c.URL, outcome, c.Duration.Round(time.Millisecond), c.RequestID)
}

// traceConnection is what -v shows of a connection.
func (u *ui) traceConnection(e connect.Event) {
	if u.verbose == 0 && !u.debug {
		return
	}
	at := fmt.Sprintf("%s after %s", e.Candidate, e.Elapsed.Round(time.Millisecond))
	switch e.Kind {
	case connect.EventDial:
		u.verbosef("dialling %s (%s)", e.Candidate, e.Candidate.Label)
	case connect.EventConnected:
		u.verbosef("connected to %s", at)
	case connect.EventServerVersion:
		u.verbosef("%s is %s", e.Candidate, e.Text)
	case connect.EventHostKey:
		u.verbosef("host key %s %s", e.Key.Type(), ssh.FingerprintSHA256(e.Key))
	case connect.EventHostKeyOK:
		u.verbosef("host key accepted")
	case connect.EventAlgorithms:
		u.verbosef("key exchange %s, host key %s, cipher %s", e.Algorithms.KeyExchange, e.Algorithms.HostKey, e.Algorithms.Write.Cipher)
	case connect.EventAuthMethods:
		u.verbosef("server lets try %s", strings.Join(e.Methods, ","))
	case connect.EventSigners:
		for _, key := range e.Signers {
			u.verbosef("offering key %s %s", key.Type(), ssh.FingerprintSHA256(key))
		}
	case connect.EventLoggedIn:
		u.verbosef("logged in at %s", at)
	case connect.EventFailed:
		u.verbosef("%s failed in %s: %v", at, e.Stage, e.Err)
	}
}

func (u *ui) verbosef(format string, args ...any) {
	u.line("osssh: " + terminal.Sanitize(fmt.Sprintf(format, args...)))
}
