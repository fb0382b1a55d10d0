package diagnose

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"osssh/connect"
	"osssh/keystore"
)

const (
	// maxOffered is how many keys are offered, as a login does it.
	maxOffered = 5
	// maxOutput is how much is kept of what a server says, in bytes.
	maxOutput = 4 << 10
	// sessionPatience is how long a session may say nothing, sessionLimit how
	// long it may last.
	sessionPatience = 3 * time.Second
	sessionLimit    = 6 * time.Second
)

// signers are the keys that a login would offer, best first. One whose private
// half is not at hand is offered too: the server tells whether it would do.
func (h *handshake) signers(ctx context.Context) ([]ssh.Signer, error) {
	var offers []ssh.Signer
	var refused error
	for _, id := range h.probing.plan.Keys.Identities {
		if len(offers) == maxOffered {
			break
		}
		signer, err := id.Signer(ctx, nil)
		able, ok := signer.(ssh.MultiAlgorithmSigner)
		switch {
		case err == nil && ok:
			offers = append(offers, &offer{MultiAlgorithmSigner: able, taken: h.taken})
		case err != nil && id.Public != nil:
			offers = append(offers, &offer{MultiAlgorithmSigner: shut{id.Public, err}, taken: h.taken})
		case err != nil && refused == nil:
			refused = err
		}
	}
	if len(offers) == 0 && refused != nil {
		h.mu.Lock()
		h.unsigned = refused
		h.mu.Unlock()
	}
	return offers, nil
}

// taken notes that the server takes a key, and how signing with it went.
func (h *handshake) taken(key ssh.PublicKey, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.login.Accepted, h.unsigned = key, err
}

// offer is a key as a probe offers it. x/crypto has it sign only once the server
// has said that it takes the key (RFC 4252 section 7).
type offer struct {
	ssh.MultiAlgorithmSigner
	taken func(ssh.PublicKey, error)
}

func (o *offer) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	return o.SignWithAlgorithm(rand, data, o.Algorithms()[0])
}

func (o *offer) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	signature, err := o.MultiAlgorithmSigner.SignWithAlgorithm(rand, data, algorithm)
	o.taken(o.PublicKey(), err)
	return signature, err
}

// shut is a key whose private half is out of reach.
type shut struct {
	public ssh.PublicKey
	why    error
}

func (s shut) PublicKey() ssh.PublicKey { return s.public }

func (s shut) Algorithms() []string {
	if s.public.Type() == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	return []string{s.public.Type()}
}

func (s shut) Sign(io.Reader, []byte) (*ssh.Signature, error) { return nil, s.why }

func (s shut) SignWithAlgorithm(io.Reader, []byte, string) (*ssh.Signature, error) {
	return nil, s.why
}

// end takes in how a login failed. A key that lacks nothing but its passphrase
// was only asked about.
func (l *LoginProbe) end(err, unsigned error) {
	var auth *connect.AuthError
	if errors.As(err, &auth) {
		if len(auth.Methods) > 0 {
			l.Methods = auth.Methods
		}
		if auth.Banner != "" {
			l.Banner = clipped(auth.Banner)
		}
	}
	var locked *keystore.PassphraseMissingError
	switch {
	case unsigned == nil:
		l.Err = err
	case l.Accepted != nil && errors.As(unsigned, &locked):
		l.Err = nil
	default:
		l.Err = unsigned
	}
}

func clipped(text string) string { return text[:min(len(text), maxOutput)] }

// banner keeps what a server says before the login.
func (h *handshake) banner(text string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.login.Banner = clipped(h.login.Banner + text)
	return nil
}

// nextUser is whom to try after a login: the one that root was told to be, or
// root, who is told whom to be, after another was refused. "": nobody. Root is
// asked only with a key that the server is known to be made with.
func (p *probing) nextUser(l LoginProbe) string {
	var auth *connect.AuthError
	switch {
	case l.User == "root":
		return l.LoginAs
	case !errors.As(l.Err, &auth) || auth.Err != nil || auth.Offered == 0 || l.Accepted != nil:
		return ""
	}
	for _, id := range p.plan.Keys.Identities {
		if id.How <= keystore.ByPubFile {
			return "root"
		}
	}
	return ""
}

// finish runs a command where the user was let in, and closes the client.
func (p *probing) finish(ctx context.Context, client *connect.Client, l *LoginProbe) {
	if client == nil {
		return
	}
	defer client.Close()
	ctx, end := context.WithTimeout(ctx, sessionLimit)
	defer end()
	out := newOutput(end)
	defer out.stop()
	exit, err := client.Session(ctx, connect.SessionOptions{Command: "exit 0", NoStdin: true, Stdout: out, Stderr: out})
	text := out.text()
	l.Output = text
	l.LoginAs, _ = connect.LoginHint(text)
	switch {
	case l.LoginAs != "":
	case out.wasSilent():
		l.Silent = true
	case err != nil && ctx.Err() == nil:
		l.Err = err
	case err == nil && !exit.Missing:
		l.Exit = &exit.Status
	}
}

// output keeps the beginning of what a session writes. It ends the session once
// that tells whom to log in as, or where nothing comes.
type output struct {
	end   func()
	timer *time.Timer

	mu     sync.Mutex
	kept   []byte
	silent bool
}

func newOutput(end func()) *output {
	o := &output{end: end}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.timer = time.AfterFunc(sessionPatience, func() {
		o.mu.Lock()
		o.silent = len(o.kept) == 0
		silent := o.silent
		o.mu.Unlock()
		if silent {
			end()
		}
	})
	return o
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.kept = append(o.kept, b[:min(len(b), maxOutput-len(o.kept))]...)
	if _, ok := connect.LoginHint(string(o.kept)); ok {
		o.end()
	}
	return len(b), nil
}

func (o *output) stop() { o.timer.Stop() }

func (o *output) text() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.kept)
}

func (o *output) wasSilent() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.silent
}
